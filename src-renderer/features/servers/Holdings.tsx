import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Mirror, Server, Volume } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import {
  Badge,
  DenseTable,
  EmptyState,
  Facts,
  HealthBadge,
  ImageStateBadge,
  units,
  type Column,
} from '../../shared/index.ts';
import { SheetButton } from '../configuration/index.ts';
import { dependentsOf, farSide } from './power.ts';
import classes from './servers.module.css';

interface Pairing {
  mirror: Mirror;
  role: 'primary' | 'secondary' | 'idle';
  peer: Server | undefined;
}

/** Who mirrors with the server, relationship by relationship. */
export function Peers({ server }: { server: Server }): ReactElement {
  const { t } = useTranslation();
  const servers = useLive((state) => state.servers);
  const volumes = useLive((state) => state.volumes);
  const mirrors = useLive((state) => state.mirrors);
  const links = useLive((state) => state.links);
  const ownLinks = links.filter((link) => link.sites.includes(server.site));
  const own = dependentsOf(server, { volumes, mirrors, workloads: [] });
  const rows = own.mirrors.map((mirror): Pairing => {
    const far = farSide(mirror, own.volumes);
    const pool = volumes.find((volume) => volume.name === far.volume)?.pool ?? '';
    return {
      mirror,
      role: mirror.acting === null ? 'idle' : mirror.acting === server.site ? 'primary' : 'secondary',
      peer: servers.find((one) => one.pools.includes(pool)) ?? servers.find((one) => one.site === far.site),
    };
  });
  const columns: Column<Pairing>[] = [
    {
      id: 'mirror',
      title: t('servers.peers.relationship'),
      value: (row) => row.mirror.name,
      cell: (row) => (
        <Link className={classes['nameLink']} to={`/replication/${encodeURIComponent(row.mirror.name)}`}>
          {row.mirror.name}
        </Link>
      ),
    },
    {
      id: 'state',
      title: t('mirror.imageState'),
      value: (row) => row.mirror.imageState,
      cell: (row) => <ImageStateBadge state={row.mirror.imageState} />,
      widthPx: 148,
    },
    {
      id: 'role',
      title: t('servers.peers.role'),
      value: (row) => t(`servers.peers.roles.${row.role}`),
      widthPx: 84,
    },
    {
      id: 'peer',
      title: t('servers.peers.peer'),
      value: (row) => row.peer?.name ?? '–',
      cell: (row) =>
        row.peer === undefined ? (
          '–'
        ) : (
          <Link className={classes['nameLink']} to={`/servers/${encodeURIComponent(row.peer.name)}`}>
            {row.peer.name}
          </Link>
        ),
      widthPx: 86,
    },
    {
      id: 'heard',
      title: t('servers.peers.heard'),
      value: (row) => row.peer?.heartbeatAgeMs ?? Number.MAX_SAFE_INTEGER,
      cell: (row) => units.durationMs(row.peer?.heartbeatAgeMs),
      align: 'right',
      widthPx: 92,
      hideBelowPx: 560,
    },
  ];
  return (
    <>
      <DenseTable
        label={t('servers.peers.title')}
        rows={rows}
        columns={columns}
        rowKey={(row) => row.mirror.id}
        empty={<p className={classes['pad']}>{t('servers.peers.none')}</p>}
      />
      <div className={classes['heard']}>
        <Facts
          facts={[
            {
              label: t('servers.peers.here'),
              value:
                server.heartbeatAgeMs === null
                  ? t('servers.peers.never')
                  : t('servers.peers.hereAge', { age: units.durationMs(server.heartbeatAgeMs) }),
            },
            {
              label: t('servers.peers.links'),
              value:
                ownLinks.length === 0 ? (
                  '–'
                ) : (
                  <span className={classes['linkBadges']}>
                    {ownLinks.map((link) => (
                      <Badge
                        key={link.id}
                        quiet
                        tone={link.state === 'up' ? 'ok' : 'bad'}
                        icon={link.state === 'up' ? 'link' : 'cross-circle'}
                      >
                        {t(`servers.peers.link.${link.state}`, { link: link.name })}
                      </Badge>
                    ))}
                  </span>
                ),
            },
          ]}
        />
      </div>
    </>
  );
}

/** Its pools with their volumes. */
export function Owned({ server }: { server: Server }): ReactElement {
  const { t } = useTranslation();
  const pools = useLive((state) => state.pools);
  const volumes = useLive((state) => state.volumes);
  if (server.pools.length === 0)
    return (
      <EmptyState icon="arrays" title={t('servers.owned.noneTitle')} action={<SheetButton sheet="create-pool" />}>
        {t('servers.owned.none')}
      </EmptyState>
    );
  const columns: Column<Volume>[] = [
    { id: 'volume', title: t('servers.owned.volume'), value: (row) => row.name },
    {
      id: 'state',
      title: t('servers.owned.state'),
      value: (row) => t(`volumeState.${row.state}`),
      cell: (row) => <span title={row.cause ?? undefined}>{t(`volumeState.${row.state}`)}</span>,
      widthPx: 176,
    },
    {
      id: 'used',
      title: t('servers.owned.used'),
      value: (row) => row.usedBytes,
      cell: (row) => units.bytes(row.owner === null ? null : row.usedBytes),
      align: 'right',
      widthPx: 84,
    },
    {
      id: 'size',
      title: t('servers.owned.size'),
      value: (row) => row.sizeBytes,
      cell: (row) => units.bytes(row.sizeBytes),
      align: 'right',
      widthPx: 84,
    },
  ];
  return (
    <>
      {server.pools.map((name) => {
        const pool = pools.find((one) => one.name === name);
        return (
          <div key={name}>
            <p className={classes['poolHead']}>
              <b>{name}</b>
              {pool === undefined ? null : (
                <>
                  <span>{t(`raid.${pool.level}`)}</span>
                  <HealthBadge health={pool.health} quiet />
                  <span>
                    {t('servers.owned.poolOn')}
                    <Link className={classes['nameLink']} to={`/arrays/${encodeURIComponent(pool.array)}`}>
                      {pool.array}
                    </Link>
                  </span>
                </>
              )}
            </p>
            <DenseTable
              label={`${t('servers.owned.title')}: ${name}`}
              rows={volumes.filter((volume) => volume.pool === name)}
              columns={columns}
              rowKey={(row) => row.id}
              empty={<p className={classes['pad']}>{t('servers.owned.noVolumes')}</p>}
            />
          </div>
        );
      })}
    </>
  );
}

import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import type { Server } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import {
  DenseTable,
  EmptyState,
  HealthBadge,
  Meter,
  Page,
  Panel,
  sentence,
  ServerStateBadge,
  TableFilter,
  Time,
  units,
  useTableAddress,
  type Column,
} from '../../shared/index.ts';
import { SheetButton, ThingMenu } from '../configuration/index.ts';
import classes from './servers.module.css';

/** Of the half that takes writes now; null while the log cannot be read. */
function logShare(server: Server): number | null {
  const half = server.nvlog.halves.find((one) => one.state === 'filling');
  return half === undefined || half.sizeBytes === 0 ? null : half.usedBytes / half.sizeBytes;
}

export function ServersPage(): ReactElement {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const servers = useLive((state) => state.servers);
  const address = useTableAddress({ id: 'name', desc: false });
  const path = (server: Server): string => `/servers/${encodeURIComponent(server.name)}`;
  const columns: Column<Server>[] = [
    {
      id: 'name',
      title: t('servers.name'),
      value: (row) => row.name,
      cell: (row) => (
        <Link to={path(row)} className={classes['nameLink']} onClick={(event) => event.stopPropagation()}>
          {row.name}
        </Link>
      ),
      widthPx: 132,
    },
    {
      id: 'state',
      title: t('common.state'),
      value: (row) => t(`serverState.${row.state}`),
      cell: (row) => <ServerStateBadge state={row.state} />,
      widthPx: 104,
    },
    {
      id: 'health',
      title: t('servers.health'),
      value: (row) => t(`health.${row.health}`),
      cell: (row) => <HealthBadge health={row.health} quiet />,
      widthPx: 106,
    },
    { id: 'site', title: t('servers.site'), value: (row) => row.site, widthPx: 92 },
    {
      id: 'heartbeat',
      title: t('servers.heartbeat'),
      value: (row) => row.heartbeatAgeMs ?? Number.MAX_SAFE_INTEGER,
      cell: (row) => units.durationMs(row.heartbeatAgeMs),
      align: 'right',
      widthPx: 94,
    },
    {
      id: 'log',
      title: t('servers.log'),
      value: (row) => logShare(row) ?? -1,
      cell: (row) => {
        const share = logShare(row);
        return share === null ? (
          <span className="dim">–</span>
        ) : (
          <span className={classes['logCell']}>
            <Meter
              label={t('servers.logOf', { server: row.name })}
              hideLabel
              share={share}
              tone={row.nvlog.stalled ? 'bad' : 'accent'}
            />
          </span>
        );
      },
      widthPx: 128,
    },
    {
      id: 'cp',
      title: t('servers.cp'),
      value: (row) => row.cp.committed,
      cell: (row) => <span className="mono">{units.count(row.state === 'up' ? row.cp.committed : null)}</span>,
      align: 'right',
      widthPx: 88,
    },
    {
      id: 'volumes',
      title: t('servers.volumes'),
      value: (row) => row.volumes,
      align: 'right',
      widthPx: 80,
      hideBelowPx: 880,
    },
    {
      id: 'cause',
      title: t('servers.cause'),
      value: (row) => row.cause ?? '',
      cell: (row) =>
        row.cause === null ? (
          <span className="dim">
            {t(`serverState.${row.state}`)} {t('mirror.since')} <Time at={row.since} />
          </span>
        ) : (
          <span title={sentence(row.cause)}>{sentence(row.cause)}</span>
        ),
    },
    {
      id: 'menu',
      title: t('common.actions'),
      plain: true,
      value: () => '',
      cell: (row) => <ThingMenu noun="server" name={row.name} />,
      align: 'right',
      widthPx: 52,
    },
  ];
  return (
    <Page title={t('servers.title')} lead={t('servers.lead')} actions={<SheetButton sheet="create-server" />}>
      <Panel title={t('servers.list')} flush actions={<TableFilter address={address} />}>
        {servers.length === 0 ? (
          <EmptyState icon="servers" title={t('servers.emptyTitle')} action={<SheetButton sheet="create-server" />}>
            {t('servers.emptyText')}
          </EmptyState>
        ) : (
          <DenseTable
            label={t('servers.title')}
            rows={servers}
            columns={columns}
            rowKey={(row) => row.id}
            address={address}
            onOpen={(row) => void navigate(path(row))}
            empty={<p className={classes['pad']}>{t('common.nothingMatches')}</p>}
            {...(servers.length > 20 ? { height: 'calc(100vh - 220px)' } : {})}
          />
        )}
      </Panel>
    </Page>
  );
}

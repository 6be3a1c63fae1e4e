import { useMemo, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams, useSearchParams } from 'react-router';
import type { Mirror, Refusal, Server, Volume } from '../../../src-engine/contract/index.ts';
import { useLive, useSeries, useServerDetail } from '../../client/index.ts';
import {
  DenseTable,
  EmptyState,
  HealthBadge,
  ImageStateBadge,
  Page,
  Panel,
  RefusedAction,
  sentence,
  ServerStateBadge,
  TimeSeries,
  units,
  type Column,
  type Mark,
} from '../../shared/index.ts';
import { SheetButton, ThingMenu } from '../configuration/index.ts';
import { CpTimeline } from './CpTimeline.tsx';
import { FaultNotes, faultsOn, subjectsOf } from './FaultNotes.tsx';
import { NvlogHalves } from './NvlogHalves.tsx';
import { dependentsOf, farSide, refusalOf, SERVER_ACTIONS, type PowerRefusal, type ServerAction } from './power.ts';
import { PowerSheet } from './PowerSheet.tsx';
import { useLogTrace } from './use-log-trace.ts';
import classes from './servers.module.css';

const WINDOW_SECONDS = 120;

/** The state of the server in the words of a refusal. */
function useRefusal(server: Server): (refusal: PowerRefusal) => Refusal {
  const { t } = useTranslation();
  const name = server.name;
  return (refusal) => {
    const of = (code: string, message: string, hint: string): Refusal => ({ code, message, hint, overridable: false });
    switch (refusal) {
      case 'down':
        return of('server/down', t('servers.refused.down.message', { server: name }), t('servers.refused.down.hint'));
      case 'up':
        return of('server/up', t('servers.refused.up.message', { server: name }), t('servers.refused.up.hint'));
      case 'not-waiting':
        return of(
          'server/not-waiting',
          t('servers.refused.notWaiting.message', { server: name }),
          t('servers.refused.notWaiting.hint'),
        );
      case 'site-lost':
      case 'lab-power': {
        const why = t(refusal === 'site-lost' ? 'servers.refused.siteLost' : 'servers.refused.labPower');
        return of(
          'server/no-power',
          t('servers.refused.noPower.message', { server: name, why }),
          t('servers.refused.noPower.hint'),
        );
      }
    }
  };
}

function Actions({ server, onAct }: { server: Server; onAct(action: ServerAction): void }): ReactElement {
  const { t } = useTranslation();
  const volumes = useLive((state) => state.volumes);
  const faults = useLive((state) => state.faults);
  const inWords = useRefusal(server);
  return (
    <div>
      {SERVER_ACTIONS.map((action) => {
        const refusal = refusalOf(action, server, volumes, faults);
        return (
          <RefusedAction
            key={action}
            label={t(`servers.actions.${action}.label`)}
            description={t(`servers.actions.${action}.text`)}
            refusal={refusal === null ? null : inWords(refusal)}
            danger={action !== 'power-on'}
            primary={action === 'power-on'}
            onClick={() => onAct(action)}
          />
        );
      })}
    </div>
  );
}

function Charts({ server, marks }: { server: Server; marks: readonly Mark[] }): ReactElement {
  const { t } = useTranslation();
  const series = useSeries(WINDOW_SECONDS, { server: server.name }).data;
  if (series === undefined) return <p className="dim">{t('common.loading')}</p>;
  // Without writes there is no latency: the figure of the last one would pass for one of now.
  const whileWriting = (values: readonly (number | null)[]): (number | null)[] =>
    values.map((value, index) => ((series.writesPerSecond[index] ?? 0) > 0 ? value : null));
  const shared = { times: series.at, marks, windowMs: WINDOW_SECONDS * 1000 };
  return (
    <div className={classes['charts']}>
      <TimeSeries
        {...shared}
        title={t('overview.charts.iops')}
        format={units.si}
        series={[
          { label: t('overview.charts.write'), colour: 'series-1', values: series.writesPerSecond },
          { label: t('overview.charts.read'), colour: 'series-2', values: series.readsPerSecond },
        ]}
      />
      <TimeSeries
        {...shared}
        title={t('overview.charts.throughput')}
        binary
        format={units.bytesPerSecond}
        series={[
          { label: t('overview.charts.write'), colour: 'series-1', values: series.writtenBytesPerSecond },
          { label: t('overview.charts.read'), colour: 'series-2', values: series.readBytesPerSecond },
        ]}
      />
      <TimeSeries
        {...shared}
        title={t('overview.charts.latency')}
        format={units.durationMs}
        series={[
          { label: 'p50', colour: 'series-1', values: whileWriting(series.latencyP50Ms) },
          { label: 'p99', colour: 'series-3', values: whileWriting(series.latencyP99Ms) },
        ]}
      />
    </div>
  );
}

function useMarks(server: string): readonly Mark[] {
  const series = useSeries(WINDOW_SECONDS, { server }).data;
  return useMemo(
    () =>
      (series?.marks ?? []).map((mark) => ({
        at: mark.at,
        label: mark.message,
        tone: mark.kind.startsWith('fault') ? ('bad' as const) : ('busy' as const),
      })),
    [series],
  );
}

interface Pairing {
  mirror: Mirror;
  role: 'primary' | 'secondary' | 'idle';
  peer: Server | undefined;
}

function Peers({ server }: { server: Server }): ReactElement {
  const { t } = useTranslation();
  const servers = useLive((state) => state.servers);
  const volumes = useLive((state) => state.volumes);
  const mirrors = useLive((state) => state.mirrors);
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
    <DenseTable
      label={t('servers.peers.title')}
      rows={rows}
      columns={columns}
      rowKey={(row) => row.mirror.id}
      empty={<p className={classes['pad']}>{t('servers.peers.none')}</p>}
    />
  );
}

function Owned({ server }: { server: Server }): ReactElement {
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
      cell: (row) => units.bytes(row.usedBytes),
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

export function ServerPage(): ReactElement {
  const { t } = useTranslation();
  const name = useParams()['server'] ?? '';
  const server = useLive((state) => state.servers.find((one) => one.name === name || one.id === name));
  if (server === undefined) {
    return (
      <Page title={name}>
        <EmptyState
          bare
          icon="server"
          title={t('servers.unknown', { name })}
          action={<Link to="/servers">{t('servers.toList')}</Link>}
        >
          {t('servers.unknownText')}
        </EmptyState>
      </Page>
    );
  }
  return <Known server={server} />;
}

function Known({ server }: { server: Server }): ReactElement {
  const { t } = useTranslation();
  const detail = useServerDetail(server.name).data;
  const links = useLive((state) => state.links);
  const faults = useLive((state) => state.faults);
  const marks = useMarks(server.name);
  const trace = useLogTrace(server.name);
  // The open sheet is part of the address: the palette leads here, and a reload comes back to it.
  const [search, setSearch] = useSearchParams();
  const asked = SERVER_ACTIONS.find((action) => action === search.get('do')) ?? null;
  const setAsked = (action: ServerAction | null): void =>
    setSearch(action === null ? {} : { do: action }, { replace: true });
  const timeline = detail?.timeline;
  const state = t('servers.stateSince', {
    state: t(`serverState.${server.state}`),
    time: units.dateTime(server.since),
  });
  return (
    <Page
      title={server.name}
      badges={
        <>
          <ServerStateBadge state={server.state} />
          <HealthBadge health={server.health} />
        </>
      }
      lead={`${t('servers.leadOf', {
        cluster: server.cluster,
        site: server.site,
        incarnation: units.count(server.incarnation),
      })} ${state}${server.cause === null ? '' : ` ${sentence(server.cause)}`}`}
      actions={<ThingMenu noun="server" name={server.name} />}
    >
      <FaultNotes faults={faultsOn(faults, subjectsOf(server, links))} />
      <div className={classes['columns']}>
        <Panel title={t('servers.nvlog.title')} hint={t('servers.nvlog.hint')}>
          <NvlogHalves server={server} trace={trace} marks={marks} />
        </Panel>
        <div className={classes['stack']}>
          <Panel title={t('servers.actions.title')} flush>
            <Actions server={server} onAct={setAsked} />
          </Panel>
          <Panel title={t('servers.peers.title')} hint={t('servers.peers.hint')} className={classes['grow']} flush>
            <Peers server={server} />
          </Panel>
        </div>
      </div>
      <Panel
        title={t('servers.timeline.title')}
        hint={
          timeline === undefined || timeline.length === 0
            ? undefined
            : t('servers.timeline.hint', { count: timeline.length })
        }
      >
        {timeline === undefined ? (
          <p className="dim">{t('common.loading')}</p>
        ) : timeline.length === 0 && server.state === 'down' ? (
          <p className="dim">{t('servers.timeline.down')}</p>
        ) : (
          <CpTimeline points={timeline} />
        )}
      </Panel>
      <Panel title={t('servers.io.title')} hint={t('servers.io.hint')}>
        <Charts server={server} marks={marks} />
      </Panel>
      <Panel title={t('servers.owned.title')} flush>
        <Owned server={server} />
      </Panel>
      {asked === null ? null : <PowerSheet server={server} action={asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

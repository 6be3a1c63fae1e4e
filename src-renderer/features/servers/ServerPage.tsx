import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams, useSearchParams } from 'react-router';
import type { Refusal, Server } from '../../../src-engine/contract/index.ts';
import { useLive, useServerDetail } from '../../client/index.ts';
import {
  EmptyState,
  HealthBadge,
  Page,
  Panel,
  RefusedAction,
  sentence,
  ServerStateBadge,
  units,
} from '../../shared/index.ts';
import { ThingMenu } from '../configuration/index.ts';
import { Charts, useMarks } from './Charts.tsx';
import { CpTimeline } from './CpTimeline.tsx';
import { FaultNotes, faultsOn, subjectsOf } from './FaultNotes.tsx';
import { Owned, Peers } from './Holdings.tsx';
import { NvlogHalves } from './NvlogHalves.tsx';
import { refusalOf, SERVER_ACTIONS, type PowerRefusal, type ServerAction } from './power.ts';
import { PowerSheet } from './PowerSheet.tsx';
import { useLogTrace } from './use-log-trace.ts';
import classes from './servers.module.css';

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
  // Of a server that is down the engine does not count starts.
  const started =
    server.incarnation === 0 ? '' : `${t('servers.start', { incarnation: units.count(server.incarnation) })} `;
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
      })} ${started}${state}${server.cause === null ? '' : ` ${sentence(server.cause)}`}`}
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

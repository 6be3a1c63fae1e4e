import type { TFunction } from 'i18next';
import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams, useSearchParams } from 'react-router';
import type { Mirror, MirrorAction, MirrorHistory, Refusal } from '../../../src-engine/contract/index.ts';
import {
  useLagSeries,
  useLive,
  useMirrorByName,
  useMirrorHistory,
  useServerDetail,
  useStateMachine,
} from '../../client/index.ts';
import {
  ConditionBadge,
  DenseTable,
  EmptyState,
  Facts,
  ImageStateBadge,
  Meter,
  Page,
  Panel,
  RefusedAction,
  RefusedGroup,
  lossOf,
  sentence,
  Time,
  TimeSeries,
  units,
  type Column,
  type Loss,
  type Mark,
} from '../../shared/index.ts';
import { ActionSheet } from './ActionSheet.tsx';
import { CpPhases } from './CpPhases.tsx';
import { HeatMap } from './HeatMap.tsx';
import { dangerous } from './mirror-action.ts';
import { Pair } from './Pair.tsx';
import { StateDiagram } from './StateDiagram.tsx';
import { Verifications } from './Verifications.tsx';
import classes from './replication.module.css';

const LAG_WINDOW_SECONDS = 300;

function lossText(t: TFunction, loss: Loss): string {
  switch (loss.kind) {
    case 'writes':
      return t('mirror.loss.writes', { writes: units.count(loss.writes) });
    case 'at-most':
      return t('mirror.loss.at-most', { bytes: units.bytes(loss.bytes), time: units.timeOfDay(loss.since) });
    case 'unknown':
      return t('mirror.loss.unknown', { time: units.timeOfDay(loss.since) });
    case 'nothing':
    case 'diverged':
    case 'no-copy':
      return t(`mirror.loss.${loss.kind}`);
  }
}

/** What a failover would lose; where no failover can be (the copy is away), what the copy misses. */
function exposure(t: TFunction, mirror: Mirror): string {
  const loss = lossText(t, lossOf(mirror));
  if (mirror.acting === null || mirror.connection === 'connected') return t('mirror.wouldLose', { loss });
  const copy = mirror.direction === 'forward' ? mirror.destination : mirror.source;
  return t('mirror.copyMisses', { site: copy.site, loss });
}

function conditionNames(t: TFunction, codes: MirrorHistory['conditions']): string {
  return [...new Set(codes)].map((code) => t(`condition.${code}`)).join(', ');
}

function Conditions({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  return (
    <ul className={classes['conditions']}>
      {mirror.conditions.map((condition) => (
        <li key={`${condition.code} ${condition.cause}`}>
          <ConditionBadge code={condition.code} />
          <span>
            {sentence(condition.cause)} <span className="dim">{t('mirror.since')}</span> <Time at={condition.since} />
            {condition.nextStep === null ? null : (
              <span className={classes['next']}>{t('mirror.next', { step: condition.nextStep })}</span>
            )}
            {condition.clearedBy.length === 0 ? null : (
              <span className={classes['next']}>
                {t('mirror.clearedBy', {
                  actions: condition.clearedBy.map((action) => t(`action.${action}.label`)).join(', '),
                })}
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** What can be done, the harmless first; a soft refusal is one that the typed name overrides. */
function openActions(mirror: Mirror): Mirror['actions'] {
  return mirror.actions
    .filter((one) => one.allowed || one.refusal === undefined || one.refusal.overridable)
    .toSorted((a, b) => Number(dangerous.has(a.action)) - Number(dangerous.has(b.action)));
}

function Actions({
  mirror,
  onPoint,
  onAct,
}: {
  mirror: Mirror;
  onPoint(action: MirrorAction | null): void;
  onAct(action: MirrorAction): void;
}): ReactElement {
  const { t } = useTranslation();
  return (
    <div>
      {openActions(mirror).map(({ action, refusal, allowed }) => (
        <RefusedAction
          key={action}
          label={t(`action.${action}.label`)}
          description={t(`action.${action}.text`)}
          refusal={allowed ? null : (refusal ?? null)}
          danger={dangerous.has(action)}
          onClick={() => onAct(action)}
          onPoint={(pointed) => onPoint(pointed ? action : null)}
        />
      ))}
    </div>
  );
}

/** The rest, each with the engine's reason; actions that share a reason share its sentence. */
function NotNow({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const groups = new Map<string, { refusal: Refusal; actions: MirrorAction[] }>();
  for (const { action, refusal, allowed } of mirror.actions) {
    if (allowed || refusal === undefined || refusal.overridable) continue;
    const key = `${refusal.code} ${refusal.message} ${refusal.hint}`;
    const group = groups.get(key) ?? { refusal, actions: [] };
    group.actions.push(action);
    groups.set(key, group);
  }
  return (
    <div className={classes['notNow']}>
      {[...groups.entries()].map(([key, { refusal, actions }]) => (
        <RefusedGroup
          key={key}
          refusal={refusal}
          actions={actions.map((action) => ({ id: action, label: t(`action.${action}.label`) }))}
        />
      ))}
    </div>
  );
}

function LagChart({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const lag = useLagSeries(mirror.name, LAG_WINDOW_SECONDS).data;
  const history = useMirrorHistory(mirror.name).data ?? [];
  const marks: Mark[] = history.map((one) => ({
    at: new Date(one.at).getTime(),
    label: `${t(`imageState.${one.to}`)}${one.conditions.length === 0 ? '' : `: ${conditionNames(t, one.conditions)}`}`,
    tone: one.to === 'Synchronized' ? 'ok' : 'warn',
  }));
  if (lag === undefined) return <p className="dim">{t('common.loading')}</p>;
  const shared = { times: lag.at, marks, windowMs: LAG_WINDOW_SECONDS * 1000, height: 120 };
  return (
    <div className={classes['lagCharts']}>
      <TimeSeries
        {...shared}
        title={t('mirror.lagBytes')}
        binary
        format={units.bytes}
        series={[{ label: t('mirror.now'), colour: 'series-1', values: lag.bytes }]}
      />
      <TimeSeries
        {...shared}
        title={t('mirror.lagTime')}
        format={units.durationSeconds}
        series={[{ label: t('mirror.now'), colour: 'series-3', values: lag.seconds }]}
      />
    </div>
  );
}

function Marks({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const { regions, dirty, regionSizeBytes } = mirror.fractureLog;
  return (
    <div className={classes['stack']}>
      <Meter
        label={t('fractureLog.dirty')}
        share={regions === 0 ? 0 : dirty / regions}
        text={t('fractureLog.of', { dirty: units.count(dirty), regions: units.count(regions) })}
        tone={dirty === 0 ? 'ok' : 'warn'}
      />
      <HeatMap fractureLog={mirror.fractureLog} />
      <Facts
        facts={[
          { label: t('fractureLog.atMost'), value: units.bytes(dirty * regionSizeBytes) },
          { label: t('fractureLog.regionSize'), value: units.bytes(regionSizeBytes) },
          {
            label: t('mirror.lastContact'),
            value: mirror.lastContact === null ? '–' : <Time at={mirror.lastContact} full />,
          },
          {
            label: t('mirror.lastConsistent'),
            value:
              mirror.lastConsistent === null
                ? '–'
                : t('mirror.cpAt', {
                    cp: units.count(mirror.lastConsistent.cp),
                    time: units.timeOfDay(mirror.lastConsistent.at),
                  }),
          },
          {
            label: t('mirror.safety'),
            value:
              mirror.safetySnapshot === null
                ? '–'
                : t('mirror.cpAt', {
                    cp: units.count(mirror.safetySnapshot.cp),
                    time: units.timeOfDay(mirror.safetySnapshot.at),
                  }),
          },
        ]}
      />
    </div>
  );
}

function SyncFacts({ mirror }: { mirror: Mirror }): ReactElement | null {
  const { t } = useTranslation();
  const sync = mirror.sync;
  if (sync === null) return null;
  return (
    <Panel title={t(`pair.syncTitle.${sync.direction}`)} hint={t(`pair.sync.${sync.state}`)}>
      <div className={classes['stack']}>
        <Meter
          label={t('sync.checked')}
          share={sync.doneBytes / Math.max(1, sync.totalBytes)}
          text={t('site.used', { used: units.bytes(sync.doneBytes), size: units.bytes(sync.totalBytes) })}
          role="progressbar"
          tone="busy"
        />
        <Facts
          columns={3}
          facts={[
            { label: t('sync.copied'), value: units.bytes(sync.copiedBytes) },
            { label: t('sync.rate'), value: units.bytesPerSecond(sync.rateBytesPerSecond) },
            { label: t('sync.eta'), value: units.durationSeconds(sync.etaSeconds) },
          ]}
        />
      </div>
    </Panel>
  );
}

function History({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const history = useMirrorHistory(mirror.name).data ?? [];
  const columns: Column<MirrorHistory>[] = [
    {
      id: 'at',
      title: t('common.time'),
      value: (row) => row.at,
      cell: (row) => <Time at={row.at} full />,
      widthPx: 160,
    },
    {
      id: 'to',
      title: t('mirror.imageState'),
      value: (row) => row.to,
      cell: (row) => <ImageStateBadge state={row.to} />,
      widthPx: 160,
    },
    {
      id: 'direction',
      title: t('mirror.direction'),
      value: (row) => row.direction,
      cell: (row) => t(`direction.${row.direction}`),
      widthPx: 110,
    },
    {
      id: 'message',
      title: t('mirror.conditions'),
      value: (row) => conditionNames(t, row.conditions),
      cell: (row) => <span title={row.message}>{conditionNames(t, row.conditions) || '–'}</span>,
    },
    {
      id: 'event',
      title: t('common.event'),
      value: (row) => row.event,
      cell: (row) => <span className="mono">{row.event}</span>,
      align: 'right',
      widthPx: 80,
    },
  ];
  return (
    <DenseTable
      label={t('mirror.history')}
      rows={history}
      columns={columns}
      rowKey={(row) => `${row.event}`}
      height={Math.min(320, 40 + Math.max(1, history.length) * 34)}
      empty={<p className={classes['pad']}>{t('mirror.noHistory')}</p>}
    />
  );
}

function PrimaryCps({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const acting = mirror.acting ?? mirror.source.site;
  const volumeName = acting === mirror.destination.site ? mirror.destination.volume : mirror.source.volume;
  const owner = useLive((state) => state.volumes.find((one) => one.name === volumeName)?.owner ?? null);
  const detail = useServerDetail(owner).data;
  return (
    <Panel title={t('cp.title')} hint={owner === null ? undefined : t('cp.hint', { server: owner })}>
      {detail === undefined || detail.timeline.length === 0 ? (
        <p className="dim">{t('cp.none')}</p>
      ) : (
        <CpPhases points={detail.timeline} running={detail.cp.running} />
      )}
    </Panel>
  );
}

export function RelationshipPage(): ReactElement {
  const { t } = useTranslation();
  const name = useParams()['mirror'] ?? '';
  const mirror = useMirrorByName(name);
  const machine = useStateMachine().data;
  const [pointed, setPointed] = useState<MirrorAction | null>(null);
  // The open sheet is part of the address: the palette leads here, and a reload comes back to it.
  const [search, setSearch] = useSearchParams();
  const asked = search.get('do');
  const acting = mirror?.actions.find((one) => one.action === asked)?.action ?? null;
  const setActing = (action: MirrorAction | null): void =>
    setSearch(action === null ? {} : { do: action }, { replace: true });
  if (mirror === undefined) {
    return (
      <Page title={name}>
        <EmptyState
          bare
          icon="replication"
          title={t('mirror.unknown', { name })}
          action={<Link to="/replication">{t('mirror.toList')}</Link>}
        >
          {t('mirror.unknownText')}
        </EmptyState>
      </Page>
    );
  }
  return (
    <Page
      title={mirror.name}
      badges={
        <>
          <ImageStateBadge state={mirror.imageState} size="l" />
          {mirror.conditions
            .filter(({ code }, index, all) => all.findIndex((one) => one.code === code) === index)
            .map((condition) => (
              <ConditionBadge key={condition.code} code={condition.code} cause={condition.cause} />
            ))}
        </>
      }
      lead={`${t('mirror.lead', {
        mode: t(`mode.${mirror.mode}`),
        policy: t(`policy.${mirror.policy}`),
        recovery: t(`recoveryPolicy.${mirror.recovery}`),
      })} ${exposure(t, mirror)}`}
    >
      <Pair mirror={mirror} />
      <SyncFacts mirror={mirror} />
      <div className={classes['columns']}>
        <Panel title={t('diagram.panel')} hint={t('diagram.hint')}>
          {machine === undefined ? (
            <p className="dim">{t('common.loading')}</p>
          ) : (
            <StateDiagram machine={machine} mirror={mirror} pointed={pointed} onAct={setActing} />
          )}
        </Panel>
        <div className={classes['stack']}>
          <Panel title={t('mirror.conditions')}>
            <Conditions mirror={mirror} />
          </Panel>
          <Panel title={t('mirror.actions')} className={classes['grow']} flush>
            <Actions mirror={mirror} onPoint={setPointed} onAct={setActing} />
          </Panel>
        </div>
      </div>
      {mirror.actions.every((one) => one.allowed) ? null : (
        <Panel title={t('mirror.notNow')} hint={t('mirror.notNowHint')} flush>
          <NotNow mirror={mirror} />
        </Panel>
      )}
      <div className={classes['columns']}>
        <div className={classes['stack']}>
          <Panel title={t('mirror.lag')} hint={t('mirror.lagHint')}>
            <LagChart mirror={mirror} />
          </Panel>
          <Panel title={t('verify.title')} hint={t('verify.hint')} className={classes['grow']} flush>
            <Verifications mirror={mirror} />
          </Panel>
        </div>
        <Panel title={t('fractureLog.title')} hint={t('fractureLog.hint')}>
          <Marks mirror={mirror} />
        </Panel>
      </div>
      <PrimaryCps mirror={mirror} />
      <Panel title={t('mirror.history')} flush>
        <History mirror={mirror} />
      </Panel>
      {acting === null ? null : <ActionSheet mirror={mirror} action={acting} onClose={() => setActing(null)} />}
    </Page>
  );
}

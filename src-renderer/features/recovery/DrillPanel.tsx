import { Button, Checkbox, Select } from '@mantine/core';
import { useEffect, useRef, useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Drill } from '../../../src-engine/contract/index.ts';
import {
  explain,
  mergeById,
  requestId,
  rpc,
  useAction,
  useLabInfo,
  useLive,
  useMirrorByName,
} from '../../client/index.ts';
import { Badge, Callout, Icon, Meter, Panel, PreviewSheet, units } from '../../shared/index.ts';
import { Pair } from '../replication/index.ts';
import { drillLook, isOpen, stepLook } from './drill-look.ts';
import { Report } from './Report.tsx';
import classes from './recovery.module.css';

type Step = Drill['steps'][number];

function duration(step: Step): string {
  if (step.startedAt === null) return '';
  if (step.endedAt === null) return '';
  return units.durationMs(new Date(step.endedAt).getTime() - new Date(step.startedAt).getTime());
}

function StepRow({ step, index, current }: { step: Step; index: number; current: boolean }): ReactElement {
  const { t } = useTranslation();
  const row = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (current) row.current?.scrollIntoView({ block: 'nearest' });
  }, [current]);
  const look = stepLook[step.state];
  return (
    <li
      ref={row}
      className={classes['step']}
      data-tone={look.tone}
      data-state={step.state}
      {...(current ? { 'aria-current': 'step' as const } : {})}
    >
      <span className={classes['stepMark']}>
        {step.state === 'pending' ? index + 1 : <Icon name={look.icon} size={15} />}
      </span>
      <div className={classes['stepBody']}>
        <p className={classes['stepTitle']}>
          {step.title} <span className="sr-only">{t(`drill.step.${step.state}`)}</span>
          <span className="dim">{duration(step)}</span>
        </p>
        {step.state === 'pending' ? null : <p className="dim">{step.description}</p>}
        {step.state === 'running' && step.progress !== null ? (
          <Meter label={step.title} hideLabel share={step.progress} role="progressbar" tone="busy" />
        ) : null}
        {step.facts.length === 0 ? null : (
          <dl className={classes['stepFacts']}>
            {step.facts.map((fact) => (
              <div key={fact.label}>
                <dt>{fact.label}</dt>
                <dd>{fact.value}</dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </li>
  );
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

function StartDrill(): ReactElement {
  const { t } = useTranslation();
  const mirrors = useLive((state) => state.mirrors);
  const directory = useLabInfo().data?.directory ?? '';
  const [asking, setAsking] = useState(false);
  const [guided, setGuided] = useState(true);
  const [chosen, setChosen] = useState<string | null>(null);
  const mirror = mirrors.find((one) => one.name === chosen) ?? mirrors[0];
  const start = useAction((name: string) => rpc().drill.start({ guided, mirror: name, requestId: requestId() }));
  if (mirror === undefined) return <p className="dim">{t('drill.needsMirror')}</p>;
  return (
    <div className={classes['start']}>
      <p>{t('drill.text')}</p>
      <div className={classes['row']}>
        <Select
          label={t('mirror.name')}
          data={mirrors.map((one) => one.name)}
          value={mirror.name}
          onChange={setChosen}
          allowDeselect={false}
          w={200}
        />
        <Checkbox
          label={t('drill.guided')}
          checked={guided}
          onChange={(event) => setGuided(event.currentTarget.checked)}
          size="xs"
          mt={22}
        />
      </div>
      <Button onClick={() => setAsking(true)} leftSection={<Icon name="play" size={14} />}>
        {t('drill.start')}
      </Button>
      {asking ? (
        <PreviewSheet
          title={t('drill.sheetTitle', { mirror: mirror.name })}
          actionLabel={t('drill.begin')}
          danger={false}
          busy={start.isPending}
          error={start.error === null ? null : explain(start.error)}
          content={{
            steps: [
              t('drill.will.workload'),
              t('drill.will.crash', { site: mirror.source.site }),
              t('drill.will.failover', { site: mirror.destination.site }),
              t('drill.will.resync'),
              t('drill.will.failback', { site: mirror.source.site }),
            ],
            facts: [],
            warning: t('drill.warning', { volume: mirror.source.volume }),
            command: `lockstep drill --lab ${quoted(directory)}`,
            confirm: null,
          }}
          onConfirm={() => start.mutate(mirror.name, { onSuccess: () => setAsking(false) })}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </div>
  );
}

function RunningDrill({ drill }: { drill: Drill }): ReactElement {
  const { t } = useTranslation();
  const mirror = useMirrorByName(drill.mirror);
  const advance = useAction(async () => {
    const next = await rpc().drill.advance({ drill: drill.id, requestId: requestId() });
    // The stream says the same a moment later; until then a second click must not find the old step waiting.
    useLive.setState(({ drills }) => ({ drills: mergeById(drills, [next], new Set()) }));
    return next;
  });
  const cancel = useAction(() => rpc().drill.cancel({ drill: drill.id, requestId: requestId() }));
  const current = drill.steps.findIndex(
    (step) => step.state === 'waiting' || step.state === 'running' || step.state === 'failed',
  );
  const step = drill.steps[current];
  const error = advance.error ?? cancel.error;
  return (
    <div className={classes['stack']}>
      {mirror === undefined ? null : <Pair mirror={mirror} />}
      <div className={classes['drillBar']}>
        <Badge {...drillLook[drill.state]} size="l">
          {t(`drill.state.${drill.state}`)}
        </Badge>
        {step === undefined ? null : (
          <p aria-live="polite">
            <b>{t('drill.stepOf', { n: current + 1, total: drill.steps.length, title: step.title })}</b>
            <span className="dim"> {step.description}</span>
          </p>
        )}
        <span className={classes['reportActions']}>
          {isOpen(drill) ? (
            <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
              {t(drill.state === 'cleanup-incomplete' ? 'drill.retryCleanup' : 'drill.end')}
            </Button>
          ) : null}
          {drill.guided && isOpen(drill) && drill.state !== 'cleanup-incomplete' ? (
            <Button
              disabled={drill.state !== 'waiting'}
              loading={advance.isPending || drill.state === 'running'}
              onClick={() => advance.mutate(undefined)}
              rightSection={<Icon name="arrow" size={14} />}
            >
              {t('drill.next')}
            </Button>
          ) : null}
        </span>
      </div>
      {error === null ? null : (
        <Callout tone="bad" alert>
          {explain(error)}
        </Callout>
      )}
      {drill.error === null ? null : (
        <Callout tone="bad" alert>
          {drill.error.message} {drill.error.hint}
        </Callout>
      )}
      {drill.report === null ? null : <Report drill={drill} report={drill.report} />}
      <ol className={classes['steps']} aria-label={t('drill.steps')}>
        {drill.steps.map((one, index) => (
          <StepRow key={one.id} step={one} index={index} current={index === current} />
        ))}
      </ol>
    </div>
  );
}

/** The guided drill: start it, walk it, read its verdict. A finished one stays until another is started. */
export function DrillPanel(): ReactElement {
  const { t } = useTranslation();
  const drill = useLive((state) => state.drills.at(-1));
  const [again, setAgain] = useState<string | null>(null);
  const showStart = drill === undefined || (!isOpen(drill) && again === drill.id);
  return (
    <Panel
      title={t('drill.title')}
      hint={t('drill.hint')}
      actions={
        drill === undefined || isOpen(drill) || showStart ? null : (
          <Button variant="default" onClick={() => setAgain(drill.id)}>
            {t('drill.another')}
          </Button>
        )
      }
    >
      {showStart ? <StartDrill /> : <RunningDrill drill={drill} />}
    </Panel>
  );
}

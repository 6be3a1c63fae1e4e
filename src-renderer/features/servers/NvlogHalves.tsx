import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '../../../src-engine/contract/index.ts';
import {
  Badge,
  Callout,
  EmptyState,
  Icon,
  TimeSeries,
  units,
  type IconName,
  type Mark,
  type Tone,
} from '../../shared/index.ts';
import { phases } from './phases.ts';
import { TRACE_MS, type LogTrace } from './use-log-trace.ts';
import classes from './servers.module.css';

type Half = Server['nvlog']['halves'][number];

const look: Record<Half['state'], { tone: Tone; icon: IconName }> = {
  filling: { tone: 'ok', icon: 'down' },
  draining: { tone: 'busy', icon: 'arrow' },
  empty: { tone: 'idle', icon: 'circle' },
};

function HalfTank({ half, number, stalled }: { half: Half; number: number; stalled: boolean }): ReactElement {
  const { t } = useTranslation();
  const share = half.sizeBytes === 0 ? 0 : Math.min(1, half.usedBytes / half.sizeBytes);
  const state = t(`servers.nvlog.state.${half.state}`);
  const amount = t('servers.nvlog.of', { used: units.bytes(half.usedBytes), size: units.bytes(half.sizeBytes) });
  return (
    <div className={classes['half']} data-state={half.state} data-stalled={stalled || undefined}>
      <div className={classes['halfHead']}>
        <b>{t('servers.nvlog.half', { number })}</b>
        <Badge {...look[half.state]} quiet>
          {state}
        </Badge>
      </div>
      <div
        className={classes['tank']}
        role="meter"
        aria-label={t('servers.nvlog.halfLabel', { number, state })}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.floor(share * 100)}
        aria-valuetext={amount}
      >
        <div className={classes['level']} style={{ transform: `scaleY(${share})` }} />
        <span className={classes['tankShare']}>{share === 0 ? t('servers.nvlog.zero') : units.percent(share)}</span>
      </div>
      <div className={classes['halfFoot']}>{amount}</div>
    </div>
  );
}

/** The running consistency point as the way it goes: what is done, where it is, what is left. */
function Running({ server }: { server: Server }): ReactElement {
  const { t } = useTranslation();
  const running = server.cp.running;
  const at = running === null ? -1 : phases.indexOf(running.phase);
  return (
    <div className={classes['running']}>
      <p>
        <b>{t('servers.running.title')}</b>{' '}
        <span className="dim">
          {running !== null
            ? t('servers.running.now', { number: units.count(running.number), phase: t(`cpPhase.${running.phase}`) })
            : server.state === 'up'
              ? t('servers.running.none', { cp: units.count(server.cp.committed) })
              : t('servers.running.down')}
        </span>
      </p>
      <ol className={classes['steps']} aria-label={t('servers.running.steps')}>
        {phases.map((phase, index) => (
          <li
            key={phase}
            data-step={phase}
            data-at={index === at ? 'now' : index < at ? 'done' : undefined}
            {...(index === at ? { 'aria-current': 'step' as const } : {})}
            title={t(`cpPhase.${phase}`)}
          >
            <span className="sr-only">{t(`cpPhase.${phase}`)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Both halves as vessels: writes run into one while the other runs out into the pools. */
export function NvlogHalves({
  server,
  trace,
  marks,
}: {
  server: Server;
  trace: LogTrace;
  marks: readonly Mark[];
}): ReactElement {
  const { t } = useTranslation();
  const { halves, stalled } = server.nvlog;
  return (
    <div className={classes['stack']}>
      {stalled ? (
        <Callout tone="bad" alert>
          {t('servers.nvlog.stalled')}
        </Callout>
      ) : null}
      {halves.length === 0 ? (
        <EmptyState icon="disk" title={t('servers.nvlog.absentTitle')}>
          {t('servers.nvlog.absent')}
        </EmptyState>
      ) : (
        <div className={classes['log']}>
          <span className={classes['flow']} data-flows={server.state === 'up' && !stalled ? '' : undefined}>
            <Icon name="down" size={14} /> {t('servers.nvlog.hosts')}
          </span>
          <div className={classes['halves']}>
            {halves.map((half, index) => (
              <HalfTank key={index} half={half} number={index + 1} stalled={stalled} />
            ))}
          </div>
        </div>
      )}
      {halves.length === 0 ? null : <Running server={server} />}
      {halves.length === 0 ? null : (
        <TimeSeries
          title={t('servers.nvlog.use')}
          times={trace.at}
          series={halves.map((_, index) => ({
            label: t('servers.nvlog.half', { number: index + 1 }),
            colour: index === 0 ? 'series-1' : 'series-2',
            values: trace.used[index] ?? [],
          }))}
          marks={marks}
          format={units.bytes}
          windowMs={TRACE_MS}
          height={92}
          binary
        />
      )}
    </div>
  );
}

import { ActionIcon } from '@mantine/core';
import { useId, useState, type KeyboardEvent, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConsistencyPoint } from '../../../src-engine/contract/index.ts';
import { DenseTable, Icon, Time, units, type Column } from '../../shared/index.ts';
import { scaleTopMs } from './cp-scale.ts';
import { phases } from './phases.ts';
import classes from './servers.module.css';

/** Four marks below the bars are enough to see a rhythm; the words stand beside the figures. */
function footOf(trigger: ConsistencyPoint['trigger']): 'timer' | 'half' | 'change' | 'back' {
  if (trigger === 'timer') return 'timer';
  if (trigger === 'half-full') return 'half';
  return trigger === 'back-to-back' ? 'back' : 'change';
}

const keyOf = (point: ConsistencyPoint): string => `${point.number}-${point.startedAt}`;

function usePointWords(): (point: ConsistencyPoint) => string {
  const { t } = useTranslation();
  return (point) =>
    [
      t('servers.timeline.one', {
        number: units.count(point.number),
        trigger: t(`cpTrigger.${point.trigger}`),
        duration: units.durationMs(point.durationMs),
        blocks: units.count(point.blocks),
      }),
      ...point.phases.map((one) => `${t(`cpPhase.${one.phase}`)} ${units.durationMs(one.durationMs)}`),
    ].join(', ');
}

function PointTable({ points }: { points: readonly ConsistencyPoint[] }): ReactElement {
  const { t } = useTranslation();
  const durationOf = (point: ConsistencyPoint, phase: string): number | null =>
    point.phases.find((one) => one.phase === phase)?.durationMs ?? null;
  const columns: Column<ConsistencyPoint>[] = [
    {
      id: 'number',
      title: t('cp.number'),
      value: (row) => row.number,
      cell: (row) => <span className="mono">{row.number}</span>,
      widthPx: 76,
    },
    {
      id: 'at',
      title: t('common.time'),
      value: (row) => row.startedAt,
      cell: (row) => <Time at={row.startedAt} />,
      widthPx: 84,
    },
    {
      id: 'trigger',
      title: t('cp.trigger'),
      value: (row) => t(`cpTrigger.${row.trigger}`),
    },
    {
      id: 'duration',
      title: t('cp.duration'),
      value: (row) => row.durationMs,
      cell: (row) => units.durationMs(row.durationMs),
      align: 'right',
      widthPx: 76,
    },
    {
      id: 'blocks',
      title: t('cp.blocks'),
      value: (row) => row.blocks,
      cell: (row) => units.count(row.blocks),
      align: 'right',
      widthPx: 72,
    },
    {
      id: 'sent',
      title: t('cp.sent'),
      value: (row) => row.sentBytes,
      cell: (row) => units.bytes(row.sentBytes),
      align: 'right',
      widthPx: 88,
    },
    ...phases.map((phase): Column<ConsistencyPoint> => ({
      id: phase,
      title: t(`servers.phase.${phase as 'seal'}`),
      value: (row) => durationOf(row, phase) ?? -1,
      cell: (row) => units.durationMs(durationOf(row, phase)),
      align: 'right',
      widthPx: 78,
    })),
  ];
  return (
    <DenseTable
      label={t('servers.timeline.asTable')}
      rows={points}
      columns={columns}
      rowKey={keyOf}
      initialSort={{ id: 'number', desc: true }}
      height={272}
    />
  );
}

/**
 * The last consistency points, one bar each, oldest left: height is time, stacked by phase. Pointing at a bar, or stepping to
 * it with the arrow keys, puts its figures into the legend below; without either they are those of the newest.
 */
export function CpTimeline({ points }: { points: readonly ConsistencyPoint[] }): ReactElement {
  const { t } = useTranslation();
  const wordsOf = usePointWords();
  const id = useId();
  const [asTable, setAsTable] = useState(false);
  const [picked, setPicked] = useState<string | null>(null);
  const [pointed, setPointed] = useState<string | null>(null);
  const ordered = [...points].reverse();
  const newest = ordered.length - 1;
  const indexOf = (key: string | null): number =>
    key === null ? -1 : ordered.findIndex((point) => keyOf(point) === key);
  const at = [indexOf(pointed), indexOf(picked), newest].find((index) => index >= 0) ?? 0;
  const shown = ordered[at];
  const top = scaleTopMs(ordered.map((point) => point.durationMs));
  const onKeyDown = (event: KeyboardEvent): void => {
    const from = indexOf(picked) === -1 ? newest : indexOf(picked);
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: newest }[event.key];
    if (event.key === 'Escape') setPicked(null);
    if (to === undefined) return;
    event.preventDefault();
    const point = ordered[Math.max(0, Math.min(newest, to))];
    if (point !== undefined) setPicked(keyOf(point));
  };
  if (shown === undefined) return <p className="dim">{t('servers.timeline.none')}</p>;
  return (
    <div className={classes['timeline']}>
      <div className={classes['timelineHead']}>
        <p aria-hidden="true">
          <b>{t('servers.timeline.point', { number: units.count(shown.number) })}</b>
          <span>
            <Time at={shown.startedAt} />
          </span>
          <span className={classes['trigger']} data-tone={shown.trigger === 'back-to-back' ? 'bad' : 'idle'}>
            {shown.trigger === 'back-to-back' ? <Icon name="warning" size={12} /> : null}
            {t(`cpTrigger.${shown.trigger}`)}
          </span>
          <span>
            {shown.outcome === 'running'
              ? t('servers.timeline.running')
              : t('servers.timeline.took', { duration: units.durationMs(shown.durationMs) })}
          </span>
          <span>{t('servers.timeline.blocks', { count: shown.blocks, text: units.count(shown.blocks) })}</span>
          <span>{t('servers.timeline.sent', { bytes: units.bytes(shown.sentBytes) })}</span>
        </p>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-pressed={asTable}
          aria-label={t('servers.timeline.asTable')}
          title={t('servers.timeline.asTable')}
          onClick={() => setAsTable(!asTable)}
        >
          <Icon name={asTable ? 'chart' : 'table'} size={14} />
        </ActionIcon>
      </div>
      {asTable ? (
        <PointTable points={points} />
      ) : (
        <>
          <div className={classes['plot']}>
            <div className={classes['scale']} aria-hidden="true">
              {[1, 0.5, 0].map((share) => (
                <span key={share} style={{ bottom: `${share * 100}%` }}>
                  {units.durationMs(top * share)}
                </span>
              ))}
            </div>
            <ul
              className={classes['bars']}
              role="listbox"
              tabIndex={0}
              aria-label={t('servers.timeline.chart', { count: ordered.length })}
              aria-description={t('servers.timeline.keys')}
              aria-activedescendant={`${id}-${at}`}
              onKeyDown={onKeyDown}
              onPointerLeave={() => setPointed(null)}
              onBlur={() => setPicked(null)}
            >
              {ordered.map((point, index) => (
                <li
                  key={keyOf(point)}
                  id={`${id}-${index}`}
                  role="option"
                  aria-selected={index === at}
                  aria-label={wordsOf(point)}
                  data-back={point.trigger === 'back-to-back' || undefined}
                  data-running={point.outcome === 'running' || undefined}
                  onPointerEnter={() => setPointed(keyOf(point))}
                  onClick={() => setPicked(keyOf(point))}
                >
                  <span className={classes['column']}>
                    {point.durationMs > top ? (
                      <span className={classes['clip']} title={t('servers.timeline.clipped')}>
                        <Icon name="up" size={10} />
                      </span>
                    ) : null}
                    <span
                      className={classes['bar']}
                      style={{ height: `${Math.max(1.5, Math.min(100, (point.durationMs / top) * 100))}%` }}
                    >
                      {point.phases.toReversed().map((one) => (
                        <i key={one.phase} data-step={one.phase} style={{ flexGrow: one.durationMs }} />
                      ))}
                    </span>
                  </span>
                  <span className={classes['foot']} data-trigger={footOf(point.trigger)}>
                    {point.trigger === 'back-to-back' ? <Icon name="warning" size={10} /> : null}
                  </span>
                </li>
              ))}
            </ul>
          </div>
          <ul className={classes['legend']}>
            {phases.map((phase) => {
              const duration = shown.phases.find((one) => one.phase === phase)?.durationMs ?? null;
              return (
                <li key={phase}>
                  <i data-step={phase} />
                  <span>{t(`cpPhase.${phase}`)}</span>
                  <b>{units.durationMs(duration)}</b>
                </li>
              );
            })}
          </ul>
          <ul className={classes['triggers']} aria-label={t('cp.trigger')}>
            {(['timer', 'half', 'change', 'back'] as const).map((one) => (
              <li key={one}>
                <span className={classes['foot']} data-trigger={one}>
                  {one === 'back' ? <Icon name="warning" size={10} /> : null}
                </span>
                {t(`servers.timeline.triggers.${one}`)}
              </li>
            ))}
          </ul>
          {ordered.some((point) => point.trigger === 'back-to-back') ? (
            <p className={classes['backNote']} data-tone="bad">
              <Icon name="warning" size={12} /> {t('servers.timeline.backToBack')}
            </p>
          ) : null}
        </>
      )}
    </div>
  );
}

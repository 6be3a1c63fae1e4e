import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConsistencyPoint, CpPhase, Server } from '../../../src-engine/contract/index.ts';
import { DenseTable, Time, units, type Column } from '../../shared/index.ts';
import classes from './replication.module.css';

const phases: readonly CpPhase[] = ['seal', 'write', 'sync', 'prepared', 'label', 'commit', 'committed', 'free'];

/** One bar per consistency point, newest first, split by the time each phase took. */
export function CpPhases({
  points,
  running,
}: {
  points: readonly ConsistencyPoint[];
  running: Server['cp']['running'];
}): ReactElement {
  const { t } = useTranslation();
  const longest = Math.max(1, ...points.map((point) => point.durationMs));
  const columns: Column<ConsistencyPoint>[] = [
    {
      id: 'number',
      title: t('cp.number'),
      value: (row) => row.number,
      cell: (row) => <span className="mono">{row.number}</span>,
      widthPx: 72,
    },
    {
      id: 'at',
      title: t('common.time'),
      value: (row) => row.startedAt,
      cell: (row) => <Time at={row.startedAt} />,
      widthPx: 88,
    },
    {
      id: 'trigger',
      title: t('cp.trigger'),
      value: (row) => row.trigger,
      cell: (row) => t(`cpTrigger.${row.trigger}`),
      widthPx: 112,
      hideBelowPx: 560,
    },
    {
      id: 'phases',
      title: t('cp.phases'),
      value: (row) => row.durationMs,
      cell: (row) => (
        <span
          className={classes['phaseBar']}
          style={{ width: `${Math.max(2, (row.durationMs / longest) * 100)}%` }}
          role="img"
          aria-label={row.phases
            .map((one) => `${t(`cpPhase.${one.phase}`)} ${units.durationMs(one.durationMs)}`)
            .join(', ')}
        >
          {row.phases.map((one) => (
            <i
              key={one.phase}
              data-phase={one.phase}
              style={{ flexGrow: Math.max(0.02, one.durationMs) }}
              title={`${t(`cpPhase.${one.phase}`)} ${units.durationMs(one.durationMs)}`}
            />
          ))}
        </span>
      ),
    },
    {
      id: 'duration',
      title: t('cp.duration'),
      value: (row) => row.durationMs,
      cell: (row) => units.durationMs(row.durationMs),
      align: 'right',
      widthPx: 82,
    },
    {
      id: 'blocks',
      title: t('cp.blocks'),
      value: (row) => row.blocks,
      cell: (row) => units.count(row.blocks),
      align: 'right',
      widthPx: 78,
    },
    {
      id: 'sent',
      title: t('cp.sent'),
      value: (row) => row.sentBytes,
      cell: (row) => units.bytes(row.sentBytes),
      align: 'right',
      widthPx: 96,
      hideBelowPx: 680,
    },
  ];
  return (
    <div>
      <div className={classes['phaseLegend']}>
        {phases.map((phase) => (
          <span key={phase} data-current={running?.phase === phase || undefined}>
            <i data-phase={phase} />
            {t(`cpPhase.${phase}`)}
          </span>
        ))}
      </div>
      <DenseTable
        label={t('cp.title')}
        rows={points}
        columns={columns}
        rowKey={(row) => `${row.number}-${row.startedAt}`}
        height={Math.min(246, 42 + points.length * 35)}
      />
    </div>
  );
}

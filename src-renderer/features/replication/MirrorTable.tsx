import type { TFunction } from 'i18next';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import type { Mirror } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import { ConditionBadge, DenseTable, ImageStateBadge, Meter, lossOf, units, type Column } from '../../shared/index.ts';
import classes from './replication.module.css';

function Direction({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const reversed = mirror.direction === 'reversed';
  return (
    <span title={t(`direction.${mirror.direction}`)}>
      {mirror.source.site} <span aria-label={t(`direction.${mirror.direction}`)}>{reversed ? '←' : '→'}</span>{' '}
      {mirror.destination.site}
    </span>
  );
}

/** In flight: counted writes. Of a pair that is fractured only the marked regions are known, an upper bound. */
function lagText(t: TFunction, mirror: Mirror): string {
  const { fractureLog, lag } = mirror;
  const { dirty, regionSizeBytes } = fractureLog;
  if (lossOf(mirror).kind === 'unknown') return t('mirror.lagUnknown');
  return dirty > 0
    ? t('mirror.lagAtMost', { bytes: units.bytes(dirty * regionSizeBytes) })
    : t('report.writes', { count: lag.writes, text: units.count(lag.writes) });
}

export function MirrorTable({ compact = false, filter = '' }: { compact?: boolean; filter?: string }): ReactElement {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mirrors = useLive((state) => state.mirrors);
  const path = (mirror: Mirror): string => `/replication/${encodeURIComponent(mirror.name)}`;
  const columns: Column<Mirror>[] = [
    {
      id: 'name',
      title: t('mirror.name'),
      value: (row) => row.name,
      cell: (row) => (
        <Link to={path(row)} className={classes['nameLink']} onClick={(event) => event.stopPropagation()}>
          {row.name}
        </Link>
      ),
    },
    {
      id: 'state',
      title: t('mirror.imageState'),
      value: (row) => row.imageState,
      cell: (row) => <ImageStateBadge state={row.imageState} />,
      widthPx: 152,
    },
    {
      id: 'condition',
      title: t('mirror.condition'),
      value: (row) => row.conditions[0]?.code ?? '',
      cell: (row) => {
        const headline = row.conditions[0];
        return headline === undefined ? '–' : <ConditionBadge code={headline.code} cause={headline.cause} quiet />;
      },
      widthPx: 172,
    },
    {
      id: 'direction',
      title: t('mirror.direction'),
      value: (row) => row.direction,
      cell: (row) => <Direction mirror={row} />,
      widthPx: 122,
    },
    {
      id: 'sync',
      title: t('mirror.sync'),
      value: (row) => (row.sync === null ? -1 : row.sync.doneBytes / Math.max(1, row.sync.totalBytes)),
      cell: (row) =>
        row.sync === null ? (
          <span className="dim">–</span>
        ) : (
          <Meter
            label={t('mirror.syncOf', { mirror: row.name })}
            hideLabel
            share={row.sync.doneBytes / Math.max(1, row.sync.totalBytes)}
            role="progressbar"
            tone="busy"
          />
        ),
      widthPx: 96,
      hideBelowPx: 760,
    },
    {
      id: 'lag',
      title: t('mirror.lag'),
      value: (row) => row.lag.bytes,
      cell: (row) => lagText(t, row),
      align: 'right',
      widthPx: 104,
    },
  ];
  const wide: Column<Mirror>[] = [
    {
      id: 'lagTime',
      title: t('mirror.lagTime'),
      value: (row) => row.lag.seconds,
      cell: (row) => units.durationSeconds(row.lag.seconds),
      align: 'right',
      widthPx: 92,
    },
    {
      id: 'dirty',
      title: t('mirror.dirty'),
      value: (row) => row.fractureLog.dirty,
      cell: (row) => units.count(row.fractureLog.dirty),
      align: 'right',
      widthPx: 112,
    },
    {
      id: 'policy',
      title: t('mirror.policy'),
      value: (row) => row.policy,
      cell: (row) => t(`policy.${row.policy}`),
      widthPx: 110,
      hideBelowPx: 1070,
    },
  ];
  return (
    <DenseTable
      label={t('replication.title')}
      rows={mirrors}
      columns={compact ? columns : [...columns, ...wide]}
      rowKey={(row) => row.id}
      filter={filter}
      onOpen={(row) => void navigate(path(row))}
      empty={<p className={classes['pad']}>{t('common.nothingMatches')}</p>}
    />
  );
}

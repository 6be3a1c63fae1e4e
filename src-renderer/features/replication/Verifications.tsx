import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Job, Mirror } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import { Badge, Callout, DenseTable, JobStateBadge, Meter, Time, units, type Column } from '../../shared/index.ts';
import classes from './replication.module.css';

/** A figure of a verify job's result; null while it has none. */
function figure(
  job: Job,
  key: 'cp' | 'regionsCompared' | 'regionsDiffering' | 'blocksDiffering' | 'ms',
): number | null {
  const value = job.result?.[key];
  return typeof value === 'number' ? value : null;
}

function Finding({ job }: { job: Job }): ReactElement {
  const { t } = useTranslation();
  const blocks = figure(job, 'blocksDiffering');
  if (job.state === 'running') {
    return <Meter label={t('action.verify.label')} hideLabel share={job.progress} role="progressbar" tone="busy" />;
  }
  if (blocks === null) return <JobStateBadge state={job.state} />;
  return blocks === 0 ? (
    <Badge tone="ok" icon="check-circle" quiet>
      {t('verify.equal')}
    </Badge>
  ) : (
    <Badge tone="bad" icon="cross-circle" quiet>
      {t('verify.different')}
    </Badge>
  );
}

/** Every verification of the pair with what it found, newest first; one that runs shows how far it is. */
export function Verifications({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const jobs = useLive((state) => state.jobs);
  const verifications = jobs
    .filter((job) => job.kind === 'mirror/verify' && job.subject === `mirror/${mirror.name}`)
    .toReversed();
  const newest = verifications.find((job) => figure(job, 'blocksDiffering') !== null);
  const columns: Column<Job>[] = [
    {
      id: 'at',
      title: t('common.time'),
      value: (row) => row.createdAt,
      cell: (row) => <Time at={row.createdAt} />,
      widthPx: 92,
    },
    { id: 'finding', title: t('verify.verdict'), value: (row) => row.state, cell: (row) => <Finding job={row} /> },
    ...(
      [
        ['cp', 'cp.number', 70, 640],
        ['regionsCompared', 'verify.regions', 140, 780],
        ['regionsDiffering', 'verify.differing', 134, 0],
        ['blocksDiffering', 'verify.blocks', 126, 0],
      ] as const
    ).map(([key, title, widthPx, hideBelowPx]): Column<Job> => ({
      id: key,
      title: t(title),
      value: (row) => figure(row, key) ?? -1,
      cell: (row) => units.count(figure(row, key)),
      align: 'right',
      widthPx,
      hideBelowPx,
    })),
    {
      id: 'took',
      title: t('verify.took'),
      value: (row) => figure(row, 'ms') ?? -1,
      cell: (row) => units.durationMs(figure(row, 'ms')),
      align: 'right',
      widthPx: 90,
    },
  ];
  if (verifications.length === 0) return <p className={classes['pad']}>{t('verify.none')}</p>;
  return (
    <>
      {newest !== undefined && (figure(newest, 'blocksDiffering') ?? 0) > 0 ? (
        <div className={classes['pad']}>
          <Callout tone="bad">{t('verify.repair')}</Callout>
        </div>
      ) : null}
      <DenseTable label={t('verify.title')} rows={verifications} columns={columns} rowKey={(row) => row.id} />
    </>
  );
}

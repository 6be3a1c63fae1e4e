import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Drill, Mirror, MirrorAction } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import {
  Badge,
  DenseTable,
  EmptyState,
  ImageStateBadge,
  Page,
  Panel,
  RefusedAction,
  Time,
  units,
  type Column,
} from '../../shared/index.ts';
import { ActionSheet, refusalFor } from '../replication/index.ts';
import { drillLook, isOpen } from './drill-look.ts';
import { DrillPanel } from './DrillPanel.tsx';
import { VerdictBadge } from './VerdictBadge.tsx';
import classes from './recovery.module.css';

/** The way out and back again, in its order. */
const ladder: readonly MirrorAction[] = ['switchover', 'failover', 'reverse-resync', 'failback'];

function Ladder({
  mirror,
  onAct,
}: {
  mirror: Mirror;
  onAct(mirror: Mirror, action: MirrorAction): void;
}): ReactElement {
  const { t } = useTranslation();
  return (
    <section className={classes['ladder']} aria-label={t('recovery.of', { mirror: mirror.name })}>
      <header>
        <Link to={`/replication/${encodeURIComponent(mirror.name)}`}>{mirror.name}</Link>
        <ImageStateBadge state={mirror.imageState} />
        <span className="dim">
          {mirror.acting === null ? t('recovery.noActing') : t('recovery.acting', { site: mirror.acting })}
        </span>
      </header>
      {ladder.map((action) => (
        <RefusedAction
          key={action}
          label={t(`action.${action}.label`)}
          description={t(`action.${action}.text`)}
          refusal={refusalFor(mirror, action)}
          danger={action === 'failover'}
          onClick={() => onAct(mirror, action)}
        />
      ))}
    </section>
  );
}

function PastDrills(): ReactElement {
  const { t } = useTranslation();
  const all = useLive((state) => state.drills);
  const drills = all.filter((one) => !isOpen(one));
  const columns: Column<Drill>[] = [
    {
      id: 'at',
      title: t('drill.started'),
      value: (row) => row.startedAt,
      cell: (row) => <Time at={row.startedAt} full />,
      widthPx: 170,
    },
    { id: 'mirror', title: t('mirror.name'), value: (row) => row.mirror },
    {
      id: 'verdict',
      title: t('drill.verdict'),
      value: (row) => row.report?.verdict ?? row.state,
      cell: (row) =>
        row.report === null ? (
          <Badge {...drillLook[row.state]}>{t(`drill.state.${row.state}`)}</Badge>
        ) : (
          <VerdictBadge verdict={row.report.verdict} />
        ),
      widthPx: 150,
    },
    {
      id: 'acknowledged',
      title: t('report.acknowledged'),
      value: (row) => row.report?.acknowledgedWrites ?? -1,
      cell: (row) => units.count(row.report?.acknowledgedWrites),
      align: 'right',
      widthPx: 170,
    },
    {
      id: 'lost',
      title: t('report.lost'),
      value: (row) => row.report?.lostWrites ?? -1,
      cell: (row) => units.count(row.report?.lostWrites),
      align: 'right',
      widthPx: 110,
    },
    {
      id: 'rpo',
      title: t('report.rpo'),
      value: (row) => row.report?.rpoWrites ?? -1,
      cell: (row) => units.count(row.report?.rpoWrites),
      align: 'right',
      widthPx: 90,
    },
    {
      id: 'rto',
      title: t('report.rto'),
      value: (row) => row.report?.rtoMs ?? -1,
      cell: (row) => units.durationMs(row.report?.rtoMs),
      align: 'right',
      widthPx: 90,
    },
  ];
  return <DenseTable label={t('drill.past')} rows={drills.toReversed()} columns={columns} rowKey={(row) => row.id} />;
}

export function RecoveryPage(): ReactElement {
  const { t } = useTranslation();
  const mirrors = useLive((state) => state.mirrors);
  const anyDrill = useLive((state) => state.drills.some((one) => !isOpen(one)));
  const [acting, setActing] = useState<{ id: string; action: MirrorAction } | null>(null);
  const target = mirrors.find((one) => one.id === acting?.id);
  return (
    <Page title={t('recovery.title')} lead={t('recovery.lead')}>
      <DrillPanel />
      <Panel title={t('recovery.ladder')} hint={t('recovery.ladderHint')} flush>
        {mirrors.length === 0 ? (
          <EmptyState icon="recovery" title={t('replication.emptyTitle')}>
            {t('replication.emptyText')}
          </EmptyState>
        ) : (
          <div className={classes['ladders']}>
            {mirrors.map((mirror) => (
              <Ladder key={mirror.id} mirror={mirror} onAct={({ id }, action) => setActing({ id, action })} />
            ))}
          </div>
        )}
      </Panel>
      {anyDrill ? (
        <Panel title={t('drill.past')} flush>
          <PastDrills />
        </Panel>
      ) : null}
      {acting === null || target === undefined ? null : (
        <ActionSheet mirror={target} action={acting.action} onClose={() => setActing(null)} />
      )}
    </Page>
  );
}

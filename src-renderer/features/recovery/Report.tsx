import { Button } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Drill, DrillReport } from '../../../src-engine/contract/index.ts';
import { CopyButton, Facts, Icon, Stat, saveFile, units } from '../../shared/index.ts';
import { VerdictBadge } from './VerdictBadge.tsx';
import classes from './recovery.module.css';

function save(drill: Drill, report: DrillReport): void {
  const { id, mirror, startedAt, endedAt } = drill;
  const text = JSON.stringify({ drill: id, mirror, startedAt, endedAt, ...report }, null, 2);
  saveFile(`lockstep-drill-${id}.json`, 'application/json', text);
}

/** What the drill proved, in figures that the ledger and the engine counted. */
export function Report({ drill, report }: { drill: Drill; report: DrillReport }): ReactElement {
  const { t } = useTranslation();
  const same = report.checksums.source === report.checksums.destination;
  const { reverseResync: resync } = report;
  const saved = resync.bytesVolume === 0 ? null : resync.bytesCopied / resync.bytesVolume;
  return (
    <section className={classes['report']} aria-label={t('report.title')}>
      <div className={classes['reportHead']}>
        <VerdictBadge verdict={report.verdict} size="l" />
        <span className="dim">
          {t('report.summary', {
            acknowledged: units.count(report.acknowledgedWrites),
            lost: report.lostWrites,
            torn: report.tornWrites,
          })}
        </span>
        <span className={classes['reportActions']}>
          <CopyButton text={JSON.stringify(report, null, 2)} label={t('report.copy')} />
          <Button variant="default" leftSection={<Icon name="down" size={14} />} onClick={() => save(drill, report)}>
            {t('report.export')}
          </Button>
        </span>
      </div>
      <div className={classes['reportStats']}>
        <Stat label={t('report.acknowledged')} value={units.count(report.acknowledgedWrites)} />
        <Stat
          label={t('report.lost')}
          value={units.count(report.lostWrites)}
          tone={report.lostWrites === 0 ? 'ok' : 'bad'}
        />
        <Stat
          label={t('report.torn')}
          value={units.count(report.tornWrites)}
          tone={report.tornWrites === 0 ? 'ok' : 'bad'}
        />
        <Stat label={t('report.rpo')} value={units.count(report.rpoWrites)} detail={t('report.rpoUnit')} />
        <Stat label={t('report.rto')} value={units.durationMs(report.rtoMs)} />
        <Stat
          label={t('report.resent')}
          value={units.bytes(resync.bytesCopied)}
          detail={t('report.ofVolume', { size: units.bytes(resync.bytesVolume), share: units.percent(saved) })}
        />
      </div>
      <Facts
        columns={2}
        facts={[
          {
            label: t('report.crash'),
            value: t('report.crashValue', { cp: report.crash.cp, phase: report.crash.phase }),
          },
          {
            label: t('report.replayed'),
            value: t('report.replayedValue', {
              records: units.count(report.failover.replayedRecords),
              time: units.durationMs(report.failover.ms),
            }),
          },
          { label: t('report.stale'), value: units.count(report.staleWrites) },
          { label: t('report.misplaced'), value: units.count(report.misplacedWrites) },
          { label: t('report.regions'), value: units.count(resync.regionsDiffering) },
          { label: t('report.resyncTime'), value: units.durationMs(resync.ms) },
          { label: t('report.checksums'), value: same ? t('report.identical') : t('report.different') },
          { label: t('report.seed'), value: String(report.seed), mono: true },
          { label: t('report.source'), value: report.checksums.source, mono: true },
          { label: t('report.destination'), value: report.checksums.destination, mono: true },
        ]}
      />
    </section>
  );
}

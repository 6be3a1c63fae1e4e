import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../../client/index.ts';
import { Badge, Facts, Time, units } from '../../shared/index.ts';
import { drillLook } from './drill-look.ts';
import { VerdictBadge } from './VerdictBadge.tsx';
import classes from './recovery.module.css';

/** The newest drill and what it proved. */
export function LastDrill(): ReactElement {
  const { t } = useTranslation();
  const drill = useLive((state) => state.drills.at(-1));
  if (drill === undefined) return <p className="dim">{t('drill.never')}</p>;
  const { report } = drill;
  return (
    <div className={classes['stack']}>
      <div className={classes['row']}>
        {report === null ? (
          <Badge {...drillLook[drill.state]}>{t(`drill.state.${drill.state}`)}</Badge>
        ) : (
          <VerdictBadge verdict={report.verdict} />
        )}
        <span className="dim">
          {drill.mirror} · <Time at={drill.endedAt ?? drill.startedAt} full />
        </span>
      </div>
      {report === null ? null : (
        <Facts
          facts={[
            { label: t('report.lost'), value: units.count(report.lostWrites) },
            {
              label: t('report.rpo'),
              value: t('report.writes', { count: report.rpoWrites, text: units.count(report.rpoWrites) }),
            },
            { label: t('report.rto'), value: units.durationMs(report.rtoMs) },
          ]}
        />
      )}
    </div>
  );
}

import { Button } from '@mantine/core';
import type { ReactElement } from 'react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Job } from '../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useAction, useLive } from '../client/index.ts';
import { Callout, JobStateBadge, Meter, SeverityBadge, Time, units } from '../shared/index.ts';
import { jobTitle } from './job-title.ts';
import classes from './shell.module.css';

const EVENTS_SHOWN = 60;

function JobRow({ job }: { job: Job }): ReactElement {
  const { t } = useTranslation();
  const act = useAction((what: 'pause' | 'resume' | 'cancel') =>
    rpc().job[what]({ job: job.id, requestId: requestId() }),
  );
  const moving = job.state === 'running' || job.state === 'paused';
  const detail = [
    units.percent(job.progress),
    job.rateBytesPerSecond === null ? null : units.bytesPerSecond(job.rateBytesPerSecond),
    job.etaSeconds === null ? null : t('jobs.eta', { time: units.durationSeconds(job.etaSeconds) }),
  ].filter((part) => part !== null);
  return (
    <li className={classes['job']}>
      <div className={classes['jobHead']}>
        <JobStateBadge state={job.state} />
        <b>{jobTitle(t, job)}</b>
        {moving ? <span className="dim">{job.phase}</span> : null}
        <span className="dim">
          <Time at={job.endedAt ?? job.createdAt} />
        </span>
      </div>
      {moving ? (
        <Meter
          label={jobTitle(t, job)}
          hideLabel
          share={job.progress}
          role="progressbar"
          tone="busy"
          text={detail.join(' · ')}
        />
      ) : null}
      {job.error === null ? null : <Callout tone="bad">{`${job.error.message} ${job.error.hint}`}</Callout>}
      {act.error === null ? null : <Callout tone="bad">{explain(act.error)}</Callout>}
      {moving && (job.canPause || job.canCancel) ? (
        <div className={classes['jobHead']}>
          {job.canPause ? (
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => act.mutate(job.state === 'paused' ? 'resume' : 'pause')}
            >
              {t(job.state === 'paused' ? 'jobs.resume' : 'jobs.pause')}
            </Button>
          ) : null}
          {job.canCancel ? (
            <Button size="compact-xs" variant="default" onClick={() => act.mutate('cancel')}>
              {t('common.cancel')}
            </Button>
          ) : null}
        </div>
      ) : null}
    </li>
  );
}

/** Jobs and the newest events, whatever page is open. */
export function JobsDrawer({ stale }: { stale: boolean }): ReactElement {
  const { t } = useTranslation();
  const jobs = useLive((state) => state.jobs);
  const events = useQuery({
    queryKey: ['lab', 'events', 'newest'],
    queryFn: () => rpc().event.list({ limit: EVENTS_SHOWN }),
  });
  return (
    <aside className={classes['drawer']} data-stale={stale || undefined} aria-label={t('jobs.drawer')}>
      <section>
        <h2>{t('jobs.title')}</h2>
        <ul className={classes['drawerList']} tabIndex={0} aria-label={t('jobs.title')}>
          {jobs.length === 0 ? <li className="dim">{t('jobs.none')}</li> : null}
          {[...jobs].reverse().map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </ul>
      </section>
      <section>
        <h2>{t('jobs.events')}</h2>
        <ol className={classes['drawerList']} tabIndex={0} aria-label={t('jobs.events')}>
          {events.data?.events.map((event) => (
            <li key={event.id} className={classes['logLine']}>
              <Time at={event.at} />
              <SeverityBadge severity={event.severity} />
              <span title={event.message}>{event.message}</span>
            </li>
          ))}
        </ol>
      </section>
    </aside>
  );
}

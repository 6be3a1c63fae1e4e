import { notifications } from '@mantine/notifications';
import { createElement, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../client/index.ts';
import { Icon } from '../shared/index.ts';
import { jobTitle } from './job-title.ts';

/** Tells of jobs that ended while somebody watched. */
export function JobNotices(): null {
  const { t } = useTranslation();
  const jobs = useLive((state) => state.jobs);
  const ready = useLive((state) => state.ready);
  const seen = useRef<Map<string, string> | null>(null);
  useEffect(() => {
    // What ended before anybody looked is no news.
    if (!ready) return;
    const known = seen.current;
    seen.current = new Map(jobs.map((job) => [job.id, job.state]));
    if (known === null) return;
    for (const job of jobs) {
      const before = known.get(job.id);
      if (before === job.state || before === 'done' || before === 'failed' || before === 'cancelled') continue;
      if (job.state === 'done')
        notifications.show({
          message: `${jobTitle(t, job)}: ${t('jobState.done')}`,
          color: 'iris',
          icon: createElement(Icon, { name: 'check', size: 14 }),
        });
      if (job.state === 'failed') {
        notifications.show({
          title: `${jobTitle(t, job)}: ${t('jobState.failed')}`,
          message: job.error?.message ?? '',
          color: 'brick',
          icon: createElement(Icon, { name: 'cross', size: 14 }),
          // What failed waits to be read.
          autoClose: false,
        });
      }
    }
  }, [jobs, ready, t]);
  return null;
}

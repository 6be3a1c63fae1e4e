import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../client/index.ts';
import { Icon, Time } from '../shared/index.ts';
import classes from './shell.module.css';

/** Says that figures are old, and of when. Nothing stale passes for live. */
export function ConnectionBanner(): ReactElement | null {
  const { t } = useTranslation();
  const connection = useLive((state) => state.connection);
  const at = useLive((state) => state.at);
  const ended = useLive((state) => state.sessionEnded);
  if (connection !== 'lost' && !ended) return null;
  return (
    <div className={classes['banner']} data-tone="warn" role="status">
      <Icon name="warning" />
      <span>
        {t(ended ? 'connection.ended' : 'connection.lost')} {at === null ? null : t('connection.asOf')}{' '}
        {at === null ? null : <Time at={at} />}
      </span>
    </div>
  );
}

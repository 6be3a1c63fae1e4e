import { useClickOutside } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { rpc } from '../client/index.ts';
import { Icon } from '../shared/index.ts';
import { useAlerts } from '../features/alerts/index.ts';
import classes from './shell.module.css';

/** The bell with the number of what is wrong now, and the list of it, each leading to where it can be dealt with. */
export function AlertsButton(): ReactElement {
  const { t } = useTranslation();
  const alerts = useAlerts();
  const [open, setOpen] = useState(false);
  const unseen = useQuery({
    queryKey: ['lab', 'events', 'open'],
    queryFn: () => rpc().event.list({ open: true, limit: 1000 }),
    enabled: open,
  }).data?.events.length;
  const button = useRef<HTMLButtonElement>(null);
  const whole = useClickOutside(() => setOpen(false));
  useEffect(() => {
    if (!open) return undefined;
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current?.focus();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [open]);
  return (
    <div ref={whole} className={classes['alerts']}>
      <button
        ref={button}
        type="button"
        className={classes['barButton']}
        aria-label={t('alerts.open', { count: alerts.length })}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="bell" />
        {alerts.length === 0 ? null : (
          <span className={classes['barCount']} data-tone={alerts[0]?.tone}>
            {alerts.length}
          </span>
        )}
      </button>
      {open ? (
        <section className={classes['alertList']} aria-label={t('alerts.now')}>
          <h2>{t('alerts.now')}</h2>
          {alerts.length === 0 ? (
            <p className={classes['alertNone']} data-tone="ok">
              <Icon name="check-circle" /> {t('alerts.none')}
            </p>
          ) : (
            <ul>
              {alerts.map((alert) => (
                <li key={alert.id} data-tone={alert.tone}>
                  <Icon name={alert.icon} />
                  <Link to={alert.to} onClick={() => setOpen(false)}>
                    {alert.text}
                  </Link>
                </li>
              ))}
            </ul>
          )}
          {unseen === undefined || unseen === 0 ? null : (
            <p className={classes['alertUnseen']}>
              <Link to="/events?open" onClick={() => setOpen(false)}>
                {t('alerts.unseen', { count: unseen })}
              </Link>
            </p>
          )}
        </section>
      ) : null}
    </div>
  );
}

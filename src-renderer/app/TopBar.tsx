import { Menu, useMantineColorScheme } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router';
import { useLabInfo, useLive } from '../client/index.ts';
import { Badge, Icon, Logo } from '../shared/index.ts';
import { AlertsButton } from './AlertsButton.tsx';
import classes from './shell.module.css';

interface Props {
  bare?: boolean;
  drawer: boolean;
  onDrawer(): void;
  onPalette(): void;
}

/** A malformed address is shown as it stands. */
function readable(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const schemes = ['auto', 'light', 'dark'] as const;
const schemeIcons = { auto: 'system', light: 'sun', dark: 'moon' } as const;

function Theme(): ReactElement {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={160} transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <button
          type="button"
          className={classes['barButton']}
          aria-label={t('theme.label', { scheme: t(`theme.${colorScheme}`) })}
        >
          <Icon name={schemeIcons[colorScheme]} />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map((scheme) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon name={schemeIcons[scheme]} />}
            onClick={() => setColorScheme(scheme)}
          >
            {t(`theme.${scheme}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function TopBar({ bare = false, drawer, onDrawer, onPalette }: Props): ReactElement {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const info = useLabInfo().data;
  const connection = useLive((state) => state.connection);
  const running = useLive(
    (state) => state.jobs.filter((job) => job.state === 'running' || job.state === 'queued').length,
  );
  const [, place, thing] = pathname.split('/');
  return (
    // Not a header element: the title of an open sheet is one, and a page has a single banner.
    <section className={classes['bar']} aria-label={t('shell.bar')}>
      {bare ? (
        <div className={classes['brand']}>
          <Logo />
          <span>Lockstep</span>
        </div>
      ) : (
        <nav className={classes['crumbs']} aria-label={t('shell.crumbs')}>
          <Link to="/overview">{info?.name ?? t('shell.lab')}</Link>
          <Icon name="chevron" size={12} />
          {thing === undefined ? (
            <b>{t(`rail.${place ?? 'overview'}` as 'rail.overview')}</b>
          ) : (
            <>
              <Link to={`/${place ?? ''}`}>{t(`rail.${place ?? 'overview'}` as 'rail.overview')}</Link>
              <Icon name="chevron" size={12} />
              <b>{readable(thing)}</b>
            </>
          )}
        </nav>
      )}
      <div className={classes['barRight']}>
        {bare ? null : (
          <>
            <button type="button" className={classes['paletteButton']} onClick={onPalette}>
              <Icon name="search" size={14} />
              {t('palette.open')}
              <kbd>Ctrl K</kbd>
            </button>
            <span aria-live="polite">
              {connection === 'live' ? (
                <Badge tone="ok" icon="circle" quiet>
                  {t('connection.live')}
                </Badge>
              ) : (
                <Badge tone="warn" icon="warning" quiet>
                  {t(connection === 'lost' ? 'connection.notLive' : 'connection.connecting')}
                </Badge>
              )}
            </span>
            <AlertsButton />
            <button type="button" className={classes['barButton']} aria-expanded={drawer} onClick={onDrawer}>
              <Icon name="jobs" />
              {t('jobs.title')}
              {running === 0 ? null : (
                <span className={classes['barCount']} data-tone="busy">
                  {running}
                </span>
              )}
            </button>
          </>
        )}
        <Theme />
      </div>
    </section>
  );
}

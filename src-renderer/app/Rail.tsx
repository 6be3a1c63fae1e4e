import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import { useLabInfo, useLive } from '../client/index.ts';
import { Icon, Logo, type IconName } from '../shared/index.ts';
import classes from './shell.module.css';

const places = ['overview', 'replication', 'recovery', 'faults', 'events'] as const satisfies readonly IconName[];

export function Rail(): ReactElement {
  const { t } = useTranslation();
  const faults = useLive((state) => state.faults.length);
  const unsafe = useLive((state) => state.mirrors.filter((mirror) => mirror.imageState !== 'Synchronized').length);
  const info = useLabInfo().data;
  const counts: Partial<Record<(typeof places)[number], [number, string, string]>> = {
    faults: [faults, 'bad', t('rail.openFaults', { count: faults })],
    replication: [unsafe, 'warn', t('rail.notSynchronized', { count: unsafe })],
  };
  return (
    <nav className={classes['rail']} aria-label={t('rail.label')}>
      <div className={classes['brand']}>
        <Logo />
        <span>Lockstep</span>
      </div>
      <ul className={classes['nav']}>
        {places.map((place) => {
          const count = counts[place];
          return (
            <li key={place}>
              <NavLink to={`/${place}`} title={t(`rail.${place}`)}>
                <Icon name={place} />
                <span>{t(`rail.${place}`)}</span>
                {count === undefined || count[0] === 0 ? null : (
                  <span
                    className={classes['navCount']}
                    data-tone={count[1]}
                    title={count[2]}
                    aria-label={count[2]}
                    role="img"
                  >
                    {count[0]}
                  </span>
                )}
              </NavLink>
            </li>
          );
        })}
      </ul>
      {info === undefined ? null : (
        <div className={classes['railFoot']}>
          <b>{info.name}</b>
          <span title={info.directory}>{info.directory}</span>
        </div>
      )}
    </nav>
  );
}

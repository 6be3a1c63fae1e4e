import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import { useLabInfo } from '../client/index.ts';
import { Icon, Logo } from '../shared/index.ts';
import type { Feature, RailCount } from './feature.ts';
import { features } from './features.ts';
import classes from './shell.module.css';

const noCount = (): RailCount => ({ count: 0, tone: 'idle', label: '' });

export function Rail(): ReactElement {
  const { t } = useTranslation();
  const info = useLabInfo().data;
  // The list of features never changes while the console runs: every render calls the same hooks in the same order.
  const places = features.map((feature: Feature) => ({ place: feature.place, count: (feature.useCount ?? noCount)() }));
  return (
    <nav className={classes['rail']} aria-label={t('rail.label')}>
      <div className={classes['brand']}>
        <Logo />
        <span>Lockstep</span>
      </div>
      <ul className={classes['nav']}>
        {places.map(({ place, count }) => (
          <li key={place}>
            <NavLink to={`/${place}`} title={t(`rail.${place}` as 'rail.overview')}>
              <Icon name={place} />
              <span>{t(`rail.${place}` as 'rail.overview')}</span>
              {count.count === 0 ? null : (
                <span
                  className={classes['navCount']}
                  data-tone={count.tone}
                  title={count.label}
                  aria-label={count.label}
                  role="img"
                >
                  {count.count}
                </span>
              )}
            </NavLink>
          </li>
        ))}
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

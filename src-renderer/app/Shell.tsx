import { useCallback, useEffect, useRef, useState, Suspense, lazy, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Outlet, useLocation } from 'react-router';
import { useLive } from '../client/index.ts';
import { Stale } from '../shared/index.ts';
import type { Feature } from './feature.ts';
import { features } from './features.ts';
import { ConnectionBanner } from './ConnectionBanner.tsx';
import { JobNotices } from './JobNotices.tsx';
import { Rail } from './Rail.tsx';
import { TopBar } from './TopBar.tsx';
import { useKeys, type Overlay } from './use-keys.ts';
import classes from './shell.module.css';

const JobsDrawer = lazy(async () => ({ default: (await import('./JobsDrawer.tsx')).JobsDrawer }));
const Palette = lazy(async () => ({ default: (await import('./Palette.tsx')).Palette }));
const KeyboardHelp = lazy(async () => ({ default: (await import('./KeyboardHelp.tsx')).KeyboardHelp }));
const FirstRun = lazy(async () => ({ default: (await import('../features/lab/index.ts')).FirstRunPage }));

const overlays = features.flatMap(({ place, Overlay }: Feature) => (Overlay === undefined ? [] : [{ place, Overlay }]));

const labIsOpen = (): boolean => useLive.getState().ready || useLive.getState().host?.lab === 'open';

/** Rail, bar, page, drawer. Without an open lab there is nothing to navigate: the first-run page stands alone. */
export function Shell(): ReactElement {
  const { t } = useTranslation();
  const host = useLive((state) => state.host);
  const ready = useLive((state) => state.ready);
  const stale = useLive((state) => state.connection === 'lost');
  const [drawer, setDrawer] = useState(false);
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const [overlay, setOverlay] = useState<Overlay | null>(null);
  const openOverlay = useCallback((next: Overlay) => setOverlay(labIsOpen() ? next : null), []);
  const toggleJobs = useCallback(() => setDrawer((shown) => !shown), []);
  useKeys(openOverlay, toggleJobs);
  const labOpen = ready || host?.lab === 'open';

  useEffect(() => {
    main.current?.scrollTo({ top: 0 });
  }, [pathname]);

  if (!labOpen) {
    return (
      <div className={classes['bare']}>
        <TopBar bare drawer={false} onDrawer={() => undefined} onPalette={() => undefined} />
        <main className={classes['main']}>
          <ConnectionBanner />
          <Suspense fallback={null}>
            {host === null ? <p className={classes['loading']}>{t('connection.connecting')}</p> : <FirstRun />}
          </Suspense>
        </main>
      </div>
    );
  }
  return (
    <div className={classes['shell']}>
      <a className={classes['skip']} href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        {t('shell.skip')}
      </a>
      <Rail />
      <TopBar drawer={drawer} onDrawer={toggleJobs} onPalette={() => setOverlay('palette')} />
      <main id="main" ref={main} tabIndex={-1} className={classes['main']}>
        <ConnectionBanner />
        <div className={stale ? classes['stale'] : undefined} aria-busy={!ready}>
          <Suspense fallback={<p className={classes['loading']}>{t('common.loading')}</p>}>
            <Stale value={stale}>
              {ready ? <Outlet /> : <p className={classes['loading']}>{t('connection.opening')}</p>}
            </Stale>
          </Suspense>
        </div>
      </main>
      {drawer ? (
        <Suspense fallback={null}>
          <JobsDrawer stale={stale} />
        </Suspense>
      ) : null}
      <JobNotices />
      <Stale value={stale}>{ready ? overlays.map(({ place, Overlay }) => <Overlay key={place} />) : null}</Stale>
      <Suspense fallback={null}>
        {overlay === 'palette' ? <Palette onClose={() => setOverlay(null)} /> : null}
        {overlay === 'keys' ? <KeyboardHelp onClose={() => setOverlay(null)} /> : null}
      </Suspense>
    </div>
  );
}

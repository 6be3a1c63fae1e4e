import { lazy } from 'react';
import { useTranslation } from 'react-i18next';
import type { Feature, RailCount } from '../../app/feature.ts';
import { useLive } from '../../client/index.ts';

const Faults = lazy(async () => ({ default: (await import('./FaultsPage.tsx')).FaultsPage }));

function useCount(): RailCount {
  const { t } = useTranslation();
  const count = useLive((state) => state.faults.length);
  return { count, tone: 'bad', label: t('rail.openFaults', { count }) };
}

export const faults = {
  place: 'faults',
  letter: 'f',
  routes: [{ path: '/faults', element: <Faults /> }],
  useCount,
} as const satisfies Feature;

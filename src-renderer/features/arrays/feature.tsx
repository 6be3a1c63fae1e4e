import { lazy } from 'react';
import { useTranslation } from 'react-i18next';
import type { Command, Feature, RailCount } from '../../app/feature.ts';
import { useLive } from '../../client/index.ts';

const Arrays = lazy(async () => ({ default: (await import('./ArraysPage.tsx')).ArraysPage }));
const OneArray = lazy(async () => ({ default: (await import('./ArrayPage.tsx')).ArrayPage }));

function useCount(): RailCount {
  const { t } = useTranslation();
  // Where a server is down the health of its pools is not known; the server is what is counted then.
  const count = useLive(
    (state) => state.arrays.filter((array) => array.health === 'degraded' || array.health === 'failed').length,
  );
  return { count, tone: 'warn', label: t('arrays.notHealthy', { count }) };
}

function useCommands(): readonly Command[] {
  const { t } = useTranslation();
  const arrays = useLive((state) => state.arrays);
  return arrays.map((array): Command => ({
    id: array.id,
    icon: 'arrays',
    title: t('arrays.command', { array: array.name }),
    group: 'thing',
    to: `/arrays/${encodeURIComponent(array.name)}`,
    hint: t(`health.${array.health}`),
  }));
}

export const arrays = {
  place: 'arrays',
  letter: 'a',
  routes: [
    { path: '/arrays', element: <Arrays /> },
    { path: '/arrays/:array', element: <OneArray /> },
  ],
  useCount,
  useCommands,
} as const satisfies Feature;

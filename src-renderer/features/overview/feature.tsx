import { lazy } from 'react';
import type { Feature } from '../../app/feature.ts';

const Overview = lazy(async () => ({ default: (await import('./OverviewPage.tsx')).OverviewPage }));

export const overview = {
  place: 'overview',
  letter: 'o',
  routes: [{ path: '/overview', element: <Overview /> }],
} as const satisfies Feature;

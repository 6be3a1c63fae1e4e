import { lazy } from 'react';
import type { Feature } from '../../app/feature.ts';

const Topology = lazy(async () => ({ default: (await import('./TopologyPage.tsx')).TopologyPage }));

export const topology = {
  place: 'topology',
  letter: 't',
  routes: [{ path: '/topology', element: <Topology /> }],
} as const satisfies Feature;

import { lazy } from 'react';
import type { Feature } from '../../app/feature.ts';

const Recovery = lazy(async () => ({ default: (await import('./RecoveryPage.tsx')).RecoveryPage }));

export const recovery = {
  place: 'recovery',
  letter: 'c',
  routes: [{ path: '/recovery', element: <Recovery /> }],
} as const satisfies Feature;

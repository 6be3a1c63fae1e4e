import { lazy } from 'react';
import type { Feature } from '../../app/feature.ts';

const Events = lazy(async () => ({ default: (await import('./EventsPage.tsx')).EventsPage }));

export const events = {
  place: 'events',
  letter: 'e',
  routes: [{ path: '/events', element: <Events /> }],
} as const satisfies Feature;

import { lazy } from 'react';
import { createHashRouter, Navigate, type RouteObject } from 'react-router';
import { Shell } from './Shell.tsx';

// Pages come on demand; the shell and the connection are the first paint.
const Overview = lazy(async () => ({ default: (await import('../features/overview/index.ts')).OverviewPage }));
const Replication = lazy(async () => ({ default: (await import('../features/replication/index.ts')).ReplicationPage }));
const Relationship = lazy(async () => ({
  default: (await import('../features/replication/index.ts')).RelationshipPage,
}));
const Recovery = lazy(async () => ({ default: (await import('../features/recovery/index.ts')).RecoveryPage }));
const Faults = lazy(async () => ({ default: (await import('../features/faults/index.ts')).FaultsPage }));
const Events = lazy(async () => ({ default: (await import('../features/events/index.ts')).EventsPage }));

export const routes: RouteObject[] = [
  {
    element: <Shell />,
    children: [
      { path: '/', element: <Navigate to="/overview" replace /> },
      { path: '/overview', element: <Overview /> },
      { path: '/replication', element: <Replication /> },
      { path: '/replication/:mirror', element: <Relationship /> },
      { path: '/recovery', element: <Recovery /> },
      { path: '/faults', element: <Faults /> },
      { path: '/events', element: <Events /> },
      { path: '*', element: <Navigate to="/overview" replace /> },
    ],
  },
];

/** Behind the hash: both hosts serve one document, and every page keeps a stable address. */
export function newRouter(): ReturnType<typeof createHashRouter> {
  return createHashRouter(routes);
}

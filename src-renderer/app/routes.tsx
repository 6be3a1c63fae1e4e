import { createHashRouter, Navigate, type RouteObject } from 'react-router';
import { features } from './features.ts';
import { PageError } from './PageError.tsx';
import { Shell } from './Shell.tsx';

export const routes: RouteObject[] = [
  {
    element: <Shell />,
    children: [
      { path: '/', element: <Navigate to="/overview" replace /> },
      ...features.flatMap((feature) =>
        feature.routes.map((route): RouteObject => ({ ...route, errorElement: <PageError /> })),
      ),
      { path: '*', element: <Navigate to="/overview" replace /> },
    ],
  },
];

/** Behind the hash: both hosts serve one document, and every page keeps a stable address. */
export function newRouter(): ReturnType<typeof createHashRouter> {
  return createHashRouter(routes);
}

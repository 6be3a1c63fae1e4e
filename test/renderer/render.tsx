import { MantineProvider } from '@mantine/core';
import { createRouterClient } from '@orpc/server';
import { QueryClientProvider } from '@tanstack/react-query';
import { cleanup, configure, render, type RenderResult } from '@testing-library/react';
import userEvent, { type UserEvent } from '@testing-library/user-event';
import { createMemoryRouter } from 'react-router';
import { RouterProvider } from 'react-router/dom';
import { afterEach } from 'vitest';
import { newQueryClient } from '../../src-renderer/app/query-client.ts';
import { routes } from '../../src-renderer/app/routes.tsx';
import { cssVariables, theme } from '../../src-renderer/app/theme.ts';
import { connect, type Transport } from '../../src-renderer/client/index.ts';
import '../../src-renderer/text/i18n.ts';
import { routerOf, type MemoryLab } from './lab/router.ts';

// What jsdom lacks and the component library asks for.
window.matchMedia ??= ((query: string) => ({
  matches: false,
  media: query,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
  addListener: () => undefined,
  removeListener: () => undefined,
  onchange: null,
  dispatchEvent: () => false,
})) as typeof window.matchMedia;
globalThis.ResizeObserver ??= class {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
};
Element.prototype.scrollTo ??= () => undefined;
Element.prototype.scrollIntoView ??= () => undefined;
// jsdom knows no layout: a scroller of no height would show no rows.
Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 800 });
Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, get: () => 1200 });

// On a busy machine a page may take its time; a test that fails has all of it.
configure({ asyncUtilTimeout: 15_000 });

let stop: (() => void) | undefined;
afterEach(() => {
  cleanup();
  stop?.();
  stop = undefined;
});

export interface Screen extends RenderResult {
  user: UserEvent;
  /** Ends the connection, as a crash of the engine does. */
  drop(): void;
}

/** The whole console on one path, against a lab in memory. */
export function renderConsole(lab: MemoryLab, path: string, after: Error = new Error('no engine')): Screen {
  const queries = newQueryClient();
  let drop: () => void = () => undefined;
  let opened = 0;
  stop = connect(queries, () => {
    opened += 1;
    if (opened > 1) return Promise.reject(after);
    const closed = new Promise<void>((resolve) => (drop = () => resolve()));
    const client = createRouterClient(routerOf(lab), {}) as unknown as Transport['client'];
    return Promise.resolve({ client, closed, close: () => undefined });
  });
  const router = createMemoryRouter(routes, { initialEntries: [path] });
  const result = render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} forceColorScheme="light" env="test">
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...result, user: userEvent.setup(), drop: () => drop() };
}

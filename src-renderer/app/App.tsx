import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { useEffect, useState, type ReactElement } from 'react';
import { RouterProvider } from 'react-router/dom';
import { connect } from '../client/index.ts';
import { newQueryClient } from './query-client.ts';
import { newRouter } from './routes.tsx';
import { cssVariables, theme } from './theme.ts';

/** The nonce of the page's own Content-Security-Policy; the browser hides it from everything but this property. */
function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
}

export function App(): ReactElement {
  const [queries] = useState(newQueryClient);
  const [router] = useState(newRouter);
  useEffect(() => connect(queries), [queries]);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
        <Notifications position="bottom-right" autoClose={6000} limit={4} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

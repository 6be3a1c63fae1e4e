import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect, type ConsoleMessage, type Page } from '@playwright/test';
import { desktop, headless, type Running } from './launch.ts';

export interface HostOptions {
  hostKind: 'desktop' | 'headless';
}

/** What a page must never do: speak to strangers, break its own security policy, or fail in silence. */
class Watch {
  readonly complaints: string[] = [];

  constructor(page: Page, crashed: () => boolean) {
    page.on('pageerror', (error) => this.complaints.push(`error in the page: ${error.message}`));
    page.on('console', (message: ConsoleMessage) => {
      const unreachable = crashed() && /^WebSocket connection to|net::ERR_CONNECTION_REFUSED/.test(message.text());
      if (message.type() === 'error' && !unreachable)
        this.complaints.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      const own =
        url.hostname === '127.0.0.1' || url.protocol === 'app:' || url.protocol === 'data:' || url.protocol === 'blob:';
      if (!own) this.complaints.push(`request to ${url.href}`);
    });
  }
}

export const test = base.extend<HostOptions & { running: Running; console: Page }>({
  hostKind: ['headless', { option: true }],
  running: async ({ hostKind }, use, testInfo) => {
    const directory = await mkdtemp(join(tmpdir(), 'lockstep-e2e-'));
    const lab = join(directory, 'lab');
    const host = hostKind === 'headless' ? await headless(lab) : await desktop(lab, join(directory, 'home'));
    const watch = new Watch(host.page, () => host.crashed);
    await use(host);
    if (testInfo.status !== testInfo.expectedStatus)
      await testInfo.attach('screen', { body: await host.page.screenshot(), contentType: 'image/png' });
    await host.stop();
    await rm(directory, { recursive: true, force: true });
    expect(watch.complaints).toEqual([]);
  },
  console: async ({ running }, use) => {
    await use(running.page);
  },
});

export { expect };

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test as base, _electron, chromium, expect, type ConsoleMessage, type Page } from '@playwright/test';

export interface HostOptions {
  hostKind: 'desktop' | 'headless';
}

/** A running host with an empty lab directory, and the console of it. */
interface Running {
  page: Page;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '..');
const CHROMIUM_FLAGS = [
  '--disable-background-networking',
  '--disable-quic',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
];
const VIEWPORT = { width: 1440, height: 900 };

interface ReadyLine {
  url: string;
  openUrl: string;
  pid: number;
}

async function readyLine(host: ChildProcess): Promise<ReadyLine> {
  if (host.stdout === null) throw new Error('the host has no standard output');
  const lines = createInterface({ input: host.stdout });
  const first = once(lines, 'line').then(([line]) => JSON.parse(String(line)) as ReadyLine);
  const ended = once(host, 'exit').then(([code]) => {
    throw new Error(`the host ended with ${String(code)} before it was ready`);
  });
  return Promise.race([first, ended]);
}

async function headless(lab: string): Promise<Running> {
  const host = spawn(
    join(root, 'node_modules', '.bin', 'lockstep'),
    ['serve', '--lab', lab, '--listen', '127.0.0.1:0'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(host, 'exit');
  const { openUrl } = await readyLine(host);
  const browser = await chromium.launch({
    executablePath: process.env['LOCKSTEP_CHROMIUM'] || '/usr/bin/chromium',
    chromiumSandbox: false,
    args: CHROMIUM_FLAGS,
  });
  const context = await browser.newContext({ viewport: VIEWPORT, acceptDownloads: true });
  const page = await context.newPage();
  await page.goto(openUrl);
  return {
    page,
    stop: async () => {
      await browser.close();
      host.kill('SIGTERM');
      await exited;
    },
  };
}

async function desktop(lab: string, home: string): Promise<Running> {
  const executablePath = process.env['LOCKSTEP_ELECTRON'];
  const application = await _electron.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    cwd: root,
    args: ['--no-sandbox', `--user-data-dir=${home}`, '.'],
    env: {
      ...Object.fromEntries(
        Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
      LOCKSTEP_LAB: lab,
    },
  });
  const page = await application.firstWindow();
  await page.setViewportSize(VIEWPORT);
  return { page, stop: () => application.close() };
}

/** What a page must never do: speak to strangers, break its own security policy, or fail in silence. */
class Watch {
  readonly complaints: string[] = [];

  constructor(page: Page) {
    page.on('pageerror', (error) => this.complaints.push(`error in the page: ${error.message}`));
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error') this.complaints.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      const own =
        url.hostname === '127.0.0.1' || url.protocol === 'app:' || url.protocol === 'data:' || url.protocol === 'blob:';
      if (!own) this.complaints.push(`request to ${url.href}`);
    });
  }
}

export const test = base.extend<HostOptions & { console: Page }>({
  hostKind: ['headless', { option: true }],
  console: async ({ hostKind }, use, testInfo) => {
    const directory = await mkdtemp(join(tmpdir(), 'lockstep-e2e-'));
    const lab = join(directory, 'lab');
    const host = hostKind === 'headless' ? await headless(lab) : await desktop(lab, join(directory, 'home'));
    const watch = new Watch(host.page);
    await use(host.page);
    if (testInfo.status !== testInfo.expectedStatus)
      await testInfo.attach('screen', { body: await host.page.screenshot(), contentType: 'image/png' });
    await host.stop();
    await rm(directory, { recursive: true, force: true });
    expect(watch.complaints).toEqual([]);
  },
});

export { expect };

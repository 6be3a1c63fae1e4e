import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { _electron, chromium, type Page } from '@playwright/test';

/** A running host with an empty lab directory, and the console of it. */
export interface Running {
  page: Page;
  /** Process that holds the lab. */
  pid: number;
  /** Does what makes the console save a file, and answers with where it was saved. */
  fileSavedBy(act: () => Promise<void>): Promise<string>;
  /** Ends the process that holds the lab with SIGKILL; only where the window outlives it. */
  crash?(): void;
  /** Set by `crash`: from then on the page may say that it reaches nobody. */
  crashed: boolean;
  stop(): Promise<void>;
}

export const root = join(import.meta.dirname, '..');
const CHROMIUM_FLAGS = [
  '--disable-background-networking',
  '--disable-quic',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
];
/** Electron's debugging port sometimes never answers while it starts; a window is there within seconds or not at all. */
const LAUNCH_TIMEOUT_MS = 40_000;
const LAUNCHES = 3;
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

export async function headless(lab: string): Promise<Running> {
  const host = spawn(
    join(root, 'node_modules', '.bin', 'lockstep'),
    ['serve', '--lab', lab, '--listen', '127.0.0.1:0'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(host, 'exit');
  const { openUrl, pid } = await readyLine(host);
  const browser = await chromium.launch({
    executablePath: process.env['LOCKSTEP_CHROMIUM'] || '/usr/bin/chromium',
    chromiumSandbox: false,
    args: CHROMIUM_FLAGS,
  });
  const context = await browser.newContext({ viewport: VIEWPORT, acceptDownloads: true });
  const page = await context.newPage();
  await page.goto(openUrl);
  const running: Running = {
    page,
    pid,
    crashed: false,
    crash: () => {
      running.crashed = true;
      process.kill(pid, 'SIGKILL');
    },
    fileSavedBy: async (act) => {
      const [download] = await Promise.all([page.waitForEvent('download'), act()]);
      return download.path();
    },
    stop: async () => {
      await browser.close();
      host.kill('SIGTERM');
      await exited;
    },
  };
  return running;
}

async function launched<T>(launch: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch();
    } catch (error) {
      if (attempt === LAUNCHES || !(error instanceof Error) || error.name !== 'TimeoutError') throw error;
      process.stderr.write(`Electron did not start within ${String(LAUNCH_TIMEOUT_MS)} ms; once more\n`);
    }
  }
}

export async function desktop(lab: string, home: string): Promise<Running> {
  const executablePath = process.env['LOCKSTEP_ELECTRON'];
  const application = await launched(() =>
    _electron.launch({
      timeout: LAUNCH_TIMEOUT_MS,
      ...(executablePath === undefined ? {} : { executablePath }),
      cwd: root,
      args: ['--no-sandbox', `--user-data-dir=${home}`, '.'],
      env: {
        ...Object.fromEntries(
          Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
        ),
        LOCKSTEP_LAB: lab,
      },
    }),
  );
  const page = await application.firstWindow();
  await page.setViewportSize(VIEWPORT);
  return {
    page,
    pid: application.process().pid ?? 0,
    crashed: false,
    // A person would answer the system's save dialog; the test answers it before it is asked.
    fileSavedBy: async (act) => {
      const saved = application.evaluate(
        ({ session }, directory) =>
          new Promise<string>((resolve, reject) => {
            session.defaultSession.once('will-download', (_event, item) => {
              const path = `${directory}/${item.getFilename()}`;
              item.setSavePath(path);
              item.once('done', (_done, state) => {
                if (state === 'completed') resolve(path);
                else reject(new Error(`the download ended ${state}`));
              });
            });
          }),
        home,
      );
      const [path] = await Promise.all([saved, act()]);
      return path;
    },
    stop: () => application.close(),
  };
}

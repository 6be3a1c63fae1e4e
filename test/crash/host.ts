/** The real headless host as a process of its own, and a client on its control socket. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { WebSocket } from 'ws';
import type { DoorClient } from '../../src-main/engine/index.ts';

const root = join(import.meta.dirname, '..', '..');
const launcher = join(root, 'src-main', 'launch', 'lockstep.mjs');
const READY_MS = 60_000;

export interface Ready {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  readonly lab: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A host that printed its ready line. Whatever happens to it, `exited` tells. */
export interface Host {
  readonly ready: Ready;
  readonly startMs: number;
  readonly client: DoorClient;
  readonly exited: Promise<Exit>;
  /** Everything it wrote on standard error so far. */
  errors(): string;
  /** Exactly the process that holds the lab. */
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<Exit>;
  stop(): Promise<Exit>;
}

/** What a host that refused to start said on standard error. */
export interface NoHost {
  readonly exit: Exit;
  readonly errors: string;
}

export function isHost(host: Host | NoHost): host is Host {
  return 'ready' in host;
}

export async function startHost(directory: string): Promise<Host> {
  const host = await tryHost(directory);
  if (!isHost(host)) throw new Error(`the host did not start (${String(host.exit.code)}): ${host.errors}`);
  return host;
}

/** Starts `lockstep serve`; resolves at its ready line or its end, and fails if neither comes in a minute. */
export async function tryHost(directory: string): Promise<Host | NoHost> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [launcher, 'serve', '--lab', directory, '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = `${errors}${text}`.slice(-100_000)));
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const first = await Promise.race([readyLine(child), exited]);
  if (!('pid' in first)) return { exit: first, errors };
  const startMs = performance.now() - startedAt;
  const { client, closed } = await dial(join(directory, 'control.sock')).catch((error: unknown) => {
    process.kill(first.pid, 'SIGKILL');
    throw error;
  });
  return {
    ready: first,
    startMs,
    client,
    exited,
    errors: () => errors,
    signal: (signal) => void process.kill(first.pid, signal),
    kill: async () => {
      try {
        process.kill(first.pid, 'SIGKILL');
      } catch {
        // It ended by itself: how, its exit tells.
      }
      const exit = await exited;
      await closed;
      return exit;
    },
    stop: async () => {
      try {
        process.kill(first.pid, 'SIGTERM');
      } catch {
        // It ended by itself: how, its exit tells.
      }
      return exited;
    },
  };
}

function readyLine(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error('the host neither served nor ended within a minute'));
    }, READY_MS);
    child.once('close', () => clearTimeout(late));
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end < 0) return;
      clearTimeout(late);
      resolve(JSON.parse(text.slice(0, end)) as Ready);
    });
  });
}

/** The contract over the control socket. Calls under way when the host dies reject. */
async function dial(path: string): Promise<{ readonly client: DoorClient; readonly closed: Promise<void> }> {
  const socket = new WebSocket(`ws+unix:${path}:/rpc`);
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => undefined); // `close` follows
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return {
    client: createORPCClient(new RPCLink({ websocket: socket as unknown as globalThis.WebSocket })),
    closed,
  };
}

/** Runs one command of the CLI to its end. */
export async function cli(
  directory: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string; readonly json: unknown }> {
  const child = spawn(process.execPath, [launcher, ...args, '--lab', directory, '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  let json: unknown = null;
  try {
    json = JSON.parse(out === '' ? (err.trim().split('\n').at(-1) ?? '') : out);
  } catch {
    json = null; // the test that wants a document sees that there is none
  }
  return { code, out, err, json };
}

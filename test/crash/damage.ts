/** What can happen to files while nobody looks, and what a host makes of it. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Refusal, Server, Volume } from '../../src-engine/contract/index.ts';
import { isHost, tryHost } from './host.ts';
import type { Finding, Ledger } from './ledger.ts';
import { synchronized } from './small-lab.ts';

const FLIPPED = 64;

/** Inverts some bytes from `offset` on; a negative offset counts from the end. */
export function flip(path: string, offset: number, length: number = FLIPPED): void {
  const file = openSync(path, 'r+');
  try {
    const at = offset < 0 ? fstatSync(file).size + offset : offset;
    const bytes = Buffer.alloc(length);
    readSync(file, bytes, 0, length, at);
    for (let i = 0; i < length; i += 1) bytes[i] = (bytes[i] ?? 0) ^ 0xff;
    writeSync(file, bytes, 0, length, at);
  } finally {
    closeSync(file);
  }
}

export function truncate(path: string, sizeBytes: number): void {
  truncateSync(path, sizeBytes);
}

/** As long as before, and nothing in it. */
export function zero(path: string): void {
  const file = openSync(path, 'r+');
  const { size } = fstatSync(file);
  closeSync(file);
  truncateSync(path, 0);
  truncateSync(path, size);
}

export function remove(path: string): void {
  rmSync(path);
}

/** Copies a directory with its holes. */
export function copyDirectory(from: string, to: string): void {
  execFileSync('cp', ['-a', '--sparse=always', `${from}/.`, to]);
}

/** The files that `pattern` names, relative to the lab, replaced by those of `from`. */
export function replace(directory: string, from: string, folder: string, pattern: RegExp): string[] {
  const names = readdirSync(join(from, folder)).filter((name) => pattern.test(name));
  for (const name of names) copyFileSync(join(from, folder, name), join(directory, folder, name));
  return names;
}

export function filesIn(directory: string, folder: string, pattern: RegExp): string[] {
  return readdirSync(join(directory, folder))
    .filter((name) => pattern.test(name))
    .map((name) => join(directory, folder, name));
}

/** True once nobody can open the file for writing, root included. */
export function makeReadOnly(path: string): boolean {
  try {
    execFileSync('chmod', ['0444', path]);
    if (process.getuid?.() === 0) execFileSync('chattr', ['+i', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function makeWritable(path: string): void {
  if (process.getuid?.() === 0) execFileSync('chattr', ['-i', path], { stdio: 'ignore' });
  execFileSync('chmod', ['0600', path]);
}

/** What one start on the files came to. */
export interface Outcome {
  /** The error that the host ended with instead of serving. */
  readonly refused: Refusal | null;
  readonly servers: readonly Server[];
  readonly volumes: readonly Volume[];
  readonly events: readonly { readonly kind: string; readonly message: string }[];
  /** Why a volume could not be read, by name. */
  readonly unreadable: Readonly<Record<string, string>>;
  /** Bytes that no promise allows: always a defect. */
  readonly wrong: readonly Finding[];
  /** Null when all mirrors came to rest at Synchronized, else what they said. */
  readonly apart: string | null;
  /** After a repair where the first one found damage. */
  readonly check: { readonly verdict: string; readonly problems: readonly object[] } | null;
  readonly exitCode: number | null;
  readonly errors: string;
}

/** Starts a host on the directory, reads everything that can be read, and ends it gracefully. */
export async function startOn(
  directory: string,
  ledgers: readonly Ledger[],
  options: { readonly syncMs?: number } = {},
): Promise<Outcome> {
  const host = await tryHost(directory);
  const nothing = { servers: [], volumes: [], events: [], unreadable: {}, wrong: [], apart: null, check: null };
  if (!isHost(host))
    return { ...nothing, refused: refusalIn(host.errors), exitCode: host.exit.code, errors: host.errors };
  const { client } = host;
  try {
    const apart = await synchronized(client, options.syncMs ?? 10_000).then(
      () => null,
      (error: unknown) => String(error),
    );
    const unreadable: Record<string, string> = {};
    const wrong: Finding[] = [];
    for (const ledger of ledgers) {
      for (const name of [ledger.volume, `${ledger.volume}-copy`]) {
        // A copy that is not in sync holds an older point by right.
        if (name !== ledger.volume && apart !== null) continue;
        try {
          wrong.push(...(await ledger.clone().verify(client, name)));
        } catch (error) {
          unreadable[name] = codeOf(error);
        }
      }
    }
    const [servers, volumes, page] = await Promise.all([
      client.server.list({}),
      client.volume.list({}),
      client.event.list({ limit: 200 }),
    ]);
    // Damage that redundancy can undo is undone on request, and is gone then.
    const found = await client.lab.check({});
    if (found.verdict === 'damaged') await client.lab.check({ repair: true });
    const check = found.verdict === 'damaged' ? await client.lab.check({}) : found;
    const { code } = await host.stop();
    const { events } = page;
    return {
      refused: null,
      servers,
      volumes,
      events,
      unreadable,
      wrong,
      apart,
      check,
      exitCode: code,
      errors: host.errors(),
    };
  } catch (error) {
    await host.kill().catch(() => undefined);
    throw new Error(`the host failed after its start: ${String(error)}\n${host.errors()}`, { cause: error });
  }
}

function refusalIn(errors: string): Refusal | null {
  for (const line of errors.trim().split('\n').reverse()) {
    try {
      const parsed = JSON.parse(line) as { error?: Refusal };
      if (parsed.error !== undefined) return parsed.error;
    } catch {
      continue; // a line for people
    }
  }
  return null;
}

export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'data' in error) {
    const { data } = error as { data?: { code?: unknown; message?: unknown } };
    if (typeof data?.code === 'string') return `${data.code}: ${String(data.message)}`;
  }
  return `uncoded: ${String(error)}`;
}

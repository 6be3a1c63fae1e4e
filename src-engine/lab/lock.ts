/**
 * One process per lab. The lock is an exclusive transaction on `lab.lock.db`: the operating system drops it at the very
 * moment the owner dies, so that it can neither go stale nor be stolen. `lab.lock` beside it only says who the owner is.
 */
import { openDatabase, sqliteCode, type Database } from './catalog/index.ts';
import type { Storage } from '../runtime/index.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';
import { Refused, refusal } from './refused.ts';

export interface LockOwner {
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly host: string;
  /** Where the owner serves the contract. */
  readonly socket: string;
  readonly url?: string;
}

const OWNER_FILE = 'lab.lock';
const LOCK_FILE = 'lab.lock.db';

export interface LabLock {
  readonly owner: LockOwner;
  /** Tells others where this process listens; the lock itself is held already. */
  announce(addition: { readonly socket?: string; readonly url?: string }): Promise<void>;
  release(): Promise<void>;
}

/** Throws `lab/locked` with the owner's pid and host when another process has the lab. */
export async function acquireLock(options: {
  readonly directory: string;
  readonly storage: Storage;
  readonly owner: LockOwner;
  readonly binding?: string;
}): Promise<LabLock> {
  let database: Database | null = null;
  try {
    database = openDatabase(`${options.directory}/${LOCK_FILE}`, {
      timeoutMs: 0,
      ...(options.binding === undefined ? {} : { binding: options.binding }),
    });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    const code = sqliteCode(error);
    if (code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT') === true) {
      throw new Refused(
        refusal(
          'lab/lock-damaged',
          `${LOCK_FILE} is no lock: ${error instanceof Error ? error.message : String(error)}.`,
          `It holds no data. Make sure that no process has this lab open, then delete ${LOCK_FILE}.`,
          { details: { file: LOCK_FILE, offset: 0, expected: 'an SQLite database' } },
        ),
      );
    }
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY') !== true) throw error;
    throw new Refused(lockedBy(await readOwner(options.storage)));
  }
  const held = database;
  let owner = options.owner;
  // Only a courtesy: a full file system must not keep the lab closed.
  const tell = (): Promise<void> => writeSmallFile(options.storage, OWNER_FILE, encode(owner)).catch(() => undefined);
  await tell();
  return {
    get owner() {
      return owner;
    },
    announce: async (addition) => {
      owner = { ...owner, ...addition };
      await tell();
    },
    release: async () => {
      await options.storage.remove(OWNER_FILE).catch(() => undefined); // only a courtesy: the lock is the database
      held.close();
    },
  };
}

/** Who has, or last had, the lab; null when nobody says. Does not tell whether the lock is held. */
export async function readOwner(storage: Storage): Promise<LockOwner | null> {
  if (!(await storage.exists(OWNER_FILE))) return null;
  try {
    const value = JSON.parse(new TextDecoder().decode(await readSmallFile(storage, OWNER_FILE))) as unknown;
    if (typeof value !== 'object' || value === null) return null;
    const owner = value as Partial<LockOwner>;
    if (typeof owner.pid !== 'number' || typeof owner.host !== 'string') return null;
    return { startedAt: 0, socket: '', ...owner, pid: owner.pid, host: owner.host };
  } catch {
    return null; // being written this moment, or damaged: the refusal stands without a name
  }
}

function lockedBy(owner: LockOwner | null) {
  const who = owner === null ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return refusal(
    'lab/locked',
    `This lab is open in ${who}.`,
    'Use that process (the command line does so by itself), or end it first.',
    {
      details:
        owner === null ? {} : { pid: owner.pid, host: owner.host, startedAt: owner.startedAt, socket: owner.socket },
    },
  );
}

function encode(owner: LockOwner): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(owner)}\n`);
}

/**
 * Everything the engine may ask of the world, as interfaces. Nothing under `src-engine` other than `runtime/node`
 * touches the clock, randomness, files, sockets or `crypto` in any other way; therefore the production code itself
 * runs in the simulator, where one seed is one schedule (docs/internals.md, "Runtime").
 */

/** A running timer. `cancel` is idempotent and may be called after it fired. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back; not affected by wall-clock jumps. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch, UTC. May jump. For display and audit only, never for ordering or timeouts. */
  wallMs(): number;
  /** Calls `fire` once after `delayMs` (>= 0). */
  after(delayMs: number, fire: () => void): Timer;
  sleep(delayMs: number): Promise<void>;
  /** The longest time in which this process took up nothing new, waiting for a processor included, since the first call. Null, or not there: nobody looks. */
  longestStallMs?(): number | null;
}

export interface Random {
  /** Uniform 32-bit unsigned integer. */
  u32(): number;
  /** Uniform in [0, 1). */
  float(): number;
  bytes(length: number): Uint8Array;
  /** A new identifier: lower-case base-32, 16 characters, unguessable on the real runtime. */
  id(): string;
}

/** Thrown (as rejection) by storage calls; anything else that escapes a storage call is a bug. */
export type StorageErrorCode =
  'io' | 'no-space' | 'not-found' | 'exists' | 'read-only' | 'fenced' | 'out-of-range' | 'timeout';

export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly path: string;
  constructor(code: StorageErrorCode, path: string, message: string) {
    super(message);
    this.name = 'StorageError';
    this.code = code;
    this.path = path;
  }
}

/**
 * One file. Offsets and sizes are bytes. Writes may tear at 512 B and may be reordered until `sync` returns.
 * A failed `sync` is never retried by callers: what was written since the last good one may be gone.
 */
export interface StorageFile {
  readonly path: string;
  /** Size in bytes as last set. */
  readonly size: number;
  /** Fills `into` from `at`. Rejects `out-of-range` when the range passes the end, `io` for a medium error. */
  read(into: Uint8Array, at: number): Promise<void>;
  /** Vectored write; not durable. The buffers must not change before the promise settles. */
  write(buffers: readonly Uint8Array[], at: number): Promise<void>;
  /** fdatasync: all writes that had settled before the call are durable after it. */
  sync(): Promise<void>;
  /** `write` followed by `sync`, in one call: the group commit of the hot path. */
  commit(buffers: readonly Uint8Array[], at: number): Promise<void>;
  /** Gives the range back to the file system where it can; the range then reads as zeros. */
  discard(at: number, length: number): Promise<void>;
  close(): Promise<void>;
}

/** The files of one failure domain: a server's own device, or an array. Paths are relative, `/`-separated, validated. */
export interface Storage {
  /**
   * Opens a file for reading and writing. `create: true` makes it when missing (exactly `size` bytes, zero filled and
   * preallocated where `preallocate`); a missing file without `create` rejects `not-found`. The new file and its
   * directory entry are durable after the first `sync` of the file.
   */
  open(
    path: string,
    options?: { readonly create?: boolean; readonly size?: number; readonly preallocate?: boolean },
  ): Promise<StorageFile>;
  exists(path: string): Promise<boolean>;
  /** Names of all files whose path starts with `prefix`, sorted. */
  list(prefix: string): Promise<readonly string[]>;
  remove(path: string): Promise<void>;
  /** Atomic and durable. Replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Free bytes on the device below; `Infinity` when unknown. */
  freeBytes(): Promise<number>;
}

/**
 * One connection between two servers. Frames arrive whole and undamaged, but a lossy link may lose, repeat or reorder
 * them; `replication/channel` makes an ordered, exactly-once stream of it.
 */
export interface Session {
  readonly peer: string;
  /** Copies the bytes. Never blocks; `bufferedBytes` tells how much has not left yet. Ignored after close. */
  send(frame: readonly Uint8Array[]): void;
  readonly bufferedBytes: number;
  onFrame: (frame: Uint8Array) => void;
  /** Whoever got a frame keeps nothing of it: its memory may carry another one. Only a hint. */
  release(frame: ArrayBufferLike): void;
  /** Called at most once; never after `close()` by this side. */
  onClose: (reason: string) => void;
  close(): void;
}

/** Messages between servers; the only way in which one server learns anything of another. Addresses are server ids. */
export interface Network {
  /** At most one listener; `close` the returned handle to stop. */
  listen(onSession: (session: Session) => void): { close(): void };
  /** Rejects when the peer cannot be reached now. */
  dial(address: string): Promise<Session>;
}

export interface Hash {
  /** SHA-256 of the concatenation, 32 bytes. */
  sha256(parts: readonly Uint8Array[]): Uint8Array;
  /** Streaming SHA-256. */
  sha256Stream(): { update(part: Uint8Array): void; digest(): Uint8Array };
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export interface Log {
  write(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * What one incarnation of one server gets. When the incarnation ends (crash, power-off), every pending and later call
 * never settles, its timers never fire and its sessions are gone: nothing of the old incarnation can act.
 */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly hash: Hash;
  readonly log: Log;
  /** Coverage mark: tells the simulator that a rare place was reached. No effect otherwise. Names are `area/what`. */
  covered(mark: string): void;
  /**
   * Deliberate bugs, switchable in the simulator only; always false on the real runtime. The set of names is the union
   * type below, so that every planted bug is listed in one place.
   */
  planted(bug: PlantedBug): boolean;
}

export const PLANTED_BUGS = [
  'label-destination-with-source-number',
  'ignore-log-chain',
  'free-half-before-committed',
  'clear-bits-at-prepared',
  'replay-below-applied-sequence',
  'skip-relabel-on-open',
  'serve-before-handshake',
  'resync-block-overwrites-later-cp',
  'acknowledge-before-fracture-durable',
  'reuse-staged-block',
  'obey-stale-commit',
  'keep-entries-beyond-cut',
  'retry-failed-sync',
  'skip-data-sync-before-label',
  'drop-fracture-bit',
  'acknowledge-before-keeper',
  'drop-entry-at-drain',
  'hide-lost-records',
] as const;
export type PlantedBug = (typeof PLANTED_BUGS)[number];

/** A broken assertion is a bug in the engine, never bad input. Stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

export class AssertionError extends Error {
  constructor(message: string) {
    super(`assertion failed: ${message}`);
    this.name = 'AssertionError';
  }
}

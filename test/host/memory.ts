import type { Clock, Random, Storage, StorageFile, Timer } from '../../src-engine/runtime/index.ts';
import { StorageError } from '../../src-engine/runtime/index.ts';

/** Files in memory; enough for codecs and ledgers, no faults but `failWrites`. */
export class MemoryStorage implements Storage {
  readonly files = new Map<string, Uint8Array>();
  failWrites = false;

  async open(path: string, options?: { readonly create?: boolean; readonly size?: number }): Promise<StorageFile> {
    if (!this.files.has(path)) {
      if (options?.create !== true) throw new StorageError('not-found', path, 'no such file');
      this.files.set(path, new Uint8Array(options.size ?? 0));
    }
    return this.#file(path, this.files.get(path) ?? new Uint8Array(0));
  }
  async exists(path: string): Promise<boolean> {
    return this.files.has(path);
  }
  async list(prefix: string): Promise<readonly string[]> {
    return [...this.files.keys()].filter((path) => path.startsWith(prefix)).sort();
  }
  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }
  async rename(from: string, to: string): Promise<void> {
    const bytes = this.files.get(from);
    if (bytes === undefined) throw new StorageError('not-found', from, 'no such file');
    this.files.delete(from);
    this.files.set(to, bytes);
  }
  async freeBytes(): Promise<number> {
    return Infinity;
  }

  #file(path: string, bytes: Uint8Array): StorageFile {
    const write = async (buffers: readonly Uint8Array[], at: number): Promise<void> => {
      await Promise.resolve();
      if (this.failWrites) throw new StorageError('no-space', path, 'device full');
      let to = at;
      for (const buffer of buffers) {
        if (to + buffer.byteLength > bytes.byteLength) throw new StorageError('out-of-range', path, 'past the end');
        bytes.set(buffer, to);
        to += buffer.byteLength;
      }
    };
    return {
      path,
      size: bytes.byteLength,
      read: async (into, at) => {
        if (at + into.byteLength > bytes.byteLength) throw new StorageError('out-of-range', path, 'past the end');
        into.set(bytes.subarray(at, at + into.byteLength));
      },
      write,
      sync: async () => undefined,
      commit: write,
      discard: async (at, length) => {
        bytes.fill(0, at, at + length);
      },
      close: async () => undefined,
    };
  }
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0 || 1;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    u32,
    float: () => u32() / 0x1_0000_0000,
    bytes: (length) => Uint8Array.from({ length }, () => u32() & 255),
    id: () => Array.from({ length: 16 }, () => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(u32() & 31)).join(''),
  };
}

/** A clock that moves only when told; sleepers wake in order. */
export class ManualClock implements Clock {
  now = 0;
  wall = 1_800_000_000_000;
  #timers: { at: number; fire: () => void; live: boolean }[] = [];

  nowMs(): number {
    return this.now;
  }
  wallMs(): number {
    return this.wall + this.now;
  }
  after(delayMs: number, fire: () => void): Timer {
    const timer = { at: this.now + delayMs, fire, live: true };
    this.#timers.push(timer);
    return {
      cancel: () => {
        timer.live = false;
      },
    };
  }
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }
  /** Moves on and lets everything that became due run, promises included. */
  async advance(byMs: number): Promise<void> {
    const until = this.now + byMs;
    for (;;) {
      await settle();
      const due = this.#timers.filter((timer) => timer.live && timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.now = Math.max(this.now, due.at);
      due.live = false;
      due.fire();
    }
    this.#timers = this.#timers.filter((timer) => timer.live);
    this.now = until;
    await settle();
  }
}

export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

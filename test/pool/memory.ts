import { StorageError } from '../../src-engine/runtime/index.ts';
import type { PlantedBug, Runtime, Storage, StorageFile } from '../../src-engine/runtime/index.ts';

/** Storage in memory that can crash at any I/O (unsynced sectors survive or not by a coin) and fail single files. */
export class MemoryStorage implements Storage {
  readonly files = new Map<string, MemoryFile>();
  /** I/Os that change something, counted; `crashAt` stops the world before that one. */
  operations = 0;
  crashAt = Infinity;
  crashed = false;
  onCrash: () => void = () => undefined;
  /** Return an error to fail an I/O. */
  fault: (path: string, kind: 'read' | 'write' | 'sync', at: number) => StorageError | null = () => null;

  async open(path: string, options: { readonly create?: boolean; readonly size?: number } = {}): Promise<StorageFile> {
    let file = this.files.get(path);
    if (file === undefined) {
      if (options.create !== true) throw new StorageError('not-found', path, `${path} is missing`);
      file = new MemoryFile(this, path, options.size ?? 0);
      this.files.set(path, file);
    }
    return file;
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
    const file = this.files.get(from);
    if (file !== undefined) this.files.set(to, file);
    this.files.delete(from);
  }

  async freeBytes(): Promise<number> {
    return Infinity;
  }

  /** How many turns an I/O takes. */
  turns: (path: string, kind: 'read' | 'write' | 'sync', at: number) => number = () => 1;

  /** What a restart finds: each unsynced 512-byte sector decided by `coin`. */
  restart(coin: () => boolean): MemoryStorage {
    const next = new MemoryStorage();
    for (const [path, file] of this.files) {
      const copy = new MemoryFile(next, path, file.size);
      copy.bytes.set(file.durable(coin));
      next.files.set(path, copy);
    }
    return next;
  }

  async step(path: string, kind: 'read' | 'write' | 'sync', at: number): Promise<void> {
    if (kind !== 'read' && ++this.operations >= this.crashAt && !this.crashed) {
      this.crashed = true;
      this.onCrash();
    }
    if (this.crashed) await new Promise<never>(() => undefined);
    for (let turn = this.turns(path, kind, at); turn > 0; turn--) await Promise.resolve();
    if (this.crashed) await new Promise<never>(() => undefined);
    const error = this.fault(path, kind, at);
    if (error !== null) throw error;
  }
}

class MemoryFile implements StorageFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly #storage: MemoryStorage;
  /** Old contents of ranges written since the last sync. */
  #undo: { readonly at: number; readonly old: Uint8Array }[] = [];

  constructor(storage: MemoryStorage, path: string, size: number) {
    this.#storage = storage;
    this.path = path;
    this.bytes = new Uint8Array(size);
  }

  get size(): number {
    return this.bytes.length;
  }

  durable(coin: () => boolean): Uint8Array {
    const bytes = this.bytes.slice();
    for (const { at, old } of this.#undo.toReversed()) {
      for (let i = 0; i < old.length; i += 512) if (coin()) bytes.set(old.subarray(i, i + 512), at + i);
    }
    return bytes;
  }

  async read(into: Uint8Array, at: number): Promise<void> {
    await this.#storage.step(this.path, 'read', at);
    if (at + into.length > this.size) throw new StorageError('out-of-range', this.path, `read of ${at}+${into.length}`);
    into.set(this.bytes.subarray(at, at + into.length));
  }

  async write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    await this.#storage.step(this.path, 'write', at);
    let offset = at;
    for (const buffer of buffers) {
      this.#undo.push({ at: offset, old: this.bytes.slice(offset, offset + buffer.length) });
      this.bytes.set(buffer, offset);
      offset += buffer.length;
    }
  }

  async sync(): Promise<void> {
    await this.#storage.step(this.path, 'sync', 0);
    this.#undo = [];
  }

  async commit(buffers: readonly Uint8Array[], at: number): Promise<void> {
    await this.write(buffers, at);
    await this.sync();
  }

  async discard(at: number, length: number): Promise<void> {
    await this.write([new Uint8Array(length)], at);
  }

  async close(): Promise<void> {}
}

export interface TestRuntime extends Runtime {
  readonly marks: Set<string>;
  readonly bugs: Set<PlantedBug>;
}

/** The parts of a runtime that disks and pools use. */
export function testRuntime(): TestRuntime {
  const marks = new Set<string>();
  const bugs = new Set<PlantedBug>();
  const parts: Pick<TestRuntime, 'clock' | 'log' | 'covered' | 'planted' | 'marks' | 'bugs'> = {
    clock: { nowMs: () => 0, wallMs: () => 1000, after: () => ({ cancel: () => undefined }), sleep: async () => undefined },
    log: { write: () => undefined },
    covered: (mark) => void marks.add(mark),
    planted: (bug) => bugs.has(bug),
    marks,
    bugs,
  };
  return parts as TestRuntime;
}

/** Deterministic generator for tests. */
export function mulberry(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

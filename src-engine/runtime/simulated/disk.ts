import { crc32 } from 'node:zlib';
import { assertStoragePath, assertStoragePrefix, directoryOf } from '../paths.ts';
import { assert, StorageError, type Storage, type StorageFile } from '../types.ts';
import { FaultTable, type DiskFault, type DiskFaultKind, type DiskOperation } from './faults.ts';
import { FileContent, SECTOR_BYTES } from './file-content.ts';
import type { Prng } from './prng.ts';

/** Whoever issues an operation: one incarnation of one server, or `HARNESS_ORIGIN`. */
export type Origin = number;
export const HARNESS_ORIGIN: Origin = 0;

/** What a disk needs of its world. */
export interface DiskWorld {
  schedule(delayMs: number, label: string, run: () => void): void;
}

/** Operations and bytes as they passed the `Storage` interface. */
export interface DiskCounters {
  reads: number;
  readBytes: number;
  writes: number;
  writtenBytes: number;
  syncs: number;
  discards: number;
}

interface FileNode {
  path: string;
  readonly content: FileContent;
  readonly preallocated: boolean;
  readonly counters: DiskCounters;
  /** Its directory entry was lost in a crash, or removed and forgotten: handles to it fail. */
  lost: boolean;
}

interface Operation {
  readonly origin: Origin;
  readonly kind: DiskOperation;
  readonly path: string;
  readonly complete: () => void;
  readonly reject: (error: StorageError) => void;
  /** What a power loss in mid-operation leaves on the medium. */
  readonly torn: (() => void) | undefined;
  alive: boolean;
}

/** Virtual milliseconds, uniform; one operation in `SLOW_ONE_IN` takes ten times as long. */
const DELAYS_MS: Readonly<Record<DiskOperation, readonly [number, number]>> = {
  open: [0.05, 0.3],
  read: [0.02, 0.2],
  write: [0.02, 0.3],
  sync: [0.1, 1.5],
  discard: [0.02, 0.3],
  remove: [0.05, 0.5],
  rename: [0.2, 2],
  list: [0.05, 0.3],
};
const SLOW_ONE_IN = 50;

/**
 * One failure domain: a server's own device or an array. Operations complete after random virtual delays; what was not
 * synced is kept apart and is lost or kept by the sector when power goes. `view(origin)` is the `Storage` one
 * incarnation sees; the harness looks at the same files through `storage` and the methods below.
 */
export class SimulatedDisk {
  readonly name: string;
  readonly counters: DiskCounters = noCounters();
  /** The harness's own view, not tied to any server. */
  readonly storage: Storage;
  readonly #world: DiskWorld;
  readonly #random: Prng;
  readonly #faults: FaultTable;
  readonly #names = new Map<string, FileNode>();
  readonly #unsyncedCreates = new Map<string, Origin>();
  readonly #unsyncedRemoves = new Map<string, { readonly node: FileNode; readonly origin: Origin }>();
  readonly #inFlight = new Set<Operation>();
  #hung: Operation[] = [];

  constructor(name: string, world: DiskWorld, random: Prng) {
    this.name = name;
    this.#world = world;
    this.#random = random;
    this.#faults = new FaultTable(random);
    this.storage = this.view(HARNESS_ORIGIN);
  }

  /** The domain as one origin sees it. Its operations die with `losePower(origin)`. */
  view(origin: Origin): Storage {
    return {
      open: (path, options) => this.#open(origin, path, options ?? {}),
      exists: (path) => {
        assertStoragePath(path);
        return this.#submit(origin, 'list', path, () => this.#names.has(path));
      },
      list: (prefix) => {
        assertStoragePrefix(prefix);
        return this.#submit(origin, 'list', prefix, () => this.paths(prefix));
      },
      remove: (path) => this.#remove(origin, path),
      rename: (from, to) => this.#rename(origin, from, to),
      freeBytes: () =>
        this.#submit(origin, 'list', '', () => (this.#faults.strikes('disk-full', 'list', '') ? 0 : Infinity)),
    };
  }

  /** Adds a standing fault; `heal` removes it and lets what hung go on. */
  inject(fault: DiskFault): { heal(): void } {
    const remove = this.#faults.add(fault);
    return {
      heal: () => {
        remove();
        this.#releaseHung();
      },
    };
  }

  /** Removes all standing faults and latent sector errors. Bits that rotted stay rotten. */
  healAll(): void {
    this.#faults.clear();
    for (const node of this.#names.values()) node.content.repair();
    this.#releaseHung();
  }

  faultHits(kind: DiskFaultKind): number {
    return this.#faults.hits.get(kind) ?? 0;
  }

  /** Bit rot: flips `bits` random durable bits of the range, silently. Returns the offsets of the bytes. */
  rot(path: string, at: number, length: number, bits = 1): readonly number[] {
    const content = this.#node(path).content;
    const offsets: number[] = [];
    for (let i = 0; i < bits; i++) {
      const atByte = at + this.#random.below(length);
      content.flipBit(atByte, this.#random.below(8));
      offsets.push(atByte);
    }
    return offsets;
  }

  /** Latent sector error: reads of the range reject `io` until a whole new sector is written there, or `healAll`. */
  spoil(path: string, at: number, length: number): void {
    this.#node(path).content.spoil(at, length);
  }

  /** Power cycle of the domain: every unsynced sector is kept or lost, what is in flight rejects `io`. */
  crash(): void {
    this.losePower(undefined);
  }

  /**
   * The power-loss rule for one origin's operations and unsynced writes (nothing of them settles any more), or for
   * everybody's (then what is in flight rejects `io`, for its callers may be alive).
   */
  losePower(origin: Origin | undefined): void {
    this.abandon(origin);
    const keep = (): boolean => this.#random.chance(0.5);
    const nodes = new Set(this.#names.values());
    for (const removed of this.#unsyncedRemoves.values()) nodes.add(removed.node);
    for (const node of nodes) node.content.losePower(origin, lossPattern(this.#random));
    for (const [path, creator] of this.#unsyncedCreates) {
      if (origin !== undefined && creator !== origin) continue;
      this.#unsyncedCreates.delete(path);
      if (keep()) continue;
      const node = this.#names.get(path);
      if (node !== undefined) node.lost = true;
      this.#names.delete(path);
    }
    for (const [path, removed] of this.#unsyncedRemoves) {
      if (origin !== undefined && removed.origin !== origin) continue;
      this.#unsyncedRemoves.delete(path);
      if (!this.#names.has(path) && keep()) this.#names.set(path, removed.node);
    }
  }

  /** Ends one origin's operations without power loss (the process dies, the cache below lives on). */
  abandon(origin: Origin | undefined): void {
    const hits = [...this.#inFlight].filter((operation) => origin === undefined || operation.origin === origin);
    for (const operation of hits) {
      operation.alive = false;
      this.#inFlight.delete(operation);
      operation.torn?.();
      if (origin === undefined) operation.reject(new StorageError('io', operation.path, 'the device lost power'));
    }
    this.#hung = this.#hung.filter((operation) => operation.alive);
  }

  /** Paths that start with `prefix`, sorted; for checkers, takes no time. */
  paths(prefix = ''): readonly string[] {
    return [...this.#names.keys()].filter((path) => path.startsWith(prefix)).sort();
  }

  /** A copy of what a read would see now; for checkers, takes no time. */
  peek(path: string, at = 0, length?: number): Uint8Array {
    const { content } = this.#node(path);
    const into = new Uint8Array(length ?? content.size - at);
    content.read(path, into, at);
    return into;
  }

  sizeOf(path: string): number {
    return this.#node(path).content.size;
  }

  countersOf(path: string): Readonly<DiskCounters> {
    return this.#node(path).counters;
  }

  /** Sectors of all files that a power loss now could lose. */
  get unsyncedSectors(): number {
    let sum = 0;
    for (const node of this.#names.values()) sum += node.content.unsyncedSectors;
    return sum;
  }

  #node(path: string): FileNode {
    const node = this.#names.get(path);
    if (node === undefined) throw new StorageError('not-found', path, `${this.name} has no ${path}`);
    return node;
  }

  async #open(
    origin: Origin,
    path: string,
    options: { readonly create?: boolean; readonly size?: number; readonly preallocate?: boolean },
  ): Promise<StorageFile> {
    assertStoragePath(path);
    const node = await this.#submit(origin, 'open', path, () => {
      const existing = this.#names.get(path);
      if (existing !== undefined) return existing;
      if (options.create !== true) throw new StorageError('not-found', path, `${this.name} has no ${path}`);
      if (this.#faults.strikes('disk-full', 'open', path))
        throw new StorageError('no-space', path, 'no space for a new file');
      if (this.#faults.strikes('read-only', 'open', path))
        throw new StorageError('read-only', path, 'the device is read-only');
      const made: FileNode = {
        path,
        content: new FileContent(options.size ?? 0),
        preallocated: options.preallocate === true,
        counters: noCounters(),
        lost: false,
      };
      this.#names.set(path, made);
      this.#unsyncedCreates.set(path, origin);
      return made;
    });
    return this.#file(origin, node);
  }

  #file(origin: Origin, node: FileNode): StorageFile {
    let open = true;
    const check = (): void => {
      assert(open, `file is open: ${node.path}`);
    };
    const write = (buffers: readonly Uint8Array[], at: number): Promise<void> => {
      check();
      return this.#write(origin, node, 'write', concat(buffers), at, () => crcOf(buffers));
    };
    const sync = (): Promise<void> => {
      check();
      return this.#sync(origin, node);
    };
    return {
      path: node.path,
      get size() {
        return node.content.size;
      },
      read: (into, at) => {
        check();
        node.counters.reads++;
        node.counters.readBytes += into.length;
        this.counters.reads++;
        this.counters.readBytes += into.length;
        return this.#submit(origin, 'read', node.path, () => {
          this.#refuse('failing-read', 'read', node);
          node.content.read(node.path, into, at);
        });
      },
      write,
      sync,
      commit: (buffers, at) => write(buffers, at).then(sync),
      discard: (at, length) => {
        check();
        node.counters.discards++;
        this.counters.discards++;
        const end = Math.min(node.content.size, at + length);
        return this.#write(origin, node, 'discard', new Uint8Array(Math.max(0, end - at)), at, undefined);
      },
      close: async () => {
        open = false;
      },
    };
  }

  /** `data` is this disk's own copy; `crcNow` recomputes the CRC of the caller's buffers when the write completes. */
  #write(
    origin: Origin,
    node: FileNode,
    kind: 'write' | 'discard',
    data: Uint8Array,
    at: number,
    crcNow: (() => number) | undefined,
  ): Promise<void> {
    assert(Number.isSafeInteger(at) && at >= 0, `offset is a byte offset: ${at}`);
    if (kind === 'write') {
      for (const counters of [node.counters, this.counters]) {
        counters.writes++;
        counters.writtenBytes += data.length;
      }
    }
    const crc = crcNow === undefined ? 0 : crc32(data);
    const half = (): boolean => this.#random.chance(0.5);
    const torn = (): void => {
      const outcome = this.#random.below(3);
      if (outcome > 0) node.content.land(data, at, origin, outcome === 1 ? half : undefined);
    };
    const complete = (): void => {
      if (crcNow !== undefined)
        assert(crcNow() === crc, `buffers are left alone until the write settles: ${node.path} at ${at}`);
      this.#refuseChange(kind, node);
      const inside = node.preallocated && at + data.length <= node.content.size;
      if (!inside && kind === 'write' && this.#faults.strikes('disk-full', kind, node.path)) {
        throw new StorageError('no-space', node.path, 'no space left');
      }
      if (this.#faults.strikes('failing-write', kind, node.path)) {
        node.content.land(data, at, origin, half);
        throw new StorageError('io', node.path, `write of ${data.length} bytes at ${at} failed`);
      }
      if (this.#faults.strikes('lost-write', kind, node.path)) return;
      if (this.#faults.strikes('misdirected-write', kind, node.path)) {
        const room = Math.max(0, node.content.size - data.length);
        const elsewhere = this.#random.below(Math.floor(room / SECTOR_BYTES) + 1) * SECTOR_BYTES;
        node.content.land(data.slice(0, node.content.size - elsewhere), elsewhere, origin);
        return;
      }
      node.content.land(data, at, origin);
    };
    return this.#submit(origin, kind, node.path, complete, torn);
  }

  #sync(origin: Origin, node: FileNode): Promise<void> {
    node.counters.syncs++;
    this.counters.syncs++;
    const landed = node.content.sequence;
    return this.#submit(origin, 'sync', node.path, () => {
      this.#refuseChange('sync', node);
      if (this.#faults.strikes('failing-sync', 'sync', node.path)) {
        node.content.failSync(landed, () => this.#random.chance(0.5));
        throw new StorageError('io', node.path, 'sync failed');
      }
      node.content.sync(landed);
      if (this.#unsyncedCreates.has(node.path) && this.#names.get(node.path) === node) this.#syncDirectory(node.path);
    });
  }

  /** The entry of `path` is durable, and with it the directory it is in, hence also what was removed there. */
  #syncDirectory(path: string): void {
    this.#unsyncedCreates.delete(path);
    for (const removed of this.#unsyncedRemoves.keys()) {
      if (directoryOf(removed) === directoryOf(path)) this.#unsyncedRemoves.delete(removed);
    }
  }

  async #remove(origin: Origin, path: string): Promise<void> {
    assertStoragePath(path);
    await this.#submit(origin, 'remove', path, () => {
      const node = this.#node(path);
      this.#refuseChange('remove', node);
      this.#names.delete(path);
      if (this.#unsyncedCreates.delete(path)) return; // never was on the medium
      if (!this.#unsyncedRemoves.has(path)) this.#unsyncedRemoves.set(path, { node, origin });
    });
  }

  async #rename(origin: Origin, from: string, to: string): Promise<void> {
    assertStoragePath(from);
    assertStoragePath(to);
    const perform = (): void => {
      const node = this.#node(from);
      this.#refuseChange('rename', node);
      const replaced = this.#names.get(to);
      if (replaced !== undefined && replaced !== node) replaced.path = `${to} (replaced)`;
      this.#names.delete(from);
      this.#names.set(to, node);
      node.path = to;
      this.#unsyncedRemoves.delete(from);
      this.#unsyncedCreates.delete(from);
      this.#syncDirectory(to);
      this.#unsyncedRemoves.delete(to);
    };
    // Power loss in mid-rename: done or not done, never half.
    const torn = (): void => {
      if (this.#names.has(from) && this.#random.chance(0.5)) perform();
    };
    await this.#submit(origin, 'rename', from, perform, torn);
  }

  #refuse(kind: DiskFaultKind, operation: DiskOperation, node: FileNode): void {
    if (node.lost) throw new StorageError('not-found', node.path, 'the file was lost in a power cut');
    if (this.#faults.strikes(kind, operation, node.path))
      throw new StorageError('io', node.path, `${operation} failed`);
  }

  #refuseChange(operation: DiskOperation, node: FileNode): void {
    if (node.lost) throw new StorageError('not-found', node.path, 'the file was lost in a power cut');
    if (this.#faults.strikes('read-only', operation, node.path)) {
      throw new StorageError('read-only', node.path, 'the device is read-only');
    }
  }

  /** Queues one operation; `perform` runs when it completes and its outcome settles the promise. */
  #submit<T>(origin: Origin, kind: DiskOperation, path: string, perform: () => T, torn?: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const complete = (): void => {
        try {
          if (this.#faults.strikes('offline', kind, path)) throw new StorageError('io', path, 'the device is offline');
          resolve(perform());
        } catch (error) {
          if (!(error instanceof StorageError)) throw error; // a broken assertion stops the world
          reject(error);
        }
      };
      const operation: Operation = { origin, kind, path, complete, reject, torn, alive: true };
      this.#inFlight.add(operation);
      this.#schedule(operation);
    });
  }

  #schedule(operation: Operation): void {
    const { kind, path } = operation;
    const [low, high] = DELAYS_MS[kind];
    let delayMs = this.#random.between(low, high) * this.#faults.slowness(kind, path);
    if (this.#random.below(SLOW_ONE_IN) === 0) delayMs *= 10;
    this.#world.schedule(delayMs, `${this.name}: ${kind} ${path}`, () => {
      if (!operation.alive) return;
      if (this.#faults.strikes('hang', kind, path)) {
        this.#hung.push(operation);
        return;
      }
      this.#inFlight.delete(operation);
      operation.complete();
    });
  }

  #releaseHung(): void {
    const hung = this.#hung;
    this.#hung = [];
    for (const operation of hung) this.#schedule(operation);
  }
}

/**
 * What of one file's unsynced writes a power loss keeps. Sectors falling one by one would almost never keep one write
 * whole and lose another whole, which is what a checksum cannot see; therefore some losses go by whole writes.
 */
function lossPattern(random: Prng): (write: number) => boolean {
  const style = random.below(10);
  if (style === 0) return () => true;
  if (style === 1) return () => false;
  if (style < 6) return () => random.chance(0.5);
  const fates = new Map<number, boolean>();
  return (write) => {
    const known = fates.get(write);
    if (known !== undefined) return known;
    const fate = random.chance(0.5);
    fates.set(write, fate);
    return fate;
  };
}

function noCounters(): DiskCounters {
  return { reads: 0, readBytes: 0, writes: 0, writtenBytes: 0, syncs: 0, discards: 0 };
}

function concat(buffers: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const buffer of buffers) length += buffer.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const buffer of buffers) {
    whole.set(buffer, at);
    at += buffer.length;
  }
  return whole;
}

function crcOf(buffers: readonly Uint8Array[]): number {
  let crc = 0;
  for (const buffer of buffers) crc = crc32(buffer, crc);
  return crc;
}

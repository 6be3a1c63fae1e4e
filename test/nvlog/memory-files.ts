import { StorageError, type StorageFile } from '../../src-engine/runtime/index.ts';
import {
  Log,
  makeRecord,
  type LogDependencies,
  type LogOpenResult,
  type LogRecord,
} from '../../src-engine/nvlog/index.ts';

const SECTOR = 512;

interface Pending {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A file whose unsynced writes may be lost, sector by sector, when the machine crashes. */
export class MemoryFile implements StorageFile {
  readonly path: string;
  durable: Uint8Array;
  readonly pending: Pending[] = [];
  /** Syncs that fail from now on; what they should have made durable is dropped, as a kernel may do. */
  failSyncs = 0;
  syncs = 0;
  /** Called inside every commit, after the write and before the sync: the place where a test pulls the plug. */
  beforeSync: (() => Promise<void> | void) | null = null;

  constructor(path: string, sizeBytes: number) {
    this.path = path;
    this.durable = new Uint8Array(sizeBytes);
  }

  get size(): number {
    return this.durable.length;
  }

  view(): Uint8Array {
    const bytes = this.durable.slice();
    for (const write of this.pending) bytes.set(write.bytes, write.at);
    return bytes;
  }

  read(into: Uint8Array, at: number): Promise<void> {
    if (at + into.length > this.size)
      return Promise.reject(new StorageError('out-of-range', this.path, 'past the end'));
    into.set(this.view().subarray(at, at + into.length));
    return Promise.resolve();
  }

  write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    let offset = at;
    for (const buffer of buffers) {
      this.pending.push({ at: offset, bytes: buffer.slice() });
      offset += buffer.length;
    }
    if (offset > this.size) return Promise.reject(new StorageError('out-of-range', this.path, 'past the end'));
    return Promise.resolve();
  }

  sync(): Promise<void> {
    this.syncs += 1;
    if (this.failSyncs > 0) {
      this.failSyncs -= 1;
      this.pending.length = 0;
      return Promise.reject(new StorageError('io', this.path, 'sync failed'));
    }
    for (const write of this.pending) this.durable.set(write.bytes, write.at);
    this.pending.length = 0;
    return Promise.resolve();
  }

  async commit(buffers: readonly Uint8Array[], at: number): Promise<void> {
    await this.write(buffers, at);
    await this.beforeSync?.();
    await this.sync();
  }

  discard(at: number, length: number): Promise<void> {
    return this.write([new Uint8Array(length)], at);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What a crash leaves: of every unsynced write, each sector for which `keep` says so. */
  afterCrash(keep: () => boolean): Uint8Array {
    const bytes = this.durable.slice();
    for (const { at, bytes: written } of this.pending) {
      for (let from = 0; from < written.length; from += SECTOR) {
        if (keep()) bytes.set(written.subarray(from, from + SECTOR), at + from);
      }
    }
    return bytes;
  }
}

export const NAMES: readonly [string, string] = ['log-a', 'log-b'];

/** A machine with the two files of one log; `restart` opens them again as they are on the medium. */
export class Machine {
  readonly files = new Map<string, MemoryFile>();
  readonly marks = new Set<string>();
  readonly planted = new Set<string>();
  readonly timers: (() => void)[] = [];
  readonly halfBytes: number;
  readonly reserveBytes: number;
  canReplace = true;

  constructor(options: { readonly halfBytes?: number; readonly reserveBytes?: number } = {}) {
    this.halfBytes = options.halfBytes ?? 256 * 1024;
    this.reserveBytes = options.reserveBytes ?? 32 * 1024;
  }

  file(index: 0 | 1): MemoryFile {
    const file = this.files.get(NAMES[index]);
    if (file === undefined) throw new Error('not opened yet');
    return file;
  }

  deps(): LogDependencies {
    const fresh = (name: string): Promise<StorageFile> => {
      const file = new MemoryFile(name, this.halfBytes);
      this.files.set(name, file);
      return Promise.resolve(file);
    };
    return {
      runtime: {
        clock: {
          nowMs: () => 0,
          wallMs: () => 0,
          after: (_delayMs, fire) => {
            this.timers.push(fire);
            return { cancel: () => this.timers.splice(this.timers.indexOf(fire) >>> 0, 1) };
          },
          sleep: () => Promise.resolve(),
        },
        covered: (mark) => this.marks.add(mark),
        planted: (bug) => this.planted.has(bug),
        log: { write: () => undefined },
      },
      open: (name) => {
        const known = this.files.get(name);
        return known === undefined ? fresh(name) : Promise.resolve(known);
      },
      ...(this.canReplace ? { replace: fresh } : {}),
    };
  }

  options(): Parameters<typeof Log.open>[1] {
    return { names: NAMES, logId: 'log-1', halfBytes: this.halfBytes, reserveBytes: this.reserveBytes };
  }

  async create(): Promise<Log> {
    const log = await Log.create(this.deps(), this.options());
    await log.start();
    return log;
  }

  /** Power off now, power on: a new machine with what the media hold. */
  crashed(keep: () => boolean = () => false): Machine {
    const next = new Machine({ halfBytes: this.halfBytes, reserveBytes: this.reserveBytes });
    next.canReplace = this.canReplace;
    for (const bug of this.planted) next.planted.add(bug);
    for (const [name, file] of this.files) {
      const copy = new MemoryFile(name, file.size);
      copy.durable = file.afterCrash(keep);
      next.files.set(name, copy);
    }
    return next;
  }

  open(coveredThrough = 0): Promise<LogOpenResult> {
    return Log.open(this.deps(), { ...this.options(), coveredThrough });
  }

  async reopen(coveredThrough = 0): Promise<Extract<LogOpenResult, { kind: 'open' }>> {
    const result = await this.open(coveredThrough);
    if (result.kind !== 'open') throw new Error(`refused: ${result.code}`);
    return result;
  }
}

export function write(text: string, volumeId = 'v1', sizeBytes = 4096): LogRecord {
  const payload = new Uint8Array(sizeBytes).fill(0xa5);
  payload.set(new TextEncoder().encode(`${text}\0`));
  return makeRecord({ kind: 'write', volumeId, offset: 0, length: payload.length, epoch: 1, payload });
}

export function textOf(record: LogRecord): string {
  const end = record.payload.indexOf(0);
  return new TextDecoder().decode(end < 0 ? record.payload : record.payload.subarray(0, end));
}

export function texts(records: readonly LogRecord[]): string[] {
  return records.filter((record) => record.kind === 'write').map(textOf);
}

export function sequences(records: readonly LogRecord[]): number[] {
  return records.map((record) => record.sequence);
}

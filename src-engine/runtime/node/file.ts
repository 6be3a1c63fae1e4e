import { performance } from 'node:perf_hooks';
import { assert, StorageError, type StorageFile } from '../types.ts';
import { call, storageError } from './errors.ts';
import type { FileSystem } from './storage.ts';

/** Commits up to this size are written and synced without a hop to the thread pool (37 us saved per commit). */
const SYNCHRONOUS_COMMIT_BYTES = 256 * 1024;
/** A commit that took longer would have stalled everything else; then the thread pool is used until the device is quick again. */
const LONG_STALL_MS = 10;
const COMMITS_ASIDE = 64;

/** The thread pool has four threads; the syncs of an array with many disks must not keep a log's commit waiting for one. */
const TRANSFERS_AT_ONCE = 2;
/** While a log commits, a file's writes are synced on the way: a commit that comes waits for no more than so much. */
const UNSYNCED_BYTES = 4 * 1024 * 1024;
/** For so long after a commit another one is expected. */
const COMMITTING_MS = 50;

/**
 * All files of this process, since they are likely to share a device. A transfer is a write or sync that is not a commit.
 * While one is under way a synchronous commit would wait behind it in the device's queue, and everything else for the
 * commit: a consistency point made stalls of half a second.
 */
const device = {
  running: 0,
  waiting: [] as (() => void)[],
  lastCommitMs: Number.NEGATIVE_INFINITY,
  /** Counted down by quick commits only. */
  asynchronousCommitsLeft: 0,
};
const ZEROS = new Uint8Array(1024 * 1024);

/** One open file. Offsets are absolute, so operations may overlap; `close` waits for them. */
export class NodeFile implements StorageFile {
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #fd: number;
  #size: number;
  #underWay = 0;
  #closing: (() => void) | undefined;
  #unsyncedBytes = 0;
  #open = true;

  constructor(fs: FileSystem, path: string, fd: number, size: number) {
    this.#fs = fs;
    this.path = path;
    this.#fd = fd;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  read(into: Uint8Array, at: number): Promise<void> {
    assert(this.#open, `file is open: ${this.path}`);
    if (at < 0 || at + into.length > this.#size) {
      const message = `read of ${into.length} bytes at ${at} passes the end ${this.#size}`;
      return Promise.reject(new StorageError('out-of-range', this.path, message));
    }
    return this.#begin((resolve, reject) => {
      const readOn = (done: number): void => {
        if (done === into.length) return resolve();
        this.#fs.read(this.#fd, into, done, into.length - done, at + done, (error, count) => {
          if (error !== null) return reject(error);
          if (count > 0) return readOn(done + count);
          reject(
            new StorageError('out-of-range', this.path, `the file ends at ${at + done}, before ${at + into.length}`),
          );
        });
      };
      readOn(0);
    });
  }

  write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    return this.#transfer(async () => {
      await this.#write(buffers, at);
      for (const buffer of buffers) this.#unsyncedBytes += buffer.length;
      if (this.#unsyncedBytes < UNSYNCED_BYTES || performance.now() - device.lastCommitMs > COMMITTING_MS) return;
      this.#unsyncedBytes = 0;
      await this.#sync();
    });
  }

  sync(): Promise<void> {
    return this.#transfer(() => {
      this.#unsyncedBytes = 0;
      return this.#sync();
    });
  }

  #write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    assert(Number.isSafeInteger(at) && at >= 0, `offset is a byte offset: ${at}`);
    return this.#begin((resolve, reject) => {
      const writeOn = (left: readonly Uint8Array[], position: number): void => {
        if (left.length === 0) return resolve();
        this.#fs.writev(this.#fd, left, position, (error, count) => {
          if (error !== null) return reject(error);
          const end = position + count;
          this.#size = Math.max(this.#size, end);
          writeOn(without(left, count), end);
        });
      };
      writeOn(buffers, at);
    });
  }

  #sync(): Promise<void> {
    return this.#begin((resolve, reject) => {
      this.#fs.fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  commit(buffers: readonly Uint8Array[], at: number): Promise<void> {
    assert(this.#open, `file is open: ${this.path}`);
    let length = 0;
    for (const buffer of buffers) length += buffer.length;
    device.lastCommitMs = performance.now();
    if (length > SYNCHRONOUS_COMMIT_BYTES || device.running > 0 || device.asynchronousCommitsLeft > 0) {
      const startMs = performance.now();
      return this.#write(buffers, at).then(() => this.#sync()).then(() => {
        if (performance.now() - startMs > LONG_STALL_MS) device.asynchronousCommitsLeft = COMMITS_ASIDE;
        else if (device.asynchronousCommitsLeft > 0) device.asynchronousCommitsLeft--;
      });
    }
    return this.#begin((resolve, reject) => {
      const startMs = performance.now();
      try {
        let left = buffers;
        for (let position = at; left.length > 0;) {
          const count = this.#fs.writevSync(this.#fd, left, position);
          position += count;
          left = without(left, count);
          this.#size = Math.max(this.#size, position);
        }
        this.#fs.fdatasyncSync(this.#fd);
        resolve();
      } catch (error) {
        reject(error);
      }
      if (performance.now() - startMs > LONG_STALL_MS) device.asynchronousCommitsLeft = COMMITS_ASIDE;
    });
  }

  /** Node cannot punch holes, so the space stays with the file; the range reads as zeros, which is all that is promised. */
  async discard(at: number, length: number): Promise<void> {
    const end = Math.min(this.#size, at + length);
    for (let position = at; position < end; position += ZEROS.length) {
      await this.write([ZEROS.subarray(0, Math.min(ZEROS.length, end - position))], position);
    }
  }

  /** Waits for what is under way: a descriptor closed under an operation could be reused, and another file be written. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#closing = resolve));
    await call(this.path, (done) => this.#fs.close(this.#fd, done));
  }

  /** Fills a new file with zeros, so that later writes change no metadata. */
  async allocate(sizeBytes: number): Promise<void> {
    for (let position = 0; position < sizeBytes; position += ZEROS.length) {
      await this.write([ZEROS.subarray(0, Math.min(ZEROS.length, sizeBytes - position))], position);
    }
  }

  /** Runs in its turn; counted as under way from now on, so that `close` waits for it. */
  async #transfer(run: () => Promise<void>): Promise<void> {
    assert(this.#open, `file is open: ${this.path}`);
    this.#underWay++;
    if (device.running === TRANSFERS_AT_ONCE) await new Promise<void>((resolve) => device.waiting.push(resolve));
    else device.running++;
    try {
      await run();
    } finally {
      const next = device.waiting.shift();
      if (next === undefined) device.running--;
      else next(); // takes over this one's place
      this.#end();
    }
  }

  #begin(start: (resolve: () => void, reject: (error: unknown) => void) => void): Promise<void> {
    this.#underWay++;
    return new Promise<void>((resolve, reject) => {
      start(
        () => {
          this.#end();
          resolve();
        },
        (error) => {
          this.#end();
          reject(storageError(error, this.path));
        },
      );
    });
  }

  #end(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#closing?.();
  }
}

/** The buffers that a partial write has left. */
function without(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (let i = 0; i < buffers.length; i++) {
    const buffer = buffers[i];
    if (buffer === undefined || left >= buffer.length) left -= buffer?.length ?? 0;
    else return [buffer.subarray(left), ...buffers.slice(i + 1)];
  }
  return [];
}

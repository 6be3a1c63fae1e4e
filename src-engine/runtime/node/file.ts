import { performance } from 'node:perf_hooks';
import { assert, StorageError, type StorageFile } from '../types.ts';
import { device } from './device.ts';
import { call, storageError } from './errors.ts';
import type { FileSystem } from './storage.ts';

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

  async write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    assert(this.#open, `file is open: ${this.path}`);
    this.#underWay++;
    try {
      let left = buffers;
      let position = at;
      while (left.length > 0) {
        // While logs commit, in pieces, synced as they come; else all at once.
        const inPieces = device.committing;
        const piece = inPieces ? firstBytes(left, device.pieceBytes) : left;
        const bytes = bytesOf(piece);
        const start = position;
        await device.transfer(bytes, async () => {
          await this.#write(piece, start);
          this.#unsyncedBytes += bytes;
          if (!inPieces || this.#unsyncedBytes < device.pieceBytes) return;
          this.#unsyncedBytes = 0;
          await this.#sync();
        });
        left = without(left, bytes);
        position += bytes;
      }
    } finally {
      this.#end();
    }
  }

  sync(): Promise<void> {
    assert(this.#open, `file is open: ${this.path}`);
    this.#underWay++;
    const bytes = this.#unsyncedBytes;
    return device
      .transfer(bytes, () => {
        this.#unsyncedBytes = 0;
        return this.#sync();
      })
      .finally(() => this.#end());
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
    const synchronous = device.beginCommit(bytesOf(buffers));
    const startMs = performance.now();
    if (!synchronous) {
      // One operation for `close`: between the write and its sync the descriptor must not go either.
      this.#underWay++;
      return this.#write(buffers, at)
        .then(() => this.#sync())
        .finally(() => {
          device.endCommit(performance.now() - startMs, false);
          this.#end();
        });
    }
    return this.#begin((resolve, reject) => {
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
      device.endCommit(performance.now() - startMs, true);
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

function bytesOf(buffers: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.length;
  return bytes;
}

/** At most `count` bytes from the front. */
function firstBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (let i = 0; i < buffers.length; i++) {
    const buffer = buffers[i];
    if (buffer === undefined) break;
    if (left <= buffer.length) return [...buffers.slice(0, i), buffer.subarray(0, left)];
    left -= buffer.length;
  }
  return buffers;
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

/** The limits: what the same machine and file system do in a plain loop, without an engine. */
import fs from 'node:fs';
import nodePath from 'node:path';
import { MIB } from './site.ts';
import { fillBlocks } from './measure.ts';

/** Preallocated files, written from the beginning again when they end: nothing is faster to make durable. */
export class PlainFiles {
  readonly #fds: readonly number[];
  readonly #sizeBytes: number;
  #at = 0;

  constructor(directory: string, count: number, sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
    const zeros = new Uint8Array(MIB);
    this.#fds = Array.from({ length: count }, (_, i) => {
      const fd = fs.openSync(nodePath.join(directory, `plain-${String(count)}-${String(i)}.dat`), 'w+');
      for (let at = 0; at < sizeBytes; at += zeros.length) fs.writeSync(fd, zeros, 0, Math.min(zeros.length, sizeBytes - at), at);
      fs.fsyncSync(fd);
      return fd;
    });
  }

  /** `buffers` to every file, each synced. Returns groups per second. */
  appendAndSync(buffers: readonly Uint8Array[], durationMs: number): { readonly groups: number; readonly perSecond: number } {
    const groupBytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    const startMs = performance.now();
    let groups = 0;
    while (performance.now() - startMs < durationMs) {
      if (this.#at + groupBytes > this.#sizeBytes) this.#at = 0;
      for (const fd of this.#fds) {
        fs.writevSync(fd, buffers, this.#at);
        fs.fdatasyncSync(fd);
      }
      this.#at += groupBytes;
      groups++;
    }
    return { groups, perSecond: (groups / (performance.now() - startMs)) * 1000 };
  }

  close(): void {
    for (const fd of this.#fds) fs.closeSync(fd);
  }
}

export function someBlocks(count: number, bytesEach: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, i) => fillBlocks(new Uint8Array(bytesEach), i + 1));
}

/** Writes `sizeBytes` from the front into a new file and syncs once; milliseconds. */
export function sequentialWriteMs(path: string, sizeBytes: number): number {
  const chunk = fillBlocks(new Uint8Array(MIB), 3);
  const startMs = performance.now();
  const fd = fs.openSync(path, 'w');
  for (let at = 0; at < sizeBytes; at += chunk.length) fs.writeSync(fd, chunk, 0, Math.min(chunk.length, sizeBytes - at), at);
  fs.fdatasyncSync(fd);
  fs.closeSync(fd);
  return performance.now() - startMs;
}

/** Copies a file in pieces of 1 MiB and syncs once; milliseconds. */
export function copyMs(from: string, to: string): number {
  const chunk = new Uint8Array(MIB);
  const startMs = performance.now();
  const source = fs.openSync(from, 'r');
  const target = fs.openSync(to, 'w');
  for (let at = 0; ; ) {
    const count = fs.readSync(source, chunk, 0, chunk.length, at);
    if (count === 0) break;
    fs.writeSync(target, chunk, 0, count, at);
    at += count;
  }
  fs.fdatasyncSync(target);
  fs.closeSync(source);
  fs.closeSync(target);
  return performance.now() - startMs;
}

import { assert, StorageError } from '../runtime/index.ts';
import type { StorageFile } from '../runtime/index.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';

export const BLOCK_BYTES = 4096;
/** Reserved head: identity (4 KiB at 0), label slots at 16 KiB and 32 KiB. Disk block 0 follows it. */
export const DISK_HEAD_BYTES = 65536;
export const LABEL_SLOT_BYTES = 16384;
const HEADER_BYTES = 4096;
const HEADER_MAGIC = 'LSDISK\0\0';
const HEADER_VERSION = 1;

/** What every disk of an array knows: itself, and which disks the array has, so that a missing one is noticed. */
export interface DiskHeader {
  readonly arrayId: string;
  readonly slot: number;
  readonly disks: readonly { readonly slot: number; readonly sizeBytes: number }[];
}

export interface DiskCounters {
  reads: number;
  writes: number;
  syncs: number;
  readErrors: number;
  writeErrors: number;
}

/** A disk seen through a handle. Rejections are StorageErrors; `fenced` when the handle's epoch is over. */
export interface Disk {
  readonly slot: number;
  /** Blocks behind the reserved head. */
  readonly blocks: number;
  /** Why the image cannot be used at all, or null. */
  readonly failure: string | null;
  readonly counters: DiskCounters;
  /** Reads into.length / 4096 blocks from `dbn`. */
  read(dbn: number, into: Uint8Array): Promise<void>;
  /** Vectored write of whole blocks from `dbn`; not durable before `sync`. */
  write(dbn: number, buffers: readonly Uint8Array[]): Promise<void>;
  sync(): Promise<void>;
  /** LABEL_SLOT_BYTES bytes of slot 0 or 1. */
  readLabel(labelSlot: 0 | 1): Promise<Uint8Array>;
  writeLabel(labelSlot: 0 | 1, bytes: Uint8Array): Promise<void>;
  discard(dbn: number, blockCount: number): Promise<void>;
}

export function imagePath(slot: number): string {
  return `disk-${slot}.img`;
}

export async function writeHeader(file: StorageFile, header: DiskHeader): Promise<void> {
  const payload = new TextEncoder().encode(JSON.stringify(header));
  await file.write([encodeEnvelope(HEADER_MAGIC, HEADER_VERSION, payload, HEADER_BYTES)], 0);
}

/** The header, or the reason (expected and found, at offset 0) why there is none. */
export async function readHeader(file: StorageFile): Promise<DiskHeader | string> {
  if (file.size < DISK_HEAD_BYTES) return `${file.path} ends at offset ${file.size}, expected a head of ${DISK_HEAD_BYTES} bytes`;
  const bytes = new Uint8Array(HEADER_BYTES);
  await file.read(bytes, 0);
  const envelope = decodeEnvelope(bytes, HEADER_MAGIC, HEADER_VERSION);
  switch (envelope.kind) {
    case 'ok':
      return JSON.parse(new TextDecoder().decode(envelope.payload)) as DiskHeader;
    case 'empty':
      return `${file.path} offset 0: expected a disk header, found zeros`;
    case 'newer':
      return `${file.path} offset 0: format version ${envelope.version} is newer than ${HEADER_VERSION}`;
    case 'damaged':
      return `${file.path} offset 0: expected ${envelope.expected}, found ${envelope.found}`;
  }
}

/** The image of one slot as the shelf holds it; shared by all handles. */
export class DiskImage {
  readonly slot: number;
  readonly blocks: number;
  readonly counters: DiskCounters = { reads: 0, writes: 0, syncs: 0, readErrors: 0, writeErrors: 0 };
  #file: StorageFile | null;
  #failure: string | null;
  /** The sync that has begun, and the one that begins after it. */
  #running: Promise<void> | null = null;
  #following: Promise<void> | null = null;

  constructor(slot: number, sizeBytes: number, file: StorageFile | null, failure: string | null) {
    this.slot = slot;
    this.blocks = Math.max(0, Math.floor((sizeBytes - DISK_HEAD_BYTES) / BLOCK_BYTES));
    this.#file = file;
    this.#failure = failure;
  }

  get failure(): string | null {
    return this.#failure;
  }

  async read(into: Uint8Array, at: number): Promise<void> {
    const file = this.#usable();
    this.counters.reads++;
    try {
      await file.read(into, at);
    } catch (error) {
      this.counters.readErrors++;
      throw error;
    }
  }

  async write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    const file = this.#usable();
    this.counters.writes++;
    try {
      await file.write(buffers, at);
    } catch (error) {
      this.counters.writeErrors++;
      throw error;
    }
  }

  /** Callers that come while a sync runs share the next one: a hundred stages that finish together cost two. */
  sync(): Promise<void> {
    if (this.#running === null) return this.#startSync();
    if (this.#following === null) {
      // Not after a failed one: what that dropped would look durable (a failed sync is never retried).
      const following = this.#running.then(() => this.#startSync());
      this.#following = following;
      // Set free before anyone who waits for it goes on: it has begun, so it covers no write that comes now.
      this.#running.then(() => { this.#following = null; }, () => { this.#following = null; });
    }
    return this.#following;
  }

  #startSync(): Promise<void> {
    const running = this.#syncFile().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }

  async #syncFile(): Promise<void> {
    const file = this.#usable();
    this.counters.syncs++;
    try {
      await file.sync();
    } catch (error) {
      this.counters.writeErrors++;
      throw error;
    }
  }

  async discard(at: number, length: number): Promise<void> {
    await this.#usable().discard(at, length);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    this.#failure ??= 'closed';
    if (file !== null) await file.close();
  }

  #usable(): StorageFile {
    if (this.#file === null) throw new StorageError('io', imagePath(this.slot), this.#failure ?? 'closed');
    return this.#file;
  }
}

/** Runs one I/O behind the fence of a handle. */
export type Gate = <T>(path: string, io: () => Promise<T>) => Promise<T>;

export function gatedDisk(image: DiskImage, gate: Gate): Disk {
  const path = imagePath(image.slot);
  const at = (dbn: number, blockCount: number): number => {
    assert(dbn >= 0 && dbn + blockCount <= image.blocks, `${path}: blocks ${dbn}+${blockCount} of ${image.blocks}`);
    return DISK_HEAD_BYTES + dbn * BLOCK_BYTES;
  };
  return {
    slot: image.slot,
    blocks: image.blocks,
    counters: image.counters,
    get failure() {
      return image.failure;
    },
    read: (dbn, into) => {
      const offset = at(dbn, into.length / BLOCK_BYTES);
      return gate(path, () => image.read(into, offset));
    },
    write: (dbn, buffers) => {
      let length = 0;
      for (const buffer of buffers) length += buffer.length;
      assert(length % BLOCK_BYTES === 0, 'whole blocks');
      const offset = at(dbn, length / BLOCK_BYTES);
      return gate(path, () => image.write(buffers, offset));
    },
    sync: () => gate(path, () => image.sync()),
    readLabel: (labelSlot) =>
      gate(path, async () => {
        const bytes = new Uint8Array(LABEL_SLOT_BYTES);
        await image.read(bytes, LABEL_SLOT_BYTES * (1 + labelSlot));
        return bytes;
      }),
    writeLabel: (labelSlot, bytes) => {
      assert(bytes.length === LABEL_SLOT_BYTES, 'a label fills its slot');
      return gate(path, () => image.write([bytes], LABEL_SLOT_BYTES * (1 + labelSlot)));
    },
    discard: (dbn, blockCount) => {
      const offset = at(dbn, blockCount);
      return gate(path, () => image.discard(offset, blockCount * BLOCK_BYTES));
    },
  };
}

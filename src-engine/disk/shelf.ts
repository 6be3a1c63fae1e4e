import { assert, StorageError } from '../runtime/index.ts';
import type { Storage, StorageFile } from '../runtime/index.ts';
import { EpochStore } from './epochs.ts';
import { DISK_HEAD_BYTES, DiskImage, gatedDisk, imagePath, readHeader, writeHeader } from './image.ts';
import type { Disk, DiskHeader, Gate } from './image.ts';

export interface DiskSpec {
  readonly slot: number;
  /** Size of the image file, reserved head included. */
  readonly sizeBytes: number;
}

/** Something found wrong when the shelf was opened. `slot` is null for a shared file. */
export interface DiskFinding {
  readonly slot: number | null;
  readonly message: string;
}

/**
 * An array that cannot be used at all, and why: which file, at what offset. Nothing was changed. `shelfCode` goes to
 * people and scripts; for the layers between it is an I/O error of the array.
 */
export class ShelfRefusedError extends StorageError {
  readonly shelfCode: 'array/no-disk' | 'array/epochs-lost' | 'array/newer-format';
  constructor(shelfCode: ShelfRefusedError['shelfCode'], path: string, message: string) {
    super(shelfCode === 'array/no-disk' ? 'not-found' : 'io', path, message);
    this.name = 'ShelfRefusedError';
    this.shelfCode = shelfCode;
  }
}

/** What a server holds to work on one pool: every I/O passes the fence of (pool, epoch). */
export interface ShelfHandle {
  readonly poolId: string;
  readonly serverId: string;
  readonly epoch: number;
  readonly arrayId: string;
  /** All slots of the array, ascending, usable or not. */
  readonly slots: readonly number[];
  /** Asserts that the slot exists; a failed disk rejects every I/O `io`. */
  disk(slot: number): Disk;
  /** A file under `shared/`. Rejects as Storage.open does. */
  file(name: string, options?: { readonly create?: boolean; readonly size?: number }): Promise<StorageFile>;
  fileExists(name: string): Promise<boolean>;
  removeFile(name: string): Promise<void>;
  /** True once a higher epoch was raised. */
  readonly fenced: boolean;
}

interface PoolFence {
  /** Volatile view; already raised while the durable raise is under way, so that older handles stop at once. */
  epoch: number;
  /** Running I/O per handle epoch. */
  readonly running: Map<number, number>;
  waiters: { readonly below: number; readonly resolve: () => void }[];
}

/** An array: the disks, shared files and epochs of one failure domain. */
export class Shelf {
  readonly arrayId: string;
  /** What was found wrong at open; empty after create. */
  readonly findings: readonly DiskFinding[];
  readonly #storage: Storage;
  readonly #images: ReadonlyMap<number, DiskImage>;
  readonly #epochs: EpochStore;
  readonly #fences = new Map<string, PoolFence>();

  private constructor(storage: Storage, arrayId: string, images: ReadonlyMap<number, DiskImage>, epochs: EpochStore, findings: readonly DiskFinding[]) {
    this.#storage = storage;
    this.arrayId = arrayId;
    this.#images = images;
    this.#epochs = epochs;
    this.findings = findings;
  }

  /** Makes the images and the epoch files. Rejects `exists` when an image is there already. */
  static async create(
    storage: Storage,
    spec: { readonly arrayId: string; readonly disks: readonly DiskSpec[]; readonly preallocate?: boolean },
  ): Promise<Shelf> {
    const disks = [...spec.disks].sort((a, b) => a.slot - b.slot);
    const images = new Map<number, DiskImage>();
    for (const { slot, sizeBytes } of disks) {
      assert(Number.isInteger(slot) && slot >= 0 && !images.has(slot), `slot ${slot} is named once`);
      assert(sizeBytes >= DISK_HEAD_BYTES && sizeBytes % 4096 === 0, `disk ${slot}: ${sizeBytes} bytes`);
      const path = imagePath(slot);
      if (await storage.exists(path)) throw new StorageError('exists', path, `${path} exists`);
      const file = await storage.open(path, { create: true, size: sizeBytes, preallocate: spec.preallocate ?? false });
      await writeHeader(file, { arrayId: spec.arrayId, slot, disks });
      await file.sync();
      images.set(slot, new DiskImage(slot, sizeBytes, file, null));
    }
    return new Shelf(storage, spec.arrayId, images, await EpochStore.create(storage), []);
  }

  /**
   * Opens what `create` made. Which disks the array should have is read from any readable header. Rejects
   * ShelfRefusedError when no image can be read at all, when the epochs are lost or of a newer version.
   */
  static async open(storage: Storage, expected?: { readonly arrayId?: string }): Promise<Shelf> {
    const findings: DiskFinding[] = [];
    const found = new Map<number, { file: StorageFile; header: DiskHeader }>();
    const reasons = new Map<number, string>();
    let known: DiskHeader | null = null;
    for (const path of await storage.list('disk-')) {
      const match = /^disk-(\d+)\.img$/.exec(path);
      if (match === null) continue;
      const slot = Number(match[1]);
      const opened = await openImage(storage, path);
      if (typeof opened === 'string') {
        reasons.set(slot, opened);
        continue;
      }
      const { header, file } = opened;
      if (header.slot !== slot || (expected?.arrayId !== undefined && header.arrayId !== expected.arrayId)) {
        reasons.set(slot, `${path} offset 0: is disk ${header.slot} of array ${header.arrayId}, expected disk ${slot} of ${expected?.arrayId ?? 'this array'}`);
        await file.close();
        continue;
      }
      known ??= header;
      if (header.arrayId !== known.arrayId) {
        reasons.set(slot, `${path} offset 0: belongs to array ${header.arrayId}, expected ${known.arrayId}`);
        await file.close();
        continue;
      }
      found.set(slot, { file, header });
    }
    if (known === null) {
      const why = [...reasons.values()].join('; ') || `${imagePath(0)} offset 0: expected a disk header, found no image at all`;
      throw new ShelfRefusedError('array/no-disk', imagePath(0), `no disk of the array can be read: ${why}; nothing was changed: restore the images, or fail over to the other site`);
    }
    const images = new Map<number, DiskImage>();
    for (const { slot, sizeBytes } of known.disks) {
      const path = imagePath(slot);
      const image = found.get(slot);
      if (image === undefined) {
        const message = reasons.get(slot) ?? `${path} is missing, expected ${sizeBytes} bytes from offset 0`;
        findings.push({ slot, message });
        images.set(slot, new DiskImage(slot, sizeBytes, null, message));
      } else if (image.file.size < sizeBytes) {
        const message = `${path} ends at offset ${image.file.size}, expected ${sizeBytes} bytes`;
        findings.push({ slot, message });
        await image.file.close();
        images.set(slot, new DiskImage(slot, sizeBytes, null, message));
      } else {
        images.set(slot, new DiskImage(slot, sizeBytes, image.file, null));
      }
    }
    const epochFindings: string[] = [];
    const opened = await EpochStore.open(storage, epochFindings);
    if (opened.kind !== 'open') {
      for (const image of images.values()) await image.close();
      throw new ShelfRefusedError(opened.kind === 'newer' ? 'array/newer-format' : 'array/epochs-lost', opened.path, opened.message);
    }
    const { epochs } = opened;
    for (const message of epochFindings) findings.push({ slot: null, message });
    return new Shelf(storage, known.arrayId, images, epochs, findings);
  }

  get slots(): readonly number[] {
    return [...this.#images.keys()];
  }

  /** Highest epoch confirmed or being raised; 0 for a pool nobody raised yet. */
  epoch(poolId: string): number {
    return this.#fence(poolId).epoch;
  }

  /**
   * Raises the pool's ownership epoch: older handles are refused from now on, their running I/O is waited for, the epoch
   * is durable in both copies, then it confirms. A raise to the same or a lower epoch rejects `fenced`: someone else was first.
   */
  async raiseEpoch(poolId: string, epoch: number): Promise<void> {
    const fence = this.#fence(poolId);
    if (epoch <= fence.epoch) {
      throw new StorageError('fenced', 'shared/epochs-a', `pool ${poolId}: epoch ${epoch} is not above ${fence.epoch}`);
    }
    fence.epoch = epoch;
    if (runningBelow(fence, epoch) > 0) {
      await new Promise<void>((resolve) => fence.waiters.push({ below: epoch, resolve }));
    }
    await this.#epochs.set(poolId, Math.max(epoch, this.#epochs.get(poolId)));
  }

  /** A handle for an epoch that was raised (0 for a pool nobody raised). Asserts that it is not above `epoch(poolId)`. */
  handle(owner: { readonly poolId: string; readonly serverId: string; readonly epoch: number }): ShelfHandle {
    const fence = this.#fence(owner.poolId);
    assert(owner.epoch <= fence.epoch, `pool ${owner.poolId}: epoch ${owner.epoch} was never raised (now ${fence.epoch})`);
    const gate: Gate = async (path, io) => {
      if (owner.epoch < fence.epoch) {
        throw new StorageError('fenced', path, `pool ${owner.poolId}: epoch ${owner.epoch} of ${owner.serverId} is over, now ${fence.epoch}`);
      }
      fence.running.set(owner.epoch, (fence.running.get(owner.epoch) ?? 0) + 1);
      try {
        return await io();
      } finally {
        fence.running.set(owner.epoch, (fence.running.get(owner.epoch) ?? 1) - 1);
        if (fence.waiters.length > 0) releaseWaiters(fence);
      }
    };
    const disks = new Map<number, Disk>();
    for (const [slot, image] of this.#images) disks.set(slot, gatedDisk(image, gate));
    const storage = this.#storage;
    return {
      poolId: owner.poolId,
      serverId: owner.serverId,
      epoch: owner.epoch,
      arrayId: this.arrayId,
      slots: this.slots,
      get fenced() {
        return owner.epoch < fence.epoch;
      },
      disk: (slot) => {
        const disk = disks.get(slot);
        assert(disk !== undefined, `slot ${slot} exists`);
        return disk;
      },
      file: async (name, options) => {
        const path = sharedPath(name);
        return gatedFile(await gate(path, () => storage.open(path, options)), gate);
      },
      fileExists: (name) => gate(sharedPath(name), () => storage.exists(sharedPath(name))),
      removeFile: (name) => gate(sharedPath(name), () => storage.remove(sharedPath(name))),
    };
  }

  async close(): Promise<void> {
    for (const image of this.#images.values()) await image.close();
    await this.#epochs.close();
  }

  #fence(poolId: string): PoolFence {
    let fence = this.#fences.get(poolId);
    if (fence === undefined) {
      fence = { epoch: this.#epochs.get(poolId), running: new Map(), waiters: [] };
      this.#fences.set(poolId, fence);
    }
    return fence;
  }
}

function sharedPath(name: string): string {
  assert(!name.startsWith('epochs-'), 'the epochs belong to the shelf');
  return `shared/${name}`;
}

function runningBelow(fence: PoolFence, epoch: number): number {
  let count = 0;
  for (const [handleEpoch, running] of fence.running) if (handleEpoch < epoch) count += running;
  return count;
}

function releaseWaiters(fence: PoolFence): void {
  fence.waiters = fence.waiters.filter((waiter) => {
    if (runningBelow(fence, waiter.below) > 0) return true;
    waiter.resolve();
    return false;
  });
}

async function openImage(storage: Storage, path: string): Promise<{ file: StorageFile; header: DiskHeader } | string> {
  let file: StorageFile | null = null;
  try {
    file = await storage.open(path);
    const header = await readHeader(file);
    if (typeof header !== 'string') return { file, header };
    await file.close();
    return header;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (file !== null) await file.close();
    return `${path} offset 0: ${error.message}`;
  }
}

function gatedFile(file: StorageFile, gate: Gate): StorageFile {
  return {
    path: file.path,
    get size() {
      return file.size;
    },
    read: (into, at) => gate(file.path, () => file.read(into, at)),
    write: (buffers, at) => gate(file.path, () => file.write(buffers, at)),
    sync: () => gate(file.path, () => file.sync()),
    commit: (buffers, at) => gate(file.path, () => file.commit(buffers, at)),
    discard: (at, length) => gate(file.path, () => file.discard(at, length)),
    close: () => file.close(),
  };
}

import { StorageError } from '../runtime/index.ts';
import type { Storage, StorageFile } from '../runtime/index.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';

const MAGIC = 'LSEPOCHS';
const VERSION = 1;
const SIZE_BYTES = 65536;
const PATHS = ['shared/epochs-a', 'shared/epochs-b'] as const;

interface Copy {
  readonly serial: number;
  readonly epochs: Readonly<Record<string, number>>;
}

/**
 * The ownership epoch of each pool, in two copies. A raise is written and synced to one copy after the other, so a torn
 * write can damage one only; the valid copy with the higher serial counts.
 */
export class EpochStore {
  readonly #files: readonly [StorageFile, StorageFile];
  #serial: number;
  readonly #epochs: Map<string, number>;
  #last: Promise<void> = Promise.resolve();

  private constructor(files: readonly [StorageFile, StorageFile], copy: Copy) {
    this.#files = files;
    this.#serial = copy.serial;
    this.#epochs = new Map(Object.entries(copy.epochs));
  }

  static async create(storage: Storage): Promise<EpochStore> {
    const a = await storage.open(PATHS[0], { create: true, size: SIZE_BYTES });
    const b = await storage.open(PATHS[1], { create: true, size: SIZE_BYTES });
    const store = new EpochStore([a, b], { serial: 0, epochs: {} });
    await store.#persist();
    return store;
  }

  /** Rejects `io` when both copies are unusable: guessing an epoch could admit two writers. */
  static async open(storage: Storage, findings: string[]): Promise<EpochStore> {
    const files: StorageFile[] = [];
    let best: Copy | null = null;
    for (const path of PATHS) {
      const missing = !(await storage.exists(path));
      if (missing) findings.push(`${path} is missing; the other copy of the epochs is used`);
      const file = await storage.open(path, { create: true, size: SIZE_BYTES });
      files.push(file);
      if (missing) continue;
      const bytes = new Uint8Array(file.size);
      try {
        await file.read(bytes, 0);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        findings.push(`${path} offset 0: ${error.message}; the other copy of the epochs is used`);
        continue;
      }
      const envelope = decodeEnvelope(bytes, MAGIC, VERSION);
      if (envelope.kind === 'newer') throw new StorageError('io', path, `epochs of format version ${envelope.version} are newer than ${VERSION}`);
      if (envelope.kind !== 'ok') {
        const what = envelope.kind === 'empty' ? 'zeros' : `${envelope.found} instead of ${envelope.expected}`;
        findings.push(`${path} offset 0: found ${what}; the other copy of the epochs is used`);
        continue;
      }
      const copy = JSON.parse(new TextDecoder().decode(envelope.payload)) as Copy;
      if (best === null || copy.serial > best.serial) best = copy;
    }
    const [a, b] = files;
    if (best === null || a === undefined || b === undefined) {
      throw new StorageError('io', PATHS[0], `neither ${PATHS[0]} nor ${PATHS[1]} holds valid epochs: ${findings.join('; ')}`);
    }
    return new EpochStore([a, b], best);
  }

  get(poolId: string): number {
    return this.#epochs.get(poolId) ?? 0;
  }

  /** Durable in both copies when it resolves. */
  async set(poolId: string, epoch: number): Promise<void> {
    this.#epochs.set(poolId, epoch);
    const turn = this.#last.then(() => this.#persist());
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  async #persist(): Promise<void> {
    this.#serial++;
    const copy: Copy = { serial: this.#serial, epochs: Object.fromEntries(this.#epochs) };
    const bytes = encodeEnvelope(MAGIC, VERSION, new TextEncoder().encode(JSON.stringify(copy)), SIZE_BYTES);
    for (const file of this.#files) await file.commit([bytes], 0);
  }
}

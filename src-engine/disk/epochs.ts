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

export type EpochsOpened =
  | { readonly kind: 'open'; readonly epochs: EpochStore }
  | { readonly kind: 'lost' | 'newer'; readonly path: string; readonly message: string };

type CopyRead =
  | { readonly kind: 'copy'; readonly file: StorageFile; readonly copy: Copy }
  | { readonly kind: 'newer'; readonly file: StorageFile; readonly version: number }
  | { readonly kind: 'unusable'; readonly file: StorageFile | null; readonly why: string };

async function readCopy(storage: Storage, path: string): Promise<CopyRead> {
  let file: StorageFile | null = null;
  try {
    if (!(await storage.exists(path))) return { kind: 'unusable', file, why: `${path} is missing, expected ${SIZE_BYTES} bytes from offset 0` };
    file = await storage.open(path);
    if (file.size < SIZE_BYTES) return { kind: 'unusable', file, why: `${path} ends at offset ${file.size}, expected ${SIZE_BYTES} bytes` };
    const bytes = new Uint8Array(SIZE_BYTES);
    await file.read(bytes, 0);
    const envelope = decodeEnvelope(bytes, MAGIC, VERSION);
    switch (envelope.kind) {
      case 'ok':
        return { kind: 'copy', file, copy: JSON.parse(new TextDecoder().decode(envelope.payload)) as Copy };
      case 'newer':
        return { kind: 'newer', file, version: envelope.version };
      case 'empty':
        return { kind: 'unusable', file, why: `${path} offset 0: expected epochs, found zeros` };
      case 'damaged':
        return { kind: 'unusable', file, why: `${path} offset 0: expected ${envelope.expected}, found ${envelope.found}` };
    }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { kind: 'unusable', file, why: `${path} offset 0: ${error.message}` };
  }
}

/** The file of a copy, made anew where it is missing or too short: it gets the content of the good one with the next raise. */
async function whole(storage: Storage, path: string, file: StorageFile | undefined): Promise<StorageFile> {
  if (file !== undefined && file.size >= SIZE_BYTES) return file;
  await file?.close();
  if (file !== undefined) await storage.remove(path);
  return storage.open(path, { create: true, size: SIZE_BYTES });
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

  /** 'lost' when both copies are unusable: guessing an epoch could admit two writers. */
  static async open(storage: Storage, findings: string[]): Promise<EpochsOpened> {
    const files = new Map<string, StorageFile>();
    const reasons: string[] = [];
    let best: Copy | null = null;
    const ended = async (kind: 'lost' | 'newer', path: string, message: string): Promise<EpochsOpened> => {
      for (const file of files.values()) await file.close();
      return { kind, path, message };
    };
    for (const path of PATHS) {
      const read = await readCopy(storage, path);
      if (read.file !== null) files.set(path, read.file);
      if (read.kind === 'newer') return ended('newer', path, `${path} offset 8: epochs of format version ${read.version} are newer than ${VERSION}; nothing was changed: use the version that wrote them`);
      if (read.kind === 'unusable') reasons.push(read.why);
      else if (best === null || read.copy.serial > best.serial) best = read.copy;
    }
    if (best === null) {
      return ended('lost', PATHS[0], `the ownership epochs are lost in both copies: ${reasons.join('; ')}; nothing was changed: restore ${PATHS[0]} or ${PATHS[1]}, or fail over to the other site`);
    }
    for (const why of reasons) findings.push(`${why}; the other copy of the epochs is used`);
    const a = await whole(storage, PATHS[0], files.get(PATHS[0]));
    const b = await whole(storage, PATHS[1], files.get(PATHS[1]));
    return { kind: 'open', epochs: new EpochStore([a, b], best) };
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

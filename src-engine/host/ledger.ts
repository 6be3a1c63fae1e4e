/**
 * What a workload was promised. The intent of a write is in the file before the write is issued, its acknowledgement
 * before it is counted; so whatever survives a crash of this process, the ledger never knows less than the host that
 * it stands for. It is deliberately not synced per record: after a power loss of the machine it may know less, never
 * something wrong (a block newer than the ledger's tail is legal).
 *
 * In memory there are three typed arrays per volume block: newest acknowledged and newest issued sequence, and how many
 * writes were acknowledged. Each 4 KiB block of a write has a sequence of its own, dense within the ledger.
 */
import { assert, type Random, type Storage, type StorageFile } from '../runtime/index.ts';
import {
  decodeHeader,
  encodeHeader,
  FRAME_HEAD_BYTES,
  frameLength,
  HEADER_BYTES,
  ITEM,
  ITEM_BYTES,
  putItem,
  readFrame,
  sealFrame,
} from './ledger-codec.ts';

/** Size of a fresh, sparse ledger file; reaching it compacts. */
const DEFAULT_CAPACITY_BYTES = 256 * 1024 * 1024;
const READ_WINDOW_BYTES = 1024 * 1024;
const MAX_FRAME_ITEMS = 16 * 1024;

export interface LedgerProblem {
  readonly file: string;
  readonly offset: number;
  readonly expected: string;
  readonly found: string;
}

export type LedgerResult =
  | { readonly ok: true; readonly ledger: Ledger; readonly tornTailAt: number | null }
  | { readonly ok: false; readonly reason: 'damaged' | 'newer'; readonly problem: LedgerProblem };

export interface LedgerOptions {
  readonly storage: Storage;
  /** `<volume>.ledger`, relative to `storage`. */
  readonly path: string;
  readonly random: Random;
  readonly wallMs: number;
  readonly volumeBlocks: number;
  readonly capacityBytes?: number;
}

export class Ledger {
  readonly path: string;
  /** Below 2^53; in every block this ledger's workloads write. */
  readonly stream: number;
  readonly #storage: Storage;
  readonly #createdWallMs: number;
  #capacityBytes: number;
  #file: StorageFile;
  #tail = HEADER_BYTES;
  #link = 0;
  #acknowledged: Float64Array;
  #issued: Float64Array;
  #counts: Uint32Array;
  #acknowledgedWrites = 0;
  #touchedBlocks = 0;
  #nextSequence = 1;
  #runs = 0;

  #pending: Uint8Array<ArrayBuffer>;
  #pendingItems = 0;
  #waiters: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #flushing = false;
  #failure: unknown = null;
  #closed = false;

  private constructor(options: LedgerOptions, file: StorageFile, stream: number, createdWallMs: number) {
    this.path = options.path;
    this.stream = stream;
    this.#storage = options.storage;
    this.#createdWallMs = createdWallMs;
    this.#capacityBytes = file.size;
    this.#file = file;
    this.#acknowledged = new Float64Array(options.volumeBlocks);
    this.#issued = new Float64Array(options.volumeBlocks);
    this.#counts = new Uint32Array(options.volumeBlocks);
    this.#pending = new Uint8Array(FRAME_HEAD_BYTES + 1024 * ITEM_BYTES);
  }

  /** Opens the ledger of a volume, making it when there is none. A torn tail is cut; anything else that is wrong is told. */
  static async open(options: LedgerOptions): Promise<LedgerResult> {
    if (!(await options.storage.exists(options.path)) || (await neverBegun(options)))
      return { ok: true, ledger: await Ledger.#create(options), tornTailAt: null };
    const file = await options.storage.open(options.path);
    const bytes = new Uint8Array(HEADER_BYTES);
    if (file.size < HEADER_BYTES) {
      await file.close();
      const problem = {
        file: options.path,
        offset: 0,
        expected: `at least ${HEADER_BYTES} bytes`,
        found: `${file.size} bytes`,
      };
      return { ok: false, reason: 'damaged', problem };
    }
    await file.read(bytes, 0);
    const decoded = decodeHeader(bytes);
    if (!decoded.ok) {
      await file.close();
      return {
        ok: false,
        reason: decoded.reason,
        problem: { file: options.path, offset: 0, expected: decoded.expected, found: decoded.found },
      };
    }
    const ledger = new Ledger(options, file, decoded.header.stream, decoded.header.createdWallMs);
    const tornTailAt = await ledger.#replay((kind, vbn, blocks, value) => {
      ledger.#apply(kind, vbn, blocks, value);
    });
    return { ok: true, ledger, tornTailAt };
  }

  /** Under its name only once its header is durable: an interrupted creation leaves no ledger, not a damaged one. */
  static async #create(options: LedgerOptions): Promise<Ledger> {
    const { storage, path, random, volumeBlocks, wallMs } = options;
    const draft = `${path}.new`;
    if (await storage.exists(draft)) await storage.remove(draft);
    const file = await storage.open(draft, { create: true, size: options.capacityBytes ?? DEFAULT_CAPACITY_BYTES });
    const stream = random.u32() * 0x20_0000 + (random.u32() >>> 11);
    await file.commit([encodeHeader({ stream, volumeBlocks, createdWallMs: wallMs })], 0);
    await file.close();
    await storage.rename(draft, path);
    return new Ledger(options, await storage.open(path), stream, wallMs);
  }

  get volumeBlocks(): number {
    return this.#acknowledged.length;
  }
  /** 4 KiB block writes acknowledged and not voided since. */
  get acknowledgedWrites(): number {
    return this.#acknowledgedWrites;
  }
  /** Blocks that any workload ever issued a write to and that were not voided since. */
  get touchedBlocks(): number {
    return this.#touchedBlocks;
  }
  get lastSequence(): number {
    return this.#nextSequence - 1;
  }
  /** Newest acknowledged sequence of a block, 0 when none. */
  acknowledgedSequence(vbn: number): number {
    return this.#acknowledged[vbn] ?? 0;
  }
  /** Newest issued sequence of a block, 0 when none. */
  issuedSequence(vbn: number): number {
    return this.#issued[vbn] ?? 0;
  }
  /** How many writes of a block were acknowledged. */
  acknowledgedCount(vbn: number): number {
    return this.#counts[vbn] ?? 0;
  }

  /** Begins a workload run; the number goes into every block it writes. */
  beginRun(): number {
    this.#append(ITEM.run, 0, 0, this.#runs + 1);
    this.#runs += 1;
    return this.#runs;
  }

  /** Enters the intent to write `blocks` (1..255) blocks from `vbn`; the first of their sequences. Issue after `flushed()`. */
  issue(vbn: number, blocks: number): number {
    assert(
      blocks >= 1 && blocks <= 255 && vbn >= 0 && vbn + blocks <= this.volumeBlocks,
      'a ledger intent inside the volume',
    );
    const sequence = this.#nextSequence;
    this.#append(ITEM.intent, vbn, blocks, sequence);
    this.#apply(ITEM.intent, vbn, blocks, sequence);
    return sequence;
  }

  /** Enters an acknowledgement; it counts once the promise resolves. */
  async acknowledge(vbn: number, blocks: number, sequence: number): Promise<void> {
    this.#append(ITEM.acknowledged, vbn, blocks, sequence);
    await this.flushed();
    this.#apply(ITEM.acknowledged, vbn, blocks, sequence);
  }

  /** Forgets a range that somebody else overwrites; call before the foreign write is issued. */
  async void(vbn: number, blocks: number): Promise<void> {
    const count = Math.min(blocks, this.volumeBlocks - vbn);
    if (count <= 0) return;
    this.#append(ITEM.void, vbn, 0, count);
    await this.flushed();
    this.#apply(ITEM.void, vbn, 0, count);
  }

  /** Follows a grown volume. */
  grow(volumeBlocks: number): void {
    if (volumeBlocks <= this.volumeBlocks) return;
    const longer = (from: Float64Array): Float64Array => {
      const into = new Float64Array(volumeBlocks);
      into.set(from);
      return into;
    };
    this.#acknowledged = longer(this.#acknowledged);
    this.#issued = longer(this.#issued);
    const counts = new Uint32Array(volumeBlocks);
    counts.set(this.#counts);
    this.#counts = counts;
  }

  /** Resolves when everything entered so far is in the file. Rejects when the ledger's device failed. */
  flushed(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(asError(this.#failure));
    if (this.#pendingItems === 0 && !this.#flushing) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (!this.#flushing) void this.#flush();
    });
  }

  /**
   * Counts, for blocks found older than promised, the acknowledged writes that are missing: `found` maps a VBN to the
   * sequence its content carries (0 for none). Reads the file; what was compacted counts once per block.
   */
  async missingWrites(found: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, number>> {
    const missing = new Map<number, number>();
    const voidBefore = new Map<number, number>();
    await this.flushed();
    await this.#replay((kind, vbn, blocks, value) => {
      if (kind === ITEM.void) {
        for (const key of missing.keys())
          if (key >= vbn && key < vbn + value) voidBefore.set(key, missing.get(key) ?? 0);
        return;
      }
      if (kind !== ITEM.acknowledged && kind !== ITEM.keptAcknowledged) return;
      const span = kind === ITEM.keptAcknowledged ? 1 : blocks;
      for (let i = 0; i < span; i += 1) {
        const have = found.get(vbn + i);
        if (have !== undefined && value + i > have) missing.set(vbn + i, (missing.get(vbn + i) ?? 0) + 1);
      }
    }, true);
    for (const [vbn, before] of voidBefore) missing.set(vbn, (missing.get(vbn) ?? 0) - before);
    return missing;
  }

  /** Rewrites the file so that it holds the present state only. Runs by itself when the file is full. */
  async compact(): Promise<void> {
    await this.flushed();
    while (this.#flushing) await this.flushed();
    this.#flushing = true;
    try {
      await this.#compactNow();
    } finally {
      this.#flushing = false;
    }
    if (this.#pendingItems > 0 || this.#waiters.length > 0) void this.#flush();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.flushed().catch(() => undefined);
    this.#closed = true;
    if (this.#failure === null) await this.#file.sync();
    await this.#file.close();
  }

  #append(kind: number, vbn: number, blocks: number, value: number): void {
    assert(!this.#closed, 'a closed ledger takes no entries');
    const at = FRAME_HEAD_BYTES + this.#pendingItems * ITEM_BYTES;
    if (at + ITEM_BYTES > this.#pending.byteLength) {
      const larger = new Uint8Array(this.#pending.byteLength * 2);
      larger.set(this.#pending);
      this.#pending = larger;
    }
    putItem(new DataView(this.#pending.buffer), at, kind, vbn, blocks, value);
    this.#pendingItems += 1;
  }

  #apply(kind: number, vbn: number, blocks: number, value: number): void {
    switch (kind) {
      case ITEM.intent:
        for (let i = 0; i < blocks; i += 1) {
          if ((this.#issued[vbn + i] ?? 0) === 0) this.#touchedBlocks += 1;
          this.#issued[vbn + i] = Math.max(this.#issued[vbn + i] ?? 0, value + i);
        }
        this.#nextSequence = Math.max(this.#nextSequence, value + blocks);
        return;
      case ITEM.acknowledged:
        for (let i = 0; i < blocks; i += 1) {
          // A range that was voided between issue and acknowledgement is nobody's any more.
          if ((this.#issued[vbn + i] ?? 0) === 0) continue;
          this.#acknowledged[vbn + i] = Math.max(this.#acknowledged[vbn + i] ?? 0, value + i);
          this.#counts[vbn + i] = (this.#counts[vbn + i] ?? 0) + 1;
          this.#acknowledgedWrites += 1;
        }
        return;
      case ITEM.void:
        for (let i = vbn; i < Math.min(vbn + value, this.volumeBlocks); i += 1) {
          if ((this.#issued[i] ?? 0) > 0) this.#touchedBlocks -= 1;
          this.#acknowledgedWrites -= this.#counts[i] ?? 0;
          this.#issued[i] = 0;
          this.#acknowledged[i] = 0;
          this.#counts[i] = 0;
        }
        return;
      case ITEM.keptIssued:
        this.#apply(ITEM.intent, vbn, 1, value);
        return;
      case ITEM.keptAcknowledged:
        this.#acknowledged[vbn] = value;
        return;
      case ITEM.keptCount:
        this.#counts[vbn] = value;
        this.#acknowledgedWrites += value;
        return;
      case ITEM.run:
        this.#runs = Math.max(this.#runs, value);
        return;
      default:
        return;
    }
  }

  /** Writes what is pending, frame after frame; everything that arrives while one write runs shares the next. */
  async #flush(): Promise<void> {
    this.#flushing = true;
    try {
      while (this.#waiters.length > 0) {
        const waiters = this.#waiters;
        this.#waiters = [];
        try {
          if (this.#pendingItems > 0) await this.#writeFrame();
          for (const waiter of waiters) waiter.resolve();
        } catch (error) {
          // What did reach the file is unknown: the ledger takes nothing more until it is opened again.
          this.#failure = error;
          for (const waiter of [...waiters, ...this.#waiters]) waiter.reject(error);
          this.#waiters = [];
        }
      }
    } finally {
      this.#flushing = false;
    }
  }

  async #writeFrame(): Promise<void> {
    const bytes = FRAME_HEAD_BYTES + this.#pendingItems * ITEM_BYTES;
    if (this.#tail + bytes > this.#capacityBytes) await this.#compactNow();
    const frame = this.#pending.subarray(0, FRAME_HEAD_BYTES + this.#pendingItems * ITEM_BYTES);
    this.#pending = new Uint8Array(Math.max(this.#pending.byteLength, FRAME_HEAD_BYTES + ITEM_BYTES));
    this.#pendingItems = 0;
    const link = sealFrame(frame, this.#link);
    const at = this.#tail;
    this.#tail += frame.byteLength;
    this.#link = link;
    await this.#file.write([frame], at);
  }

  async #compactNow(): Promise<void> {
    const needed = HEADER_BYTES + this.#touchedBlocks * ITEM_BYTES * 4 + this.#pending.byteLength * 2;
    const capacity = Math.max(this.#capacityBytes, needed * 2);
    const temporary = `${this.path}.new`;
    if (await this.#storage.exists(temporary)) await this.#storage.remove(temporary);
    const file = await this.#storage.open(temporary, { create: true, size: capacity });
    await file.write(
      [encodeHeader({ stream: this.stream, volumeBlocks: this.volumeBlocks, createdWallMs: this.#createdWallMs })],
      0,
    );
    let tail = HEADER_BYTES;
    let link = 0;
    let items: [number, number, number][] = [[ITEM.run, 0, this.#runs]];
    const seal = async (): Promise<void> => {
      const frame = new Uint8Array(FRAME_HEAD_BYTES + items.length * ITEM_BYTES);
      const view = new DataView(frame.buffer);
      items.forEach(([kind, vbn, value], index) => {
        putItem(view, FRAME_HEAD_BYTES + index * ITEM_BYTES, kind, vbn, 1, value);
      });
      link = sealFrame(frame, link);
      await file.write([frame], tail);
      tail += frame.byteLength;
      items = [];
    };
    for (let vbn = 0; vbn < this.volumeBlocks; vbn += 1) {
      const issued = this.#issued[vbn] ?? 0;
      if (issued === 0) continue;
      items.push([ITEM.keptIssued, vbn, issued]);
      const acknowledged = this.#acknowledged[vbn] ?? 0;
      if (acknowledged > 0)
        items.push([ITEM.keptAcknowledged, vbn, acknowledged], [ITEM.keptCount, vbn, this.#counts[vbn] ?? 0]);
      if (items.length >= MAX_FRAME_ITEMS) await seal();
    }
    if (items.length > 0) await seal();
    await file.sync();
    await file.close();
    await this.#file.close();
    await this.#storage.rename(temporary, this.path);
    this.#file = await this.#storage.open(this.path);
    this.#capacityBytes = this.#file.size;
    this.#tail = tail;
    this.#link = link;
  }

  /** Visits all items of the file; offset of a torn tail or null. With `readOnly` the tail position is left alone. */
  async #replay(
    visit: (kind: number, vbn: number, blocks: number, value: number) => void,
    readOnly = false,
  ): Promise<number | null> {
    const reader = new WindowReader(this.#file, readOnly ? this.#tail : this.#file.size);
    let at = HEADER_BYTES;
    let link = 0;
    let torn: number | null = null;
    for (;;) {
      const head = await reader.read(at, FRAME_HEAD_BYTES);
      if (head === null) break;
      const length = frameLength(head, link);
      if (length === 0) {
        if (head.some((byte) => byte !== 0)) torn = at;
        break;
      }
      const frame = await reader.read(at, length);
      const crc = frame === null ? null : readFrame(frame, visit);
      if (crc === null) {
        torn = at;
        break;
      }
      link = crc;
      at += length;
    }
    if (!readOnly) {
      this.#tail = at;
      this.#link = link;
    }
    return torn;
  }
}

/** Reads ahead in windows, so that small frames do not cost a system call each. */
class WindowReader {
  readonly #file: StorageFile;
  readonly #end: number;
  #window = new Uint8Array(0);
  #from = 0;

  constructor(file: StorageFile, end: number) {
    this.#file = file;
    this.#end = Math.min(end, file.size);
  }

  async read(at: number, length: number): Promise<Uint8Array | null> {
    if (at + length > this.#end) return null;
    if (at < this.#from || at + length > this.#from + this.#window.byteLength) {
      this.#window = new Uint8Array(Math.min(Math.max(length, READ_WINDOW_BYTES), this.#end - at));
      this.#from = at;
      await this.#file.read(this.#window, at);
    }
    return this.#window.subarray(at - this.#from, at - this.#from + length);
  }
}

/** Zeros from the first byte on: its header was never written, so nobody was promised anything by it. */
async function neverBegun({ storage, path }: LedgerOptions): Promise<boolean> {
  const file = await storage.open(path);
  try {
    const begin = new Uint8Array(Math.min(file.size, READ_WINDOW_BYTES));
    await file.read(begin, 0);
    return begin.every((byte) => byte === 0);
  } finally {
    await file.close();
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

import { assert, type Runtime } from '../runtime/index.ts';
import { MediaError, type Pool, type Stage, type VolumeRecord } from '../pool/index.ts';
import { makeRecord, type Log, type LogRecord } from '../nvlog/index.ts';
import type { CleanCache } from './clean-cache.ts';
import { VolumeError, type VolumeErrorCode } from './errors.ts';
import { BLOCK_BYTES, type BlockContent, type FrozenBlock, type FrozenImage } from './frozen.ts';
import type { VolumeMirror } from './mirroring.ts';
import { applyChange, endVbn, firstVbn, partialBlocks, roomFor, type Change } from './overlay.ts';

export interface VolumeDependencies {
  readonly runtime: Runtime;
  readonly pool: Pool;
  readonly log: Log;
  readonly cache: CleanCache;
  readonly epoch: number;
  /** Writers wait: the active half is full. A consistency point must be started; `retryWaiting` follows when it helped. */
  readonly onLogFull: () => void;
  readonly onAppended: () => void;
}

/**
 * Who may use the volume. `held` lets writes wait (bounded by `MAXIMUM_WAITING`), `closed` refuses them. Reads of hosts are
 * served while it is held, unless `readsWait`: what is here may not be what hosts find when it opens.
 */
export type VolumeGate =
  | { readonly kind: 'open' }
  | { readonly kind: 'held'; readonly reason: string; readonly readsWait?: true }
  | { readonly kind: 'closed'; readonly code: VolumeErrorCode; readonly message: string };

type Done = (error: VolumeError | null) => void;

interface WriteRequest {
  readonly kind: 'write' | 'trim' | 'zero';
  readonly offset: number;
  readonly length: number;
  readonly payload: Uint8Array | null;
  readonly done: Done;
  settled: boolean;
}

/** A record that is in the log but that no host has been told of yet. */
interface PendingRecord extends Change {
  readonly request: WriteRequest | null;
}

const MAXIMUM_WAITING = 4096;
const NO_BYTES = new Uint8Array(0);
/** What a consistency point works on before it lets others run: 1 MiB, a millisecond or so with its parity. */
const BLOCKS_PER_SLICE = 256;
/** Requests above this do not go into the clean cache. */
const CACHED_REQUEST_BLOCKS = 16;

/**
 * A `logged` volume on its owner (data-path.md 1): writes go to the NVLOG and its keepers, become visible and are
 * acknowledged in sequence order, and reach the array at a consistency point.
 *
 * Three layers of memory lie over the block map: `visible` (acknowledged, not yet in a consistency point), `frozen`
 * (acknowledged, in the consistency point that runs now) and `shadow` (old content of blocks that a consistency point
 * has already overwritten with records no host has been told of: reads must not see those before they are acknowledged).
 */
export class LoggedVolume {
  readonly id: string;
  private readonly deps: VolumeDependencies;
  mirror: VolumeMirror | null = null;
  gate: VolumeGate = { kind: 'held', reason: 'starting', readsWait: true };
  /** Last sequence of the own log that is on disk with the root: replay skips what is at or below it. */
  appliedSequence: number;
  lastSequence: number;
  /** Set by `stop` and `end`: the gate is nobody's to change any more. */
  private ending: 'no' | 'held' | 'ended' = 'no';
  readonly counters = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 };

  private visible = new Map<number, FrozenBlock>();
  private frozen: { readonly visible: Map<number, FrozenBlock>; readonly image: FrozenImage; readonly unseen: readonly number[] } | null = null;
  private readonly shadow = new Map<number, BlockContent>();
  private readonly pending: PendingRecord[] = [];
  private pendingHead = 0;
  private waiting: WriteRequest[] = [];
  private readonly readers: { readonly resolve: () => void; readonly reject: (error: VolumeError) => void }[] = [];
  /** Old content of blocks that admitted partial writes touch, kept until they are visible. */
  private readonly partialBase = new Map<number, { content: BlockContent; users: number }>();
  private reservedActive = 0;
  private reservedFrozen = 0;
  private rootVersion = 0;
  private readonly idleWaiters: (() => void)[] = [];

  constructor(deps: VolumeDependencies, record: VolumeRecord, appliedSequence: number) {
    this.deps = deps;
    this.id = record.id;
    this.appliedSequence = appliedSequence;
    this.lastSequence = appliedSequence;
  }

  get record(): VolumeRecord {
    return this.deps.pool.volume(this.id);
  }

  get sizeBytes(): number {
    return this.record.sizeBlocks * BLOCK_BYTES;
  }

  get dirtyBlocks(): number {
    return this.visible.size + (this.pending.length - this.pendingHead) + (this.frozen?.image.vbns.length ?? 0);
  }

  /** Blocks that hosts see from the log: acknowledged, in no consistency point yet. */
  dirtyVbns(): ReadonlySet<number> {
    return new Set([...this.visible.keys(), ...(this.frozen?.visible.keys() ?? [])]);
  }

  // --- host side -------------------------------------------------------------------------------------------------

  /** Resolves when the write is durable wherever it must be. The data belong to the volume from here on. */
  write(offset: number, data: Uint8Array): Promise<void> {
    return this.change('write', offset, data.length, data);
  }

  trim(offset: number, length: number): Promise<void> {
    return this.change('trim', offset, length, null);
  }

  zero(offset: number, length: number): Promise<void> {
    return this.change('zero', offset, length, null);
  }

  /** A write of the engine itself (entries a keeper gave back): passes the gate, otherwise like any other. */
  writeInternal(offset: number, data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.admit({ kind: 'write', offset, length: data.length, payload: data, settled: false, done: (error) => { if (error === null) resolve(); else reject(error); } });
    });
  }

  private change(kind: WriteRequest['kind'], offset: number, length: number, payload: Uint8Array | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.submit({ kind, offset, length, payload, settled: false, done: (error) => { if (error === null) resolve(); else reject(error); } });
    });
  }

  /** The callback form of a write, for hosts that keep thousands of requests in flight. */
  submit(request: WriteRequest): void {
    const bad = this.rangeError(request.offset, request.length) ?? this.gateError();
    if (bad !== null) return this.settle(request, bad);
    if (request.length === 0) return this.settle(request, null);
    if (this.gate.kind === 'held' || this.waiting.length > 0) return this.wait(request);
    this.admit(request);
  }

  private wait(request: WriteRequest): void {
    if (this.waiting.length >= MAXIMUM_WAITING) {
      return this.settle(request, new VolumeError('volume/suspended', `too many requests wait: ${this.gate.kind === 'held' ? this.gate.reason : 'the log is full'}`));
    }
    this.waiting.push(request);
  }

  private settle(request: WriteRequest, error: VolumeError | null): void {
    if (request.settled) return;
    request.settled = true;
    request.done(error);
  }

  private rangeError(offset: number, length: number): VolumeError | null {
    if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && offset + length <= this.sizeBytes) return null;
    return new VolumeError('volume/out-of-range', `bytes ${String(offset)}..${String(offset + length)} lie outside the volume of ${String(this.sizeBytes)} bytes`);
  }

  private gateError(): VolumeError | null {
    return this.gate.kind === 'closed' ? new VolumeError(this.gate.code, this.gate.message) : null;
  }

  /** Brings a request into the log, or back into the queue when something must be had first. */
  private admit(request: WriteRequest): void {
    if (this.ending === 'ended') return this.settle(request, this.gateError());
    const partial = partialBlocks(request.offset, request.length);
    const missing = partial.filter((vbn) => this.memoryContent(vbn) === undefined && !this.partialBase.has(vbn));
    if (missing.length > 0) {
      this.loadBases(missing).then(
        () => { this.admitAgain(request); },
        (error: unknown) => { this.settle(request, asVolumeError(error)); },
      );
      return;
    }
    const blocks = roomFor(request);
    if (!this.deps.pool.reserve(blocks, request.payload === null)) {
      this.settle(request, new VolumeError('volume/no-space', 'the pool has no room for this write; delete a snapshot or a volume, or grow the pool'));
      return;
    }
    this.mirror?.beforeWrite();
    const sequence = this.deps.log.append(makeRecord({
      kind: request.kind, epoch: this.deps.epoch, volumeId: this.id, offset: request.offset, length: request.length, payload: request.payload ?? NO_BYTES,
    }));
    if (sequence === null) {
      this.deps.pool.unreserve(blocks);
      this.wait(request);
      this.deps.onLogFull();
      return;
    }
    this.reservedActive += blocks;
    this.lastSequence = sequence;
    this.mirror?.forward({ kind: request.kind, sequence, epoch: this.deps.epoch, offset: request.offset, length: request.length, payload: request.payload });
    for (const vbn of partial) this.holdBase(vbn);
    this.pending.push({ offset: request.offset, length: request.length, payload: request.payload, sequence, request });
    this.counters.writes++;
    this.counters.writtenBytes += request.length;
    this.deps.onAppended();
  }

  private admitAgain(request: WriteRequest): void {
    const closed = this.gateError();
    if (closed !== null) this.settle(request, closed);
    else if (this.gate.kind === 'held') this.wait(request);
    else this.admit(request);
  }

  private holdBase(vbn: number): void {
    const known = this.partialBase.get(vbn);
    if (known !== undefined) known.users++;
    else {
      const content = this.memoryContent(vbn);
      assert(content !== undefined, 'the base of a partial write is in memory when it is admitted');
      this.partialBase.set(vbn, { content, users: 1 });
    }
  }

  private async loadBases(vbns: readonly number[]): Promise<void> {
    for (const vbn of vbns) {
      const content = await this.read(vbn * BLOCK_BYTES, BLOCK_BYTES);
      if (!this.partialBase.has(vbn) && this.memoryContent(vbn) === undefined) this.deps.cache.set(this.id, vbn, content);
    }
  }

  /** Content as hosts may see it, where it is in memory; undefined when only the array has it. */
  private memoryContent(vbn: number): BlockContent | undefined {
    const block = this.visible.get(vbn) ?? this.frozen?.visible.get(vbn);
    if (block !== undefined) return block.content;
    const old = this.shadow.get(vbn);
    if (old !== undefined) return old;
    return this.deps.cache.get(this.id, vbn);
  }

  /** Lets the requests that waited try again, in order. */
  retryWaiting(): void {
    const requests = this.waiting;
    this.waiting = [];
    for (const request of requests) {
      if (this.waiting.length > 0) this.waiting.push(request);
      else this.submit(request);
    }
  }

  /** Without effect once the volume's server stops. */
  setGate(gate: VolumeGate): void {
    if (this.ending !== 'no') return;
    this.gate = gate;
    if (!this.readsWait) for (const reader of this.readers.splice(0)) reader.resolve();
    if (gate.kind !== 'held') this.retryWaiting();
  }

  /** The server stops: nobody is admitted any more, whoever asks for it. Requests wait until `end` tells them. */
  stop(reason: string): void {
    // Who may not read or write yet does not because the server stops: a closed volume (a mirror's copy) stays closed.
    if (this.gate.kind !== 'closed') this.setGate({ ...(this.gate.kind === 'held' ? this.gate : { kind: 'held' }), reason });
    this.ending = 'held';
  }

  /** Nothing of this volume goes to the log any more; whoever waits, and whoever asks later, is told so. */
  end(message: string): void {
    this.ending = 'ended';
    this.gate = { kind: 'closed', code: 'volume/offline', message };
    this.failWaiting('volume/offline', message);
    this.failPending('volume/offline', message);
  }

  /** Makes every request that waits fail (strict mirror without its keeper, a demotion). */
  failWaiting(code: VolumeErrorCode, message: string): void {
    const requests = this.waiting;
    this.waiting = [];
    for (const request of requests) this.settle(request, new VolumeError(code, message));
    for (const reader of this.readers.splice(0)) reader.reject(new VolumeError(code, message));
  }

  /**
   * Tells the hosts of all logged but unacknowledged writes that they failed. The records stay: they may or may not
   * appear later, whole per block, and never after a newer acknowledged write (invariant 2).
   */
  failPending(code: VolumeErrorCode, message: string): void {
    for (let i = this.pendingHead; i < this.pending.length; i++) {
      const request = this.pending[i]?.request;
      if (request) this.settle(request, new VolumeError(code, message));
    }
  }

  // --- visibility --------------------------------------------------------------------------------------------------

  /** Makes durable records visible and acknowledges them, in sequence order. Called whenever a keeper confirmed more. */
  advance(): void {
    const durable = this.deps.log.durableSequence;
    while (this.pendingHead < this.pending.length) {
      const record = this.pending[this.pendingHead];
      if (record === undefined || record.sequence > durable) break;
      if (this.mirror !== null && !this.mirror.holds(record.sequence)) break;
      this.pendingHead++;
      this.makeVisible(record);
      if (record.request !== null) this.settle(record.request, null);
    }
    if (this.pendingHead === this.pending.length) {
      this.pending.length = 0;
      this.pendingHead = 0;
      for (const wake of this.idleWaiters.splice(0)) wake();
    } else if (this.pendingHead > 1024) {
      this.pending.splice(0, this.pendingHead);
      this.pendingHead = 0;
    }
  }

  /** Resolves when no logged write is unacknowledged. */
  quiet(): Promise<void> {
    if (this.pendingHead === this.pending.length) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  private makeVisible(record: PendingRecord): void {
    applyChange(this.visible, record, (vbn) => this.baseContent(vbn));
    for (const vbn of partialBlocks(record.offset, record.length)) {
      const base = this.partialBase.get(vbn);
      if (base !== undefined && --base.users === 0) this.partialBase.delete(vbn);
    }
    const end = endVbn(record.offset, record.length);
    for (let vbn = firstVbn(record.offset); vbn < end; vbn++) {
      if (this.shadow.size > 0) this.shadow.delete(vbn);
      this.deps.cache.drop(this.id, vbn);
    }
  }

  private baseContent(vbn: number): BlockContent {
    const block = this.visible.get(vbn) ?? this.frozen?.visible.get(vbn);
    if (block !== undefined) return block.content;
    const old = this.shadow.get(vbn);
    if (old !== undefined) return old;
    const base = this.partialBase.get(vbn);
    assert(base !== undefined, 'the base of a partial write is kept until it is visible');
    return base.content;
  }

  // --- reads -------------------------------------------------------------------------------------------------------

  get readsWait(): boolean {
    return this.gate.kind === 'held' && this.gate.readsWait === true;
  }

  /** Resolves when the gate lets hosts read, or refuses them; rejects with VolumeError when they waited in vain. */
  readable(): Promise<void> {
    if (!this.readsWait) return Promise.resolve();
    if (this.readers.length >= MAXIMUM_WAITING) return Promise.reject(new VolumeError('volume/suspended', 'too many reads wait'));
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
  }

  /** Rejects with VolumeError `volume/media-error` naming the range when no copy of a block verifies. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const bad = this.rangeError(offset, length);
    if (bad !== null) throw bad;
    const first = firstVbn(offset);
    const count = length === 0 ? 0 : endVbn(offset, length) - first;
    const out = new Uint8Array(count * BLOCK_BYTES);
    await this.readBlocks(first, count, out);
    this.counters.reads++;
    this.counters.readBytes += length;
    return out.subarray(offset - first * BLOCK_BYTES, offset - first * BLOCK_BYTES + length);
  }

  private async readBlocks(first: number, count: number, out: Uint8Array): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const version = this.rootVersion;
      const root = this.record.root;
      const runs: { vbn: number; count: number }[] = [];
      for (let i = 0; i < count; i++) {
        const content = this.memoryContent(first + i);
        const target = out.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
        if (content === null) target.fill(0);
        else if (content !== undefined) target.set(content);
        else {
          const last = runs.at(-1);
          if (last !== undefined && last.vbn + last.count === first + i) last.count++;
          else runs.push({ vbn: first + i, count: 1 });
        }
      }
      try {
        for (const run of runs) {
          const into = out.subarray((run.vbn - first) * BLOCK_BYTES, (run.vbn - first + run.count) * BLOCK_BYTES);
          await this.deps.pool.read(root, run.vbn, run.count, into);
        }
      } catch (error) {
        // A consistency point may have freed the root this read walked; what it freed may be overwritten already.
        if (error instanceof MediaError && this.rootVersion !== version && attempt < 8) continue;
        throw error instanceof MediaError ? new VolumeError('volume/media-error', error.message) : error;
      }
      if (this.rootVersion === version) this.cacheRuns(runs, first, out);
      return;
    }
  }

  private cacheRuns(runs: readonly { vbn: number; count: number }[], first: number, out: Uint8Array): void {
    if (isPartOfLarge(out)) return;
    for (const run of runs) {
      for (let vbn = run.vbn; vbn < run.vbn + run.count; vbn++) {
        if (this.visible.has(vbn) || this.frozen?.visible.has(vbn) === true || this.shadow.has(vbn)) continue;
        this.deps.cache.set(this.id, vbn, out.slice((vbn - first) * BLOCK_BYTES, (vbn - first + 1) * BLOCK_BYTES));
      }
    }
  }

  // --- replay ------------------------------------------------------------------------------------------------------

  /** Applies one recovered record at start; records at or below the applied sequence are already on disk. */
  async replay(record: LogRecord): Promise<boolean> {
    const again = record.sequence <= this.appliedSequence;
    if (again && !this.deps.runtime.planted('replay-below-applied-sequence')) return false;
    const missing = partialBlocks(record.offset, record.length).filter((vbn) => this.memoryContent(vbn) === undefined);
    await this.loadBases(missing);
    const change: Change = { offset: record.offset, length: record.length, payload: record.kind === 'write' ? record.payload : null, sequence: record.sequence };
    applyChange(this.visible, change, (vbn) => this.memoryContent(vbn) ?? null);
    const blocks = endVbn(record.offset, record.length) - firstVbn(record.offset);
    const room = roomFor(change);
    if (this.deps.pool.reserve(room, change.payload === null)) this.reservedActive += room;
    for (let vbn = firstVbn(record.offset); vbn < firstVbn(record.offset) + blocks; vbn++) this.deps.cache.drop(this.id, vbn);
    this.lastSequence = Math.max(this.lastSequence, record.sequence);
    return true;
  }

  // --- consistency point -------------------------------------------------------------------------------------------

  /**
   * The synchronous half of a seal: everything logged so far becomes the frozen image, also records that no host has
   * been told of. Returns null when nothing is dirty.
   */
  freeze(): FrozenImage | null {
    assert(this.frozen === null, 'consistency points of one volume do not overlap');
    if (this.visible.size === 0 && this.pendingHead === this.pending.length) return null;
    const visible = this.visible;
    this.visible = new Map();
    const overlay = new Map<number, FrozenBlock>();
    for (let i = this.pendingHead; i < this.pending.length; i++) {
      const record = this.pending[i];
      if (record === undefined) break;
      applyChange(overlay, record, (vbn) => {
        const block = overlay.get(vbn) ?? visible.get(vbn);
        if (block !== undefined) return block.content;
        // What hosts see now is the base: every record they have not seen is applied again, in order.
        const old = this.shadow.get(vbn);
        if (old !== undefined) return old;
        const base = this.partialBase.get(vbn);
        assert(base !== undefined, 'the base of a pending partial write is kept');
        return base.content;
      });
    }
    const vbns = [...new Set([...visible.keys(), ...overlay.keys()])].sort((a, b) => a - b);
    const image: FrozenImage = { vbns, get: (vbn) => overlay.get(vbn) ?? visible.get(vbn) };
    this.frozen = { visible, image, unseen: [...overlay.keys()] };
    this.reservedFrozen = this.reservedActive;
    this.reservedActive = 0;
    return image;
  }

  /** Writes the frozen image into the stage. */
  async writeFrozen(stage: Stage): Promise<void> {
    assert(this.frozen !== null, 'a frozen image is written');
    const image = this.frozen.image;
    let blocks = 0;
    for (const vbn of image.vbns) {
      const block = image.get(vbn);
      // Checksums and parity of a slice, then hosts get their turn.
      if (++blocks % BLOCKS_PER_SLICE === 0) await this.deps.runtime.clock.sleep(0);
      if (block === undefined) continue;
      if (block.content === null) stage.hole(vbn);
      else {
        const flow = stage.write(vbn, block.content);
        if (flow !== undefined) await flow;
      }
    }
  }

  /** Before the root swings: remembers what hosts may still see of the blocks whose new content they may not. */
  async keepOldContent(): Promise<ReadonlyMap<number, BlockContent>> {
    assert(this.frozen !== null, 'old content is kept for a frozen image');
    const old = new Map<number, BlockContent>();
    for (const vbn of this.frozen.unseen) {
      const known = this.frozen.visible.get(vbn);
      if (known !== undefined) old.set(vbn, known.content);
      else if (this.shadow.has(vbn)) old.set(vbn, this.shadow.get(vbn) ?? null);
      else {
        const content = new Uint8Array(BLOCK_BYTES);
        await this.deps.pool.read(this.record.root, vbn, 1, content);
        old.set(vbn, content);
      }
    }
    return old;
  }

  /** The label with the frozen image is durable and the pool's record already shows the new root. */
  committed(appliedSequence: number, old: ReadonlyMap<number, BlockContent>): void {
    const frozen = this.frozen;
    if (frozen !== null) {
      const pendingBlocks = new Set<number>();
      for (let i = this.pendingHead; i < this.pending.length; i++) {
        const record = this.pending[i];
        if (record === undefined) break;
        const end = endVbn(record.offset, record.length);
        for (let vbn = firstVbn(record.offset); vbn < end; vbn++) pendingBlocks.add(vbn);
      }
      for (const [vbn, content] of old) {
        if (!pendingBlocks.has(vbn) || this.visible.has(vbn)) continue; // seen meanwhile
        this.shadow.set(vbn, content);
      }
      for (const [vbn, block] of frozen.visible) {
        const base = this.partialBase.get(vbn);
        if (base !== undefined) base.content = block.content;
        if (block.content === null || isPartOfLarge(block.content) || this.shadow.has(vbn) || this.visible.has(vbn)) this.deps.cache.drop(this.id, vbn);
        else this.deps.cache.set(this.id, vbn, block.content);
      }
      for (const vbn of frozen.unseen) this.deps.cache.drop(this.id, vbn);
      this.frozen = null;
    }
    if (this.reservedFrozen > 0) this.deps.pool.unreserve(this.reservedFrozen);
    this.reservedFrozen = 0;
    this.appliedSequence = Math.max(this.appliedSequence, appliedSequence);
    this.rootVersion++;
  }

  /** The root changed outside the log (resync blocks, rollback): nothing in memory may outlive it. */
  rootSwung(appliedSequence: number): void {
    assert(this.visible.size === 0 && this.frozen === null && this.pending.length === this.pendingHead, 'no dirty block outlives a root swing');
    this.deps.cache.dropVolume(this.id);
    this.shadow.clear();
    this.partialBase.clear();
    this.appliedSequence = Math.max(this.appliedSequence, appliedSequence);
    this.lastSequence = Math.max(this.lastSequence, appliedSequence);
    this.rootVersion++;
  }
}

/**
 * Large sequential requests pass the clean cache by: they would push everything else out, and a view of one block would
 * keep the whole request in memory (copies of all of them were a tenth of a full write load, in garbage collection).
 */
function isPartOfLarge(block: Uint8Array): boolean {
  return block.buffer.byteLength > CACHED_REQUEST_BLOCKS * BLOCK_BYTES;
}

export function asVolumeError(error: unknown): VolumeError {
  if (error instanceof VolumeError) return error;
  return new VolumeError('volume/offline', error instanceof Error ? error.message : String(error));
}

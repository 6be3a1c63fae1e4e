import { assert } from '../runtime/index.ts';
import type { TreeRoot } from '../pool/index.ts';
import { BLOCK_BYTES } from '../volume/index.ts';
import { ZERO_CRC, isZero } from './block-content.ts';
import { PeerRefusedError, type Reply } from './peer.ts';
import { withTimeout } from './mirror-timeout.ts';
import { REGION_BLOCKS, RegionSet } from './region-set.ts';
import type { Relationship } from './relationship.ts';
import { DAMAGED, HASH_BYTES, bitsIn, decodeVerdicts, encodeComparison, encodeRuns, type BlockRun, type RegionQuestion, type Verdicts } from './resync-wire.ts';
import { WireShare } from './wire-share.ts';

/** A window may read, hash and write megabytes on both sides: it gets more patience than a consistency point. */
const WINDOW_TIMEOUT_TIMES = 4;
/** Windows under way at most: the next ones are read while the last is on the wire and the one before is staged. */
const MAXIMUM_WINDOWS = 4;
/** What is under way should be done within this time: on a slow link entries of hosts wait behind it. */
const UNDER_WAY_MS = 250;
/** What was copied is made durable, and its bits go, with every such share of the whole, */
const FLUSH_SHARE = 0.01;
/** but not before so many times what the last time took, so that it costs little anywhere. */
const FLUSH_PAUSE_TIMES = 5;
const FLUSH_PAUSE_MAXIMUM_MS = 5_000;
/** Of a block in a window. */
const NOT_HERE = 0;
const READ = 1;
const VERIFIED = 2;
/** A window of scattered blocks spans more regions than one of whole regions. */
const SCATTERED_TIMES = 16;

export interface CopyPlan {
  readonly root: TreeRoot;
  readonly sizeBlocks: number;
  readonly targetEmpty: boolean;
  /** Regions that the target marked: nothing is known of their births on this side. */
  readonly theirs: RegionSet;
  readonly bornAfter: number | null;
}

/** What the copy tells of its progress and asks of the job it belongs to. */
export interface CopyJob {
  regionsTotal: number;
  regionsDone: number;
  regionsDiffering: number;
  bytesCopied: number;
  /** Resolves when the next window may start; rejects when none may. */
  untilAllowed(): Promise<void>;
  /** Throws when the relationship left the stream: nothing that was answered before counts. */
  stillJoined(): void;
}

interface WindowRegion {
  readonly region: number;
  /** Blocks to look at, and which of them are holes. */
  readonly look: number;
  readonly holes: number;
  /** Of the others the first in the window's list. */
  readonly at: number;
}

/** Some regions and their candidate blocks as of the resync root, in order. */
interface Window {
  readonly numbers: readonly number[];
  readonly regions: readonly WindowRegion[];
  readonly vbns: readonly number[];
  readonly crcs: readonly number[];
  /** Born after both sides were equal, or the target has nothing: they will be wanted, so they are read at once. */
  readonly likely: readonly boolean[];
}

/**
 * Copies the marked regions where they differ, as of one root (replication.md 3.13). Which blocks differ is found from
 * the checksums in the block maps of both sides; only where these agree are blocks read and compared by SHA-256. Several
 * windows are under way at a time. Settles when none is; a bit is cleared only when its region is durable at the target.
 */
export class ResyncCopy {
  private readonly rel: Relationship;
  private readonly plan: CopyPlan;
  private readonly job: CopyJob;
  private readonly wire: WireShare;
  private readonly underWay = new Set<Promise<void>>();
  private readonly buffers: Uint8Array[] = [];
  private readonly regions: readonly number[];
  private next = 0;
  private failure: { readonly error: unknown } | null = null;
  /** Answered, not yet known to be durable at the target. */
  private answered: number[] = [];
  private flushing: Promise<void> | null = null;
  private flushedAtMs: number;
  private flushMs = 0;
  private windowMs = UNDER_WAY_MS / 2;
  private lastAnswerMs = 0;

  constructor(rel: Relationship, plan: CopyPlan, job: CopyJob) {
    this.rel = rel;
    this.plan = plan;
    this.job = job;
    this.wire = new WireShare(rel.primary.wire);
    this.flushedAtMs = rel.deps.runtime.clock.nowMs();
    const regions: number[] = [];
    for (let region = rel.marks.regions.next(0); region >= 0; region = rel.marks.regions.next(region + 1)) regions.push(region);
    this.regions = regions;
  }

  async run(): Promise<void> {
    this.job.regionsTotal = this.regions.length;
    try {
      while (this.next < this.regions.length && this.failure === null) {
        await this.job.untilAllowed();
        const window = await this.nextWindow();
        while (this.underWay.size >= this.depth()) await Promise.race(this.underWay);
        this.start(() => this.copied(window));
        this.flushIfDue();
      }
    } catch (error) {
      this.failure ??= { error };
    }
    // Whatever happened: nothing of this copy may still be under way when somebody else begins another.
    while (this.underWay.size > 0) await Promise.all(this.underWay);
    if (this.failure !== null) throw this.failure.error;
    await this.flushing;
    await this.flush();
  }

  private start(work: () => Promise<void>): void {
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => {
        this.underWay.delete(running);
      });
    this.underWay.add(running);
  }

  /** Fewer at a time the longer one takes. */
  private depth(): number {
    return Math.min(MAXIMUM_WINDOWS, Math.max(1, Math.floor(UNDER_WAY_MS / Math.max(1, this.windowMs))));
  }

  // --- windows -----------------------------------------------------------------------------------------------------

  /** The next marked regions with as many candidate blocks as a window takes. Only maps are read, most from memory. */
  private async nextWindow(): Promise<Window> {
    const { resyncWindowRegions, resyncBytesPerSecond } = this.rel.deps.settings;
    const { pool, runtime } = this.rel.deps;
    const { root, sizeBlocks, targetEmpty, theirs, bornAfter } = this.plan;
    const mostBlocks = resyncWindowRegions * REGION_BLOCKS;
    // A throttle acts between windows: its windows stay small.
    const mostRegions = resyncBytesPerSecond > 0 ? resyncWindowRegions : resyncWindowRegions * SCATTERED_TIMES;
    const numbers: number[] = [];
    const regions: WindowRegion[] = [];
    const vbns: number[] = [];
    const crcs: number[] = [];
    const likely: boolean[] = [];
    while (numbers.length < mostRegions && vbns.length + REGION_BLOCKS <= mostBlocks) {
      const region = this.regions[this.next];
      if (region === undefined) break;
      this.next++;
      const first = region * REGION_BLOCKS;
      const count = Math.min(REGION_BLOCKS, sizeBlocks - first);
      const pointers = await pool.pointers(root, first, count);
      // Regions that only this side marked differ in blocks born after the base; the others are compared whole.
      const pruned = bornAfter !== null && !theirs.has(region);
      if (pruned) runtime.covered('resync/pruned-by-birth');
      const at = vbns.length;
      let look = 0;
      let holes = 0;
      for (let i = 0; i < count; i++) {
        if (pruned && (pointers.births[i] ?? 0) <= bornAfter) continue;
        look |= 1 << i;
        if (pointers.pbns[i] === 0) holes |= 1 << i;
        else {
          vbns.push(first + i);
          crcs.push(pointers.crcs[i] ?? 0);
          likely.push(pruned || targetEmpty);
        }
      }
      numbers.push(region);
      if (look !== 0) regions.push({ region, look, holes, at });
    }
    return { numbers, regions, vbns, crcs, likely };
  }

  private async copied(window: Window): Promise<void> {
    const { rel, job } = this;
    if (window.regions.length > 0) await this.copyWindow(window);
    this.answered.push(...window.numbers);
    job.regionsDone += window.numbers.length;
    if (rel.deps.runtime.planted('clear-bits-at-prepared')) rel.marks.clear(this.setOf(window.numbers));
  }

  private async copyWindow(window: Window): Promise<void> {
    const { clock } = this.rel.deps.runtime;
    const content = new WindowContent(this.rel, this.plan.root, window, this.buffers);
    await content.read(window.likely);
    await this.wire.enter();
    const enteredMs = clock.nowMs();
    try {
      this.job.stillJoined();
      const wanted = this.plan.targetEmpty ? window.vbns.map((vbn) => !this.rel.primary.changedLater(vbn)) : await this.compared(window, content);
      await content.read(wanted);
      try {
        await this.send(window, content, wanted);
      } catch (error) {
        if (!(error instanceof PeerRefusedError) || error.data['cause'] !== DAMAGED) throw error;
        // The target found what this side did not look for: read again, now verified and repaired, and told if it cannot be.
        this.rel.deps.runtime.covered('resync/damaged-at-source');
        await content.verify(wanted);
        await this.send(window, content, wanted);
      }
    } finally {
      this.wire.leave();
    }
    content.recycle();
    const nowMs = clock.nowMs();
    this.windowMs += (nowMs - Math.max(enteredMs, this.lastAnswerMs) - this.windowMs) / 4;
    this.lastAnswerMs = nowMs;
  }

  /** Which of the window's blocks the target wants. Holes of this side become holes there at once. */
  private async compared(window: Window, content: WindowContent): Promise<boolean[]> {
    const { rel } = this;
    const wanted = window.vbns.map(() => false);
    const asked: (RegionQuestion & { readonly at: number; readonly all: number })[] = [];
    const checksums: number[] = [];
    // In the turn in which it is sent: a block that a later consistency point carries is not even asked for.
    for (const { region, look, holes, at } of window.regions) {
      let now = look;
      for (let i = 0, k = at; i < REGION_BLOCKS; i++) {
        const bit = 1 << i;
        if ((look & bit) === 0) continue;
        const later = rel.primary.changedLater(region * REGION_BLOCKS + i);
        if (later) now &= ~bit;
        if ((holes & bit) !== 0) continue;
        if (!later) checksums.push(window.crcs[k] ?? 0);
        k++;
      }
      if (now !== 0) asked.push({ region, look: now, holes: holes & now, at, all: look & ~holes });
    }
    if (asked.length === 0) return wanted;
    const first = await this.ask('resync-compare', encodeComparison({ form: 'checksums', regions: asked, checksums: Uint32Array.from(checksums) }));
    const { wanted: different, alike } = this.verdicts(first, asked.length);
    if (Number(first.result['holesMade'] ?? 0) > 0) rel.deps.runtime.covered('resync/holes-made');
    asked.forEach((q, n) => this.take(wanted, q, different[n] ?? 0));
    const doubtful = asked.map((q, n) => ({ ...q, holes: 0, look: alike[n] ?? 0 })).filter((q) => q.look !== 0);
    if (doubtful.length > 0) {
      rel.deps.runtime.covered('resync/compared-by-hash');
      const read = window.vbns.map(() => false);
      for (const q of doubtful) this.take(read, q, q.look);
      await content.verify(read);
      const second = await this.ask('resync-compare', encodeComparison({ form: 'hashes', regions: doubtful, hashes: content.hashes(read) }));
      const { wanted: unequal } = this.verdicts(second, doubtful.length);
      doubtful.forEach((q, n) => this.take(wanted, q, unequal[n] ?? 0));
    }
    return wanted;
  }

  private verdicts(reply: Reply, regions: number): Verdicts {
    const verdicts = decodeVerdicts(reply.body, regions);
    if (verdicts === null) throw new PeerRefusedError('the answer to a comparison cannot be read', {});
    return verdicts;
  }

  /** Sets the flags of a region's blocks that `mask` names. */
  private take(flags: boolean[], { at, all }: { readonly at: number; readonly all: number }, mask: number): void {
    for (let i = 0, k = at; i < REGION_BLOCKS; i++) {
      if ((all & (1 << i)) === 0) continue;
      if ((mask & (1 << i)) !== 0) flags[k] = true;
      k++;
    }
  }

  private async send(window: Window, content: WindowContent, wanted: readonly boolean[]): Promise<void> {
    const { rel, job, plan } = this;
    const runs: { vbn: number; count: number; hole: boolean }[] = [];
    const checksums: number[] = [];
    const data: Uint8Array[] = [];
    let dataFrom = -1;
    const pieceEnds = (at: number): void => {
      if (dataFrom >= 0) data.push(content.bytes(dataFrom, at));
      dataFrom = -1;
    };
    for (let k = 0; k < window.vbns.length; k++) {
      const vbn = window.vbns[k] ?? 0;
      const sent = wanted[k] === true && !rel.primary.changedLater(vbn);
      // A written block of zeros needs no place at the target.
      const hole = sent && window.crcs[k] === ZERO_CRC && isZero(content.bytes(k, k + 1));
      if (!sent || hole) pieceEnds(k);
      if (!sent || (hole && plan.targetEmpty)) continue;
      const last: { vbn: number; count: number; hole: boolean } | undefined = runs.at(-1);
      if (last !== undefined && last.hole === hole && last.vbn + last.count === vbn) last.count++;
      else runs.push({ vbn, count: 1, hole });
      if (hole) continue;
      checksums.push(window.crcs[k] ?? 0);
      if (dataFrom < 0) dataFrom = k;
    }
    pieceEnds(window.vbns.length);
    if (runs.length === 0) return;
    await this.ask('resync-blocks', encodeRuns(runs satisfies readonly BlockRun[], Uint32Array.from(checksums), data));
    job.bytesCopied += checksums.length * BLOCK_BYTES;
    for (const { at, look, holes } of window.regions) {
      const end = at + bitsIn(look & ~holes);
      for (let k = at; k < end; k++) {
        if (wanted[k] !== true) continue;
        job.regionsDiffering++;
        break;
      }
    }
  }

  /** A question of a window: it holds the wire, so it may not hang. */
  private ask(method: string, body: readonly Uint8Array[] = []): Promise<Reply> {
    return withTimeout(this.rel, this.rel.deps.peer.call(method, { relationship: this.rel.id }, body), WINDOW_TIMEOUT_TIMES);
  }

  // --- what is durable at the target -------------------------------------------------------------------------------

  private flushIfDue(): void {
    const pausedMs = this.rel.deps.runtime.clock.nowMs() - this.flushedAtMs;
    if (this.flushing !== null || this.answered.length < this.regions.length * FLUSH_SHARE) return;
    if (pausedMs < Math.min(FLUSH_PAUSE_MAXIMUM_MS, this.flushMs * FLUSH_PAUSE_TIMES)) return;
    this.start(() => {
      this.flushing = this.flush().finally(() => {
        this.flushing = null;
      });
      return this.flushing;
    });
  }

  /** What was sent is durable at the target: its bits may go (3.12, 5). */
  private async flush(): Promise<void> {
    const { rel } = this;
    const { clock } = rel.deps.runtime;
    // Taken before the wire: what was left to a consistency point that waits for it counts once that is committed.
    const regions = this.answered;
    this.answered = [];
    if (regions.length === 0) return;
    const startedMs = clock.nowMs();
    await this.wire.enter();
    try {
      await this.ask('resync-flush');
    } finally {
      this.wire.leave();
    }
    this.job.stillJoined();
    rel.marks.clear(this.setOf(regions));
    // Otherwise a source that dies later begins again.
    await rel.marks.flush();
    this.flushedAtMs = clock.nowMs();
    this.flushMs = this.flushedAtMs - startedMs;
    rel.deps.runtime.covered('resync/bits-cleared');
  }

  private setOf(numbers: readonly number[]): RegionSet {
    const set = new RegionSet(this.rel.marks.regions.size);
    for (const region of numbers) set.add(region);
    return set;
  }
}

/** The blocks of a window in one buffer, read as they are asked for, neighbours together. */
class WindowContent {
  private readonly rel: Relationship;
  private readonly root: TreeRoot;
  private readonly window: Window;
  private readonly pool: Uint8Array[];
  private buffer: Uint8Array | null = null;
  /** Per block: not here, read, read and verified. */
  private readonly have: Uint8Array;

  constructor(rel: Relationship, root: TreeRoot, window: Window, buffers: Uint8Array[]) {
    this.rel = rel;
    this.root = root;
    this.window = window;
    this.pool = buffers;
    this.have = new Uint8Array(window.vbns.length);
  }

  /** Reads the blocks that are asked for and not here yet. The target compares each with its checksum. */
  read(asked: readonly boolean[]): Promise<void> {
    return this.fetch(asked, READ);
  }

  /** Has the blocks that are asked for verified, and repaired where one is damaged; rejects MediaError where none can be. */
  verify(asked: readonly boolean[]): Promise<void> {
    return this.fetch(asked, VERIFIED);
  }

  private async fetch(asked: readonly boolean[], as: typeof READ | typeof VERIFIED): Promise<void> {
    const { vbns } = this.window;
    const { pool } = this.rel.deps;
    const reads: Promise<void>[] = [];
    for (let from = 0; from < vbns.length; ) {
      const vbn = vbns[from] ?? 0;
      if (asked[from] !== true || (this.have[from] ?? 0) >= as) {
        from++;
        continue;
      }
      let to = from + 1;
      while (to < vbns.length && asked[to] === true && (this.have[to] ?? 0) < as && vbns[to] === vbn + to - from) to++;
      this.have.fill(as, from, to);
      const into = this.bytes(from, to);
      reads.push(as === VERIFIED ? pool.read(this.root, vbn, to - from, into) : pool.readUnverified(this.root, vbn, to - from, into));
      from = to;
    }
    const results = await Promise.allSettled(reads);
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      if (as === VERIFIED) throw result.reason;
      // Perhaps it can be had block by block.
      this.have.fill(NOT_HERE);
      return this.fetch(asked, VERIFIED);
    }
  }

  /** Blocks [from, to) of the window. */
  bytes(from: number, to: number): Uint8Array {
    const bytes = this.rel.deps.settings.resyncWindowRegions * REGION_BLOCKS * BLOCK_BYTES;
    this.buffer ??= this.pool.pop() ?? new Uint8Array(bytes);
    assert(to * BLOCK_BYTES <= this.buffer.length, 'a window fits its buffer');
    return this.buffer.subarray(from * BLOCK_BYTES, to * BLOCK_BYTES);
  }

  /** The first bytes of the SHA-256 of each block that is asked for, one after the other. */
  hashes(asked: readonly boolean[]): Uint8Array {
    const { hash } = this.rel.deps.runtime;
    const hashes = new Uint8Array(asked.reduce((sum, one) => sum + (one ? HASH_BYTES : 0), 0));
    let at = 0;
    asked.forEach((one, k) => {
      if (!one) return;
      hashes.set(hash.sha256([this.bytes(k, k + 1)]).subarray(0, HASH_BYTES), at);
      at += HASH_BYTES;
    });
    return hashes;
  }

  /** Only after the last answer: the channel sends a lost frame again from these bytes. */
  recycle(): void {
    if (this.buffer !== null) this.pool.push(this.buffer);
    this.buffer = null;
  }
}

import type { JsonObject } from '../pool/index.ts';
import { BLOCK_BYTES, type CpMirrorOutcome } from '../volume/index.ts';
import { PeerLostError, PeerRefusedError } from './peer.ts';
import { MirrorTimeoutError } from './mirror-timeout.ts';
import { olderThanBase } from './record.ts';
import { RegionSet } from './region-set.ts';
import type { Relationship } from './relationship.ts';
import { ResyncCopy, type CopyJob } from './resync-copy.ts';

export type ResyncKind = 'full' | 'update' | 'reverse';

export interface ResyncResult {
  readonly regionsDiffering: number;
  readonly regionsCompared: number;
  readonly bytesCopied: number;
  readonly bytesVolume: number;
  readonly ms: number;
}

/** The resync ended before its transition; the target is OutOfSync and the marks that were not committed stay. */
export class ResyncInterruptedError extends Error {
  constructor(reason: string) {
    super(`the resync was interrupted: ${reason}`);
    this.name = 'ResyncInterruptedError';
  }
}

/**
 * A resync in mode `consistency-point` (replication.md 3.13), driven by its source: join the stream, keep the root of
 * the first consistency point after the join, send the blocks of the marked regions as of that root where they differ,
 * then let one consistency point be the transition.
 */
export class Resync implements CopyJob {
  readonly kind: ResyncKind;
  private readonly rel: Relationship;
  private readonly startedMs: number;
  readonly startedWallMs: number;
  regionsTotal = 0;
  regionsDone = 0;
  regionsDiffering = 0;
  bytesCopied = 0;
  paused = false;
  private wake: (() => void) | null = null;
  private cancelled: string | null = null;

  constructor(rel: Relationship, kind: ResyncKind) {
    this.rel = rel;
    this.kind = kind;
    this.startedMs = rel.deps.runtime.clock.nowMs();
    this.startedWallMs = rel.deps.runtime.clock.wallMs();
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    if (!paused) this.wake?.();
  }

  cancel(reason: string): void {
    this.cancelled = reason;
    this.wake?.();
  }

  /** Rejects with ResyncInterruptedError when it could not be finished; PeerRefusedError when the target refused it. */
  async run(): Promise<ResyncResult> {
    const rel = this.rel;
    const { volume, pool, runtime } = rel.deps;
    const sizeBlocks = volume.record.sizeBlocks;
    if (this.kind === 'full') rel.marks.markAll();
    const lock = rel.record.home === 'source' ? 'forward' : 'reverse';
    const begun = await rel.deps.peer.call('resync-begin', { relationship: rel.id, kind: this.kind, sizeBlocks, lock });
    const theirs = this.older(begun.result) ? RegionSet.full(rel.marks.regions.size) : RegionSet.fromBytes(rel.marks.regions.size, begun.body);
    rel.marks.mark(theirs);
    rel.primary.markUnanswered();
    this.markIfEntriesWereLost(begun.result);
    await rel.marks.flush();
    // A full sync trusts nothing: should it be interrupted, what goes on as an update must not prune by birth either.
    await rel.change({ image: 'Synchronizing', lock, fracture: null, ...(this.kind === 'full' ? { base: null } : {}), resync: { kind: this.kind, startedWallMs: this.startedWallMs, paused: false } });
    // What is dirty now goes to disk while it is still marked: it travels as resync blocks, compared, not as a list.
    await rel.deps.consistencyPoint('resync');
    const rootName = `resync-${runtime.random.id()}`;
    // The target will say that it holds everything through here: until it is copied, that has to be marked, durably.
    const through = rel.deps.log.lastSequence;
    await rel.marks.flush();
    await rel.deps.peer.call('join', { relationship: rel.id, logId: rel.deps.logId, through, inSync: false });
    if (rel.record.role !== 'primary' || rel.record.fracture !== null || rel.primary.mode === 'fracturing') throw new ResyncInterruptedError('the relationship was fractured');
    rel.primary.beginResync(rootName);
    // One step: everything logged before it is in the next consistency point, everything after it is forwarded.
    rel.primary.joined(rel.deps.log.lastSequence, false);
    runtime.covered('resync/joined');
    try {
      await rel.deps.consistencyPoint('resync');
      const kept = pool.volume(volume.id).keptRoots.find((root) => root.name === rootName);
      if (kept === undefined) throw new ResyncInterruptedError('the relationship left the stream before its root was kept');
      await new ResyncCopy(rel, { root: kept.root, sizeBlocks, targetEmpty: begun.result['empty'] === true, theirs, bornAfter: this.base() }, this).run();
      await this.transition();
    } catch (error) {
      throw this.interrupted(error);
    } finally {
      rel.primary.endResync();
      if (pool.volume(volume.id).keptRoots.some((root) => root.name === rootName)) {
        await pool.commit({ release: [{ volumeId: volume.id, name: rootName }] });
      }
    }
    return {
      regionsDiffering: this.regionsDiffering, regionsCompared: this.regionsDone, bytesCopied: this.bytesCopied,
      bytesVolume: sizeBlocks * BLOCK_BYTES, ms: runtime.clock.nowMs() - this.startedMs,
    };
  }

  /** Disks of the target were replaced by an older copy: nothing it says of its marks or of births counts. */
  private older(begun: JsonObject): boolean {
    const { rel } = this;
    if (!olderThanBase(rel.record, Number(begun['rootCp']))) return false;
    rel.deps.runtime.covered('resync/older-copy');
    rel.report('mirror/older-copy', 'alert', `${rel.deps.nameOf(rel.record.peerServerId)} holds an older image than it had committed; every region is compared`);
    return true;
  }

  /** 3.12, 1: a target that no longer holds what it had confirmed is compared whole. */
  private markIfEntriesWereLost(begun: JsonObject): void {
    const { rel } = this;
    const held = begun['logId'] === rel.deps.logId ? Number(begun['held']) : 0;
    if (held >= rel.primary.confirmedThrough) return;
    rel.deps.runtime.covered('resync/entries-lost');
    rel.report('mirror/entries-lost', 'alert', `${rel.deps.nameOf(rel.record.peerServerId)} lost log records it had confirmed; every region is compared`);
    rel.marks.markAll();
  }

  private interrupted(error: unknown): unknown {
    if (error instanceof PeerLostError || error instanceof PeerRefusedError || error instanceof MirrorTimeoutError) return new ResyncInterruptedError(error.message);
    return error;
  }

  /**
   * The own pool's CP number at which both contents were last equal; null where pruning by birth is not valid: nothing
   * was ever equal, everything is to be compared, or the line of CPs was broken since (layout.md, "Mirrors").
   */
  private base(): number | null {
    const { base, home } = this.rel.record;
    if (base === null || this.kind === 'full') return null;
    const own = home === 'source' ? base.sourceCp : base.destinationCp;
    return this.rel.deps.volume.record.lineStart > own ? null : own;
  }

  stillJoined(): void {
    if (this.rel.primary.mode !== 'joined') throw new ResyncInterruptedError('the relationship was fractured');
  }

  async untilAllowed(): Promise<void> {
    if (this.cancelled !== null) throw new ResyncInterruptedError(this.cancelled);
    this.stillJoined();
    await this.throttle();
    while (this.paused && this.cancelled === null) await new Promise<void>((resolve) => { this.wake = resolve; });
  }

  /** Stays under the configured rate, and yields to hosts whose writes wait. */
  private async throttle(): Promise<void> {
    const { clock } = this.rel.deps.runtime;
    const limit = this.rel.deps.settings.resyncBytesPerSecond;
    if (limit > 0) {
      const dueMs = (this.bytesCopied / limit) * 1000 - (clock.nowMs() - this.startedMs);
      if (dueMs > 1) await clock.sleep(Math.min(dueMs, 1000));
    }
    if (this.rel.primary.lag.writes > 64) await clock.sleep(2);
  }

  /** The next consistency point makes both sides equal: adopted ids, no bits, Synchronized (3.13, 5). */
  private async transition(): Promise<void> {
    const rel = this.rel;
    this.stillJoined();
    rel.primary.armTransition();
    let outcome: CpMirrorOutcome = 'fractured';
    rel.primary.onTransition = (result) => {
      outcome = result;
      if (result !== 'committed') return;
      // In the step in which the target's answer arrives: a fracture after it marks again and says so.
      rel.marks.clearAll();
      rel.kept.clearAll();
      rel.set({
        image: 'Synchronized', lock: null, fracture: null, resync: null, forced: false, opening: '', ends: [],
        generation: { ...rel.record.generation, bitmap: '' }, lastContactWallMs: rel.deps.runtime.clock.wallMs(),
      });
    };
    await rel.deps.consistencyPoint('resync');
    if (outcome !== ('committed' as CpMirrorOutcome)) throw new ResyncInterruptedError('the last consistency point was not committed at the target');
    await rel.commit({}, (record) => record);
    await rel.marks.flush();
    await rel.kept.flush();
    rel.deps.runtime.covered('resync/transition');
  }
}

/** Result of a resync as a job shows it. */
export function resyncResultJson(result: ResyncResult): JsonObject {
  return { ...result };
}

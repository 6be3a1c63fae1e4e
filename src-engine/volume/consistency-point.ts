import { assert, type Runtime } from '../runtime/index.ts';
import type { JsonObject, Pool, Stage, VolumeRecord } from '../pool/index.ts';
import type { Log, SealedHalf } from '../nvlog/index.ts';
import type { BlockContent, FrozenImage } from './frozen.ts';
import { VolumeError } from './errors.ts';
import { EMPTY_IMAGE } from './frozen.ts';
import type { CpMirrorOutcome, CpMirrorSession } from './mirroring.ts';
import type { LoggedVolume } from './volume.ts';

/** Steps of a consistency point (replication.md 3.11). */
export const CP_PHASES = ['seal', 'write', 'sync', 'prepared', 'label', 'commit', 'committed', 'free', 'done'] as const;
export type CpPhase = (typeof CP_PHASES)[number];

export type CpTrigger = 'timer' | 'half-full' | 'admin' | 'resync' | 'role-swap' | 'shutdown' | 'drain' | 'back-to-back' | 'log-failure';

export interface CpSummary {
  readonly number: number;
  readonly trigger: CpTrigger;
  readonly startedAtMs: number;
  readonly phase: CpPhase;
  readonly phaseMs: Readonly<Partial<Record<CpPhase, number>>>;
  readonly durationMs: number | null;
  readonly blocks: number;
  readonly pools: readonly { readonly poolId: string; readonly cp: number; readonly label: number | null }[];
  readonly mirrors: readonly { readonly relationshipId: string; readonly listed: number; readonly byReference: number; readonly withData: number; readonly outcome: 'committed' | 'fractured' | 'waiting' }[];
}

export interface CpDependencies {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly pools: () => readonly Pool[];
  readonly volumesOf: (pool: Pool) => readonly LoggedVolume[];
  /** The server's own part of a volume's attributes: what was applied of its log. */
  readonly ownAttributes: (appliedSequence: number) => JsonObject;
  readonly intervalMs: number;
  readonly onPhase: (phase: CpPhase, cp: CpSummary) => void;
  /** A pool could not finish its consistency point; the half stays, its volumes stop. */
  readonly onFailure: (pool: Pool | null, error: unknown) => void;
  readonly onFreed: () => void;
}

interface VolumePart {
  readonly volume: LoggedVolume;
  readonly image: FrozenImage | null;
  readonly session: CpMirrorSession | null;
  readonly attributesDue: boolean;
  stage: Stage | null;
  outcome: CpMirrorOutcome | 'waiting';
  old: ReadonlyMap<number, BlockContent>;
}

interface PoolPart {
  readonly pool: Pool;
  readonly volumes: VolumePart[];
  cp: number;
  label: number | null;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NO_OLD: ReadonlyMap<number, BlockContent> = new Map();

/**
 * The consistency points of one server, one at a time: seal a half and freeze the dirty sets in one synchronous step,
 * write them through RAID while the mirrors are brought to the same point, label, commit the mirrors, free the half.
 */
export class ConsistencyPoints {
  private readonly deps: CpDependencies;
  private running: Promise<CpSummary> | null = null;
  private next: { trigger: CpTrigger; promise: Promise<CpSummary>; resolve: (cp: CpSummary) => void; reject: (error: unknown) => void } | null = null;
  private readonly recent: CpSummary[] = [];
  private current: Mutable<CpSummary> | null = null;
  private counter = 0;
  private stopped = false;
  /** Set while a half could not be freed because a pool failed: no further half can be sealed. */
  failed = false;

  constructor(deps: CpDependencies) {
    this.deps = deps;
  }

  /** The last 50, newest last; the running one included. */
  history(): readonly CpSummary[] {
    return this.current === null ? this.recent : [...this.recent, this.current];
  }

  startTimer(): void {
    this.deps.runtime.clock.after(this.deps.intervalMs, () => {
      if (this.stopped) return;
      if (this.running === null) this.request('timer').catch(() => undefined);
      this.startTimer();
    });
  }

  /** None is begun any more; resolves when the one that runs has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    const waiting = this.next;
    this.next = null;
    waiting?.reject(stopping());
    await this.running?.catch(() => undefined);
  }

  get busy(): boolean {
    return this.running !== null;
  }

  /** A consistency point that seals after this call. Calls made while one runs share the next one. */
  request(trigger: CpTrigger): Promise<CpSummary> {
    if (this.stopped) return Promise.reject(stopping());
    if (this.running === null) return this.start(trigger);
    if (this.next === null) {
      let resolve: (cp: CpSummary) => void = () => undefined;
      let reject: (error: unknown) => void = () => undefined;
      const promise = new Promise<CpSummary>((yes, no) => { resolve = yes; reject = no; });
      promise.catch(() => undefined);
      this.next = { trigger, promise, resolve, reject };
    }
    return this.next.promise;
  }

  private start(trigger: CpTrigger): Promise<CpSummary> {
    const run = this.run(trigger);
    this.running = run;
    const after = (): void => {
      this.running = null;
      const next = this.next;
      this.next = null;
      if (next !== null) this.start(next.trigger).then(next.resolve, next.reject);
    };
    run.then(after, after);
    return run;
  }

  private async run(trigger: CpTrigger): Promise<CpSummary> {
    const { log, runtime } = this.deps;
    if (this.failed) throw new VolumeError('volume/suspended', 'an earlier consistency point could not be finished');
    // A log device that failed is being replaced: nothing can be sealed before it is.
    while (!log.canSeal() && log.sealed === null) await runtime.clock.sleep(50);
    const summary: Mutable<CpSummary> = {
      number: ++this.counter, trigger, startedAtMs: runtime.clock.wallMs(), phase: 'seal', phaseMs: {}, durationMs: null, blocks: 0, pools: [], mirrors: [],
    };
    this.current = summary;
    const startedMs = runtime.clock.nowMs();
    let phaseStartMs = startedMs;
    const enter = (phase: CpPhase): void => {
      const nowMs = runtime.clock.nowMs();
      summary.phaseMs = { ...summary.phaseMs, [summary.phase]: (summary.phaseMs[summary.phase] ?? 0) + nowMs - phaseStartMs };
      phaseStartMs = nowMs;
      summary.phase = phase;
      runtime.covered(`cp/${phase}`);
      this.deps.onPhase(phase, summary);
    };
    try {
      const { sealed, parts } = this.seal(summary);
      enter('seal');
      await log.whenDurable(sealed.lastSequence);
      enter('write');
      await Promise.all(parts.map((part) => this.write(part, sealed, enter)));
      const labelled = parts.map((part) => this.label(part, sealed, enter));
      await Promise.all(labelled);
      enter('commit');
      if (runtime.planted('free-half-before-committed')) this.deps.log.free(sealed.index);
      await Promise.all(parts.map((part) => this.commitMirrors(part)));
      summary.mirrors = parts.flatMap((part) => part.volumes.flatMap((v) => mirrorCounts(v)));
      enter('committed');
      if (!runtime.planted('free-half-before-committed')) this.deps.log.free(sealed.index);
      enter('free');
      summary.phaseMs = { ...summary.phaseMs };
      summary.durationMs = runtime.clock.nowMs() - startedMs;
      enter('done');
      this.deps.onFreed();
    } catch (error) {
      this.failed = true;
      this.deps.onFailure(null, error);
      throw error;
    } finally {
      this.current = null;
      this.recent.push(summary);
      if (this.recent.length > 50) this.recent.shift();
    }
    return summary;
  }

  /** Step 1, synchronous: nothing can be logged between the switch of halves and the freeze of the dirty sets. */
  private seal(summary: Mutable<CpSummary>): { readonly sealed: SealedHalf; readonly parts: readonly PoolPart[] } {
    const pools = this.deps.pools();
    const sealed = this.sealLog(pools);
    const parts = pools.map((pool): PoolPart => {
      const volumes = this.deps.volumesOf(pool).map((volume): VolumePart => {
        const image = volume.freeze();
        const session = volume.mirror?.seal(image !== null) ?? null;
        const attributesDue = image !== null || volume.mirror?.attributesChanged === true;
        return { volume, image, session, attributesDue, stage: null, outcome: 'waiting', old: NO_OLD };
      });
      return { pool, volumes: volumes.filter((v) => v.image !== null || v.session !== null || v.attributesDue), cp: 0, label: null };
    }).filter((part) => part.volumes.length > 0);
    summary.blocks = parts.reduce((sum, part) => sum + part.volumes.reduce((s, v) => s + (v.image?.vbns.length ?? 0), 0), 0);
    return { sealed, parts };
  }

  /**
   * Switches halves. After a restart the other half may still be full of replayed records: then this point covers both
   * halves, frees that one, and leaves the active half as it is (replay skips what is applied).
   */
  private sealLog(pools: readonly Pool[]): SealedHalf {
    const { log, runtime } = this.deps;
    if (log.canSeal()) return log.seal({ labels: Object.fromEntries(pools.map((pool) => [pool.id, pool.lastLabel])) });
    const old = log.sealed;
    assert(old !== null, 'a log that cannot switch halves has a sealed one');
    runtime.covered('cp/covers-both-halves');
    // A log that is suspended waits for this point to free a half: what it could not make durable counts as not applied.
    const through = log.state === 'suspended' ? log.durableSequence : log.lastSequence;
    return { index: old.index, firstSequence: old.firstSequence, lastSequence: through };
  }

  /** Step 2: blocks and map pages to free stripes through RAID, the mirrors' lists at the same time. */
  private async write(part: PoolPart, sealed: SealedHalf, enter: (phase: CpPhase) => void): Promise<void> {
    part.cp = part.pool.lastLabel + 1;
    for (const v of part.volumes) if (v.image !== null) v.stage = part.pool.stage(v.volume.id);
    const local = async (): Promise<void> => {
      for (const v of part.volumes) {
        if (v.stage === null) continue;
        await v.volume.writeFrozen(v.stage);
        await v.stage.finish();
        v.old = await v.volume.keepOldContent();
      }
      enter('sync');
    };
    const mirrors = part.volumes.map((v) => v.session?.prepare(v.image ?? EMPTY_IMAGE, v.stage?.birth ?? v.volume.record.cp, sealed.lastSequence));
    await Promise.all([local(), ...mirrors]);
    enter('prepared');
  }

  /** Step 3: one label swings every root of the pool. */
  private async label(part: PoolPart, sealed: SealedHalf, enter: (phase: CpPhase) => void): Promise<void> {
    const stages = part.volumes.flatMap((v) => (v.stage === null ? [] : [v.stage]));
    const own = this.deps.ownAttributes(sealed.lastSequence);
    const mirrors: { durable(): void }[] = [];
    const attributes = part.volumes.flatMap((v) => {
      if (!v.attributesDue) return [];
      const mirror = v.volume.mirror?.forLabel() ?? null;
      if (mirror !== null) mirrors.push(mirror);
      const update = (record: VolumeRecord): JsonObject => ({ ...record.attributes, ...own, ...(mirror === null ? {} : { relationship: mirror.content(record) }) });
      return [{ volumeId: v.volume.id, update }];
    });
    const additions = part.volumes.map((v) => v.session?.commitAdditions() ?? {});
    const keep = additions.flatMap((a) => a.keep ?? []);
    const release = additions.flatMap((a) => a.release ?? []);
    if (stages.length + attributes.length + keep.length + release.length > 0) {
      part.label = (await part.pool.commit({ stages, attributes, keep, release })).label;
      for (const mirror of mirrors) mirror.durable();
    }
    for (const v of part.volumes) v.volume.committed(v.attributesDue ? sealed.lastSequence : 0, v.old);
    enter('label');
  }

  private async commitMirrors(part: PoolPart): Promise<void> {
    const label = part.label ?? part.pool.lastLabel;
    await Promise.all(
      part.volumes.map(async (v) => {
        if (v.session !== null) v.outcome = await v.session.labelled(label);
      }),
    );
  }
}

const stopping = (): VolumeError => new VolumeError('volume/offline', 'the server stops: it takes no consistency point any more');

function mirrorCounts(v: VolumePart): CpSummary['mirrors'] {
  if (v.session === null) return [];
  return [{ relationshipId: v.session.relationshipId, ...v.session.counts(), outcome: v.outcome }];
}

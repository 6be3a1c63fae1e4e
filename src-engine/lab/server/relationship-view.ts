import type { Runtime } from '../../runtime/index.ts';
import {
  REGION_BYTES,
  allowedActions,
  decisionViewOf,
  describeConditions,
  directionOf,
  imagePosition,
  writersOf,
  type ActiveCondition,
  type DecisionView,
  type Relationship,
  type Replication,
} from '../../replication/index.ts';
import { BLOCK_BYTES } from '../../volume/index.ts';
import { refusalData } from './refusals.ts';
import type { RelationshipStatus, ResyncProgress } from './types.ts';
import { isoText } from './wall-time.ts';

const HEAT_BUCKETS = 256;

/** A relationship as one side sees it: for the state machine that decides about actions, and for people. Changes nothing. */
export class RelationshipViews {
  readonly nameOf: (id: string) => string;
  private readonly replication: Replication;
  private readonly runtime: Runtime;

  constructor(replication: Replication, runtime: Runtime, nameOf: (id: string) => string) {
    this.replication = replication;
    this.runtime = runtime;
    this.nameOf = nameOf;
  }

  progress(rel: Relationship): ResyncProgress | null {
    const running = this.replication.roles.running(rel.id);
    if (running === undefined) return null;
    const { resync } = running;
    return {
      kind: resync.kind,
      regionsTotal: resync.regionsTotal,
      regionsDone: resync.regionsDone,
      regionsDiffering: resync.regionsDiffering,
      bytesCopied: resync.bytesCopied,
      bytesVolume: rel.deps.volume.sizeBytes,
      startedAtMs: resync.startedWallMs,
      paused: resync.paused,
    };
  }

  /** What the copy misses. Of a primary that goes alone only the marks are known, and since when: the bytes are an upper bound. */
  private lag(rel: Relationship): { readonly writes: number; readonly bytes: number; readonly seconds: number } {
    const { writes, bytes, seconds } = rel.primary.lag;
    const { fracture } = rel.record;
    const alone = rel.marks.regions.count * REGION_BYTES;
    if (rel.record.role !== 'primary' || fracture === null || alone === 0) return { writes, bytes, seconds };
    const aloneSeconds = (this.runtime.clock.wallMs() - fracture.atWallMs) / 1000;
    return { writes, bytes: bytes + alone, seconds: Math.max(seconds, aloneSeconds) };
  }

  /** What a promotion of this side would lack: what its source said while it was heard, and how long ago it went on alone. */
  lossHere(rel: Relationship): {
    readonly knownWrites: number;
    readonly bytes: number;
    readonly seconds: number;
  } {
    const { role, fracture } = rel.record;
    const note = rel.missedHere;
    const seconds =
      role === 'secondary' && fracture !== null
        ? Math.max(0, (this.runtime.clock.wallMs() - fracture.atWallMs) / 1000)
        : 0;
    return { knownWrites: note?.writes ?? 0, bytes: note?.bytes ?? 0, seconds };
  }

  private etaText(progress: ResyncProgress): string {
    if (progress.regionsDone === 0) return '';
    const elapsedMs = this.runtime.clock.wallMs() - progress.startedAtMs;
    const leftMs = ((progress.regionsTotal - progress.regionsDone) / progress.regionsDone) * elapsedMs;
    return `about ${String(Math.max(1, Math.ceil(leftMs / 1000)))} s`;
  }

  /** The relationship as decisions see it. */
  decisionView(rel: Relationship): DecisionView {
    const record = rel.record;
    const theirs = this.replication.roles.view(rel.id);
    const connected = this.replication.isConnected(record.peerServerId);
    const progress = this.progress(rel);
    const primaryServing = record.role === 'primary' || (connected && theirs?.role === 'primary');
    const lastContact = record.lastContactWallMs === null ? '' : isoText(record.lastContactWallMs);
    return decisionViewOf({
      policy: record.policy,
      recovery: record.recovery,
      image: shownImage(rel),
      direction: directionOf(record),
      lock: record.lock,
      sync:
        progress === null || progress.kind === 'verify'
          ? null
          : { kind: progress.kind, paused: progress.paused, percent: percentOf(progress), eta: this.etaText(progress) },
      connected,
      peer: { name: this.nameOf(record.peerServerId), lostSince: lastContact, lostCause: 'no connection' },
      imageSince:
        progress !== null && record.image === 'Synchronizing'
          ? isoText(progress.startedAtMs)
          : record.fracture === null
            ? ''
            : isoText(record.fracture.atWallMs),
      primaryServing,
      primaryName: record.role === 'primary' ? this.nameOf(rel.deps.serverId) : '',
      primaryStopped: false,
      changing:
        connected &&
        (theirs === undefined || (theirs.role === record.role && !record.handingOver)) &&
        record.image !== 'Diverged'
          ? 'the handshake with the other side'
          : '',
      fracture: record.fracture === null ? null : record.fracture.cause === 'admin' ? 'admin' : 'system',
      marks: rel.marks.regions.count + rel.kept.regions.count + (theirs?.markedRegions ?? 0),
      forced: record.forced,
      secondaryWrote:
        record.role === 'primary' && theirs !== undefined && writersOf(record.generation, theirs.generation) === 'peer',
      safetySnapshot: record.safety === null ? null : { at: isoText(record.safety.atWallMs) },
      trackingFailed: record.trackingFailed || rel.marks.state === 'failed',
      conditions: this.activeConditions(rel, connected),
      loss: record.role === 'primary' ? this.lag(rel) : this.lossHere(rel),
      sizes: sizesOf(rel, theirs?.sizeBlocks),
      nvfailSince: rel.nvFailed && record.role === 'primary' ? lastContact || isoText(record.createdWallMs) : '',
    });
  }

  private activeConditions(rel: Relationship, connected: boolean): readonly ActiveCondition[] {
    const record = rel.record;
    const conditions: ActiveCondition[] = [];
    const at = record.fracture?.atWallMs ?? record.lastContactWallMs ?? record.createdWallMs;
    const image = shownImage(rel);
    if (image === 'Synchronized' && connected)
      conditions.push({ code: 'Active', sinceWallMs: record.createdWallMs, cause: '' });
    if (record.fracture?.cause === 'admin')
      conditions.push({ code: 'FracturedAdmin', sinceWallMs: at, cause: 'fractured by the administrator' });
    else if (record.fracture !== null)
      conditions.push({ code: 'FracturedSystem', sinceWallMs: at, cause: record.fracture.cause });
    else if (!connected && record.image !== 'NotEstablished')
      conditions.push({ code: 'FracturedSystem', sinceWallMs: at, cause: 'link' });
    if (record.lock !== null && record.image !== 'Synchronized')
      conditions.push({ code: 'DirectionLocked', sinceWallMs: at, cause: record.lock });
    if (record.fenced)
      conditions.push({
        code: 'Fenced',
        sinceWallMs: at,
        cause: 'the other side was promoted while this one was away',
      });
    const waiting = connected ? this.waitingFor(rel) : record.image === 'Diverged' ? 'both copies changed' : null;
    if (waiting !== null) conditions.push({ code: 'WaitingOnAdmin', sinceWallMs: at, cause: waiting });
    else if (connected && image === 'Consistent' && record.fracture === null && !record.fenced && !record.forced)
      conditions.push({ code: 'QueuedForSync', sinceWallMs: at, cause: 'both sides are about to compare what they hold' });
    if (record.trackingFailed || rel.marks.state === 'failed')
      conditions.push({ code: 'BitmapFailed', sinceWallMs: at, cause: 'the fracture log cannot be written' });
    const running = this.replication.roles.running(rel.id);
    if (running?.resync.paused === true) conditions.push({ code: 'SyncPaused', sinceWallMs: at, cause: 'user' });
    return conditions;
  }

  /** What an administrator has to decide before the copies can become equal; null when nothing. */
  private waitingFor(rel: Relationship): string | null {
    const { record } = rel;
    const theirs = this.replication.roles.view(rel.id);
    if (record.image === 'Diverged') return 'both copies changed';
    if (record.image === 'Synchronized')
      return record.role === 'primary' && (theirs?.markedRegions ?? 0) > 0 ? 'verify found differences' : null;
    if (record.image === 'Synchronizing') return null;
    const writers = theirs === undefined ? 'nobody' : writersOf(record.generation, theirs.generation);
    if (record.role === 'primary' && writers === 'peer') return 'only the other side wrote';
    if (record.role === 'secondary' && record.fenced && writers === 'this') return 'only this side wrote';
    return record.role === 'primary' && record.forced ? 'reverse resync' : null;
  }

  status(rel: Relationship): RelationshipStatus {
    const record = rel.record;
    const view = this.decisionView(rel);
    const connected = view.connected;
    const backlog = record.role === 'primary' ? this.lag(rel) : { ...rel.secondary.backlog, seconds: 0 };
    const regions = rel.marks.regions;
    const at = imagePosition(record);
    return {
      id: rel.id,
      name: record.name,
      mode: 'consistency-point',
      policy: record.policy,
      recovery: record.recovery,
      home: record.home,
      role: record.role,
      roleEpoch: record.roleEpoch,
      localVolumeId: rel.deps.volume.id,
      peerVolumeId: record.peerVolumeId,
      peerServerId: record.peerServerId,
      connected,
      imageState: view.image,
      conditions: describeConditions(view, this.runtime.clock.wallMs()).map((c) => ({
        code: c.code,
        since: c.sinceWallMs,
        cause: c.cause,
      })),
      direction: directionOf(record),
      lag: { writes: backlog.writes, bytes: backlog.bytes, seconds: backlog.seconds },
      fractureLog: { regions: regions.size, dirty: regions.count, regionSizeBytes: REGION_BYTES },
      heat: heatOf(rel),
      resync: this.progress(rel),
      lastContactWallMs: connected ? this.runtime.clock.wallMs() : record.lastContactWallMs,
      position: at === null ? null : { sourceCp: at.cp, ownCp: at.ownCp, sequence: at.sequence },
      safetySnapshot: record.safety === null ? null : { atWallMs: record.safety.atWallMs },
      actions: allowedActions(view).map((a) => ({
        action: a.action,
        allowed: a.allowed,
        confirm: a.confirm,
        ...(a.refusal === undefined ? {} : { refusal: refusalData(a.refusal) }),
      })),
    };
  }
}

/**
 * The image as anybody may rely on it. The record says Synchronized from one membership in the stream to the next; before
 * both sides have met again, one may hold writes that the other one lacks (replication.md 3.12, 4 and 6).
 */
function shownImage(rel: Relationship): Relationship['record']['image'] {
  const { record } = rel;
  if (record.image !== 'Synchronized') return record.image;
  const inStream = record.role === 'primary' ? rel.primary.inStream : rel.secondary.joined;
  return inStream ? 'Synchronized' : 'Consistent';
}

function sizesOf(rel: Relationship, peerBlocks: number | undefined): DecisionView['sizes'] {
  const own = rel.deps.volume.sizeBytes;
  const peer = peerBlocks === undefined ? own : peerBlocks * BLOCK_BYTES;
  return rel.record.home === 'source'
    ? { sourceBytes: own, destinationBytes: peer }
    : { sourceBytes: peer, destinationBytes: own };
}

function percentOf(progress: ResyncProgress): number {
  return progress.regionsTotal === 0 ? 0 : (progress.regionsDone / progress.regionsTotal) * 100;
}

/** Share of dirty regions in each of 256 equal parts of the volume. */
function heatOf(rel: Relationship): readonly number[] {
  const regions = rel.marks.regions;
  const buckets = new Array<number>(Math.min(HEAT_BUCKETS, regions.size)).fill(0);
  if (regions.isEmpty) return buckets;
  const perBucket = regions.size / buckets.length;
  for (const { from, to } of regions.runs()) {
    for (let bucket = Math.floor(from / perBucket); bucket < buckets.length && bucket * perBucket < to; bucket++) {
      const overlap = Math.min(to, (bucket + 1) * perBucket) - Math.max(from, bucket * perBucket);
      buckets[bucket] = Math.min(1, (buckets[bucket] ?? 0) + Math.max(0, overlap) / perBucket);
    }
  }
  return buckets;
}

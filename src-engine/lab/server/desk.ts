import type { Runtime } from '../../runtime/index.ts';
import {
  ACTIONS,
  Overwrite,
  PeerLostError,
  PeerRefusedError,
  REGION_BYTES,
  Verify,
  allowedActions,
  decideAction,
  decisionViewOf,
  describeConditions,
  directionOf,
  imagePosition,
  promote,
  growPair,
  refuse,
  resyncResultJson,
  rollback,
  swap,
  writersOf,
  type ActiveCondition,
  type DecisionView,
  type MirrorAction,
  type Relationship,
  type Replication,
  type ResyncKind,
} from '../../replication/index.ts';
import { BLOCK_BYTES, type LoggedVolume } from '../../volume/index.ts';
import type {
  ActionOptions,
  ActionOutcome,
  ActionPreview,
  RefusalData,
  RelationshipStatus,
  ResyncProgress,
  StorageServerFace,
} from './types.ts';

const HEAT_BUCKETS = 256;

/** Which server carries an action out: the acting primary's, the secondary's, or either. */
export function executorOf(action: string): 'primary' | 'secondary' | 'either' {
  if (action === 'failover' || action === 'rollback') return 'secondary';
  return action === 'resolve' || action === 'delete' ? 'either' : 'primary';
}

function isAction(action: string): action is MirrorAction {
  return (ACTIONS as readonly string[]).includes(action);
}

/** Where admin actions on relationships arrive: state for people, preview, refusal by the state machine, execution. */
export class RelationshipDesk {
  private readonly replication: Replication;
  private readonly runtime: Runtime;
  private readonly nameOf: (id: string) => string;

  constructor(replication: Replication, runtime: Runtime, nameOf: (id: string) => string) {
    this.replication = replication;
    this.runtime = runtime;
    this.nameOf = nameOf;
  }

  // --- state -------------------------------------------------------------------------------------------------------

  private progress(rel: Relationship): ResyncProgress | null {
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
  private lossHere(rel: Relationship): {
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
  private decisionView(rel: Relationship): DecisionView {
    const record = rel.record;
    const theirs = this.replication.roles.view(rel.id);
    const connected = this.replication.isConnected(record.peerServerId);
    const progress = this.progress(rel);
    const primaryServing = record.role === 'primary' || (connected && theirs?.role === 'primary');
    const lastContact = record.lastContactWallMs === null ? '' : isoText(record.lastContactWallMs);
    return decisionViewOf({
      policy: record.policy,
      recovery: record.recovery,
      image: record.image,
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
    if (record.image === 'Synchronized' && connected)
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
      imageState: record.image,
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

  // --- actions -----------------------------------------------------------------------------------------------------

  async create(
    volume: LoggedVolume,
    spec: Parameters<StorageServerFace['createRelationship']>[0],
  ): Promise<ActionOutcome> {
    if (volume.mirror !== null)
      return refused(
        'mirror/volume-in-use',
        `${volume.record.name} is in a relationship already`,
        'delete that relationship first',
      );
    const peer = this.replication.connect(spec.peerServerId);
    for (let i = 0; i < 100 && !peer.connected; i++) await this.runtime.clock.sleep(50);
    if (!peer.connected)
      return {
        kind: 'refused',
        refusal: refusalData(
          refuse('R05', { peer: this.nameOf(spec.peerServerId), time: 'now', cause: 'no connection' }),
        ),
      };
    try {
      await peer.call('create', {
        relationship: spec.id,
        name: spec.name,
        volume: spec.peerVolumeId,
        sourceVolume: spec.volumeId,
        sizeBytes: volume.sizeBytes,
        policy: spec.policy,
        recovery: spec.recovery,
      });
      const assumeEqual = spec.assumeEqual === true;
      const half = {
        id: spec.id,
        name: spec.name,
        policy: spec.policy,
        recovery: spec.recovery,
        home: 'source',
        peerServerId: spec.peerServerId,
        peerVolumeId: spec.peerVolumeId,
      } as const;
      const rel = await this.replication.create(volume, half, assumeEqual);
      if (assumeEqual) {
        this.runtime.covered('mirror/assumed-equal');
        rel.report(
          'mirror/assumed-equal',
          'warning',
          'both copies were declared equal; nothing was compared: run verify',
        );
      }
      rel.deps.announce();
      return this.sync(rel, assumeEqual ? 'update' : 'full');
    } catch (error) {
      return this.outcomeOfError(error, spec.peerServerId);
    }
  }

  private sync(rel: Relationship, kind: ResyncKind): ActionOutcome {
    const running = this.replication.roles.startResync(rel, kind);
    return { kind: 'running', finished: running.finished.then(resyncResultJson), progress: () => this.progress(rel) };
  }

  async preview(rel: Relationship, action: string): Promise<ActionPreview> {
    const view = this.decisionView(rel);
    const decision = isAction(action) ? decideAction(action, view) : null;
    const theirs = this.replication.roles.view(rel.id);
    const sum =
      rel.marks.regions.count +
      rel.kept.regions.count +
      (theirs === undefined ? 0 : theirs.markedRegions + theirs.keptRegions);
    // Of the other side only the count is known: where both marked the same regions the sum counts them twice.
    const regions = Math.min(sum, rel.marks.regions.size);
    const record = rel.record;
    const backlog = rel.secondary.backlog;
    const at = imagePosition(record);
    await Promise.resolve();
    const known = record.image === 'Synchronized' || record.policy === 'strict';
    return {
      action,
      allowed: decision?.allowed === true,
      confirm: decision?.confirm ?? 'none',
      ...(decision?.refusal === undefined ? {} : { refusal: refusalData(decision.refusal) }),
      effects: effectsOf(action, rel, this.nameOf(record.peerServerId), regions, backlog.writes),
      regions,
      bytesAtMost: regions * REGION_BYTES,
      loss: { ...this.lossHere(rel), unknownAfterWallMs: known && view.connected ? null : lastKnownAt(rel) },
      lastSafe: at === null ? null : { cp: at.cp, sequence: rel.imageSequence },
      expectedMs: null,
    };
  }

  async act(rel: Relationship, action: string, options: ActionOptions): Promise<ActionOutcome> {
    if (!isAction(action))
      return refused('mirror/unknown-action', `no action ${action}`, `one of ${ACTIONS.join(', ')}`);
    const decision = decideAction(action, this.decisionView(rel));
    const overridden =
      decision.refusal?.overridable === true && options.confirmed && (options.force === true || action !== 'failover');
    if (!decision.allowed && !overridden) {
      return decision.refusal === undefined
        ? refused('mirror/not-allowed', 'not possible in this state', '')
        : { kind: 'refused', refusal: refusalData(decision.refusal) };
    }
    if (decision.confirm === 'typed' && !options.confirmed) {
      return refused(
        'mirror/confirmation-needed',
        `${action} needs the typed name of the mirror as confirmation`,
        `repeat with --yes, or type ${rel.record.name}`,
      );
    }
    if (decision.noop) return { kind: 'done', result: { changed: false } };
    const executor = executorOf(action);
    if (executor !== 'either' && executor !== rel.record.role && !rel.record.handingOver)
      return refused(
        'mirror/other-side',
        `${action} is carried out by the ${executor}'s server`,
        `ask ${this.nameOf(rel.record.peerServerId)}`,
      );
    this.runtime.log.write('info', 'action on a relationship', { relationship: rel.id, action });
    try {
      return await this.carryOut(rel, action, options);
    } catch (error) {
      return this.outcomeOfError(error, rel.record.peerServerId);
    }
  }

  private async carryOut(rel: Relationship, action: MirrorAction, options: ActionOptions): Promise<ActionOutcome> {
    const { roles } = this.replication;
    switch (action) {
      case 'establish':
        rel.set({ fracture: null });
        await rel.primary.fracture('admin', 'a full sync was asked for');
        return this.sync(rel, 'full');
      case 'resync':
      case 'reverse-resync':
        // What a verify found is repaired as after a fracture: the target names its marks when the sync begins.
        if (rel.primary.mode !== 'marked' && rel.record.image === 'Synchronized')
          await rel.primary.fracture('admin', 'a resync was asked for');
        return this.sync(rel, action === 'resync' ? 'update' : 'reverse');
      case 'fracture':
        if (rel.primary.mode === 'marked' && rel.record.image === 'Synchronized')
          await rel.primary.isolate('admin', 'asked by the administrator');
        else if (rel.primary.mode === 'marked')
          await rel.change({
            fracture: { cause: 'admin', atWallMs: this.runtime.clock.wallMs(), sequence: rel.primary.held },
          });
        else await rel.primary.fracture('admin', 'asked by the administrator');
        return { kind: 'done', result: { dirtyRegions: rel.markedRegions } };
      case 'pause':
      case 'resume':
        roles.running(rel.id)?.resync.setPaused(action === 'pause');
        return { kind: 'done', result: {} };
      case 'switchover':
      case 'failback':
        return { kind: 'done', result: await swap(rel) };
      case 'failover':
        return { kind: 'done', result: await promote(rel) };
      case 'rollback':
        return { kind: 'done', result: await rollback(rel) };
      case 'resolve':
        if (options.keep === undefined)
          return refused('mirror/keep-missing', 'say which side survives', '--keep source or --keep destination');
        return { kind: 'done', result: await roles.resolve(rel, options.keep) };
      case 'delete':
        return { kind: 'done', result: await roles.remove(rel) };
      case 'verify':
        return this.verify(rel);
      case 'overwrite-primary':
        return this.overwrite(rel);
    }
  }

  private verify(rel: Relationship): ActionOutcome {
    if (!rel.primary.inSync)
      return { kind: 'refused', refusal: refusalData(refuse('R02', { bytes: 'some', seconds: 0 }, false)) };
    const verify = new Verify(rel);
    const finished = verify.run().then((result) => {
      rel.report(
        result.blocksDiffering === 0 ? 'mirror/verified' : 'mirror/verify-found-differences',
        result.blocksDiffering === 0 ? 'notice' : 'alert',
        `verify compared ${String(result.regionsCompared)} regions at consistency point ${String(result.cp)}: ${String(result.blocksDiffering)} blocks differ`,
      );
      return { ...result };
    });
    const progress = (): ResyncProgress => ({
      kind: 'verify',
      regionsTotal: verify.regionsTotal,
      regionsDone: verify.regionsDone,
      regionsDiffering: verify.regionsDiffering,
      bytesCopied: 0,
      bytesVolume: rel.deps.volume.sizeBytes,
      startedAtMs: verify.startedWallMs,
      paused: false,
    });
    return { kind: 'running', finished, progress };
  }

  /** The restore itself, then the resync that finds both sides equal. */
  private overwrite(rel: Relationship): ActionOutcome {
    const overwrite = new Overwrite(rel);
    const finished = (async () => {
      if (rel.primary.mode !== 'marked')
        await rel.primary.fracture('admin', 'the primary is overwritten from the secondary');
      const result = await overwrite.run();
      await this.replication.roles.startResync(rel, 'update').finished;
      rel.report(
        'mirror/primary-overwritten',
        'warning',
        `the primary was overwritten from the secondary: ${String(result.bytesCopied)} bytes`,
      );
      return { ...result };
    })();
    finished.catch((error: unknown) => {
      rel.report(
        'mirror/overwrite-interrupted',
        'error',
        `overwriting the primary was interrupted: ${error instanceof Error ? error.message : String(error)}; repeat it or roll back`,
      );
    });
    const progress = (): ResyncProgress => ({
      kind: 'overwrite-primary',
      regionsTotal: overwrite.regionsTotal,
      regionsDone: overwrite.regionsDone,
      regionsDiffering: overwrite.regionsDiffering,
      bytesCopied: overwrite.bytesCopied,
      bytesVolume: rel.deps.volume.sizeBytes,
      startedAtMs: overwrite.startedWallMs,
      paused: false,
    });
    return { kind: 'running', finished, progress };
  }

  async grow(rel: Relationship, sizeBlocks: number): Promise<ActionOutcome> {
    try {
      await growPair(rel, sizeBlocks);
      return { kind: 'done', result: { sizeBytes: sizeBlocks * BLOCK_BYTES } };
    } catch (error) {
      return this.outcomeOfError(error, rel.record.peerServerId);
    }
  }

  private outcomeOfError(error: unknown, peerServerId: string): ActionOutcome {
    if (error instanceof PeerLostError)
      return {
        kind: 'refused',
        refusal: refusalData(refuse('R05', { peer: this.nameOf(peerServerId), time: 'now', cause: error.message })),
      };
    if (error instanceof PeerRefusedError) {
      const code = error.data['code'];
      const hint = error.data['hint'];
      return refused(
        typeof code === 'string' ? code : 'mirror/peer-refused',
        error.message,
        typeof hint === 'string' ? hint : '',
      );
    }
    throw error;
  }
}

function refused(code: string, message: string, hint: string): ActionOutcome {
  return { kind: 'refused', refusal: { code, message, hint, overridable: false } };
}

function refusalData(refusal: {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly overridable: boolean;
}): RefusalData {
  return { code: refusal.code, message: refusal.message, hint: refusal.hint, overridable: refusal.overridable };
}

/** On a secondary: until when it is known what its source acknowledged without it. */
function lastKnownAt(rel: Relationship): number | null {
  const { role, fracture, lastContactWallMs } = rel.record;
  if (role === 'secondary' && fracture !== null) return rel.missedHere?.trueUntilWallMs ?? fracture.atWallMs;
  return lastContactWallMs;
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

function effectsOf(
  action: string,
  rel: Relationship,
  peer: string,
  regions: number,
  backlogWrites: number,
): readonly string[] {
  const name = rel.deps.volume.record.name;
  const mib = ((regions * REGION_BYTES) / 1024 ** 2).toFixed(1);
  switch (action) {
    case 'failover':
      return [
        `${name} becomes writable here; ${String(backlogWrites)} log records are applied first.`,
        `${peer} is fenced when it returns; what it alone holds is listed, then overwritten by a reverse resync.`,
      ];
    case 'reverse-resync':
    case 'resync':
      return [
        `The image at ${peer} becomes equal to ${name}.`,
        `${String(regions)} regions (at most ${mib} MiB) are compared; only blocks that differ are copied.`,
        `${peer} keeps its present image as a safety snapshot.`,
      ];
    case 'establish':
      return [
        `Every block of ${name} is compared and copied to ${peer} where it differs; the image there cannot be used meanwhile.`,
      ];
    case 'failback':
    case 'switchover':
      return [
        `Hosts of ${name} wait for a last consistency point, then ${peer} serves the volume.`,
        'No write is lost; this side becomes the secondary.',
      ];
    case 'fracture':
      return [`Writes to ${name} go on here alone; changed regions are marked until a resync is asked for.`];
    case 'rollback':
      return [`${name} goes back to the image it had before the sync; what the sync copied is discarded.`];
    case 'resolve':
      return ['The side not kept is preserved as a snapshot, then overwritten where the copies differ.'];
    case 'delete':
      return ['Both volumes stay; they are no longer mirrored and their marks are dropped.'];
    default:
      return [];
  }
}

/** A wall time as text, without `Intl` or `Date`. Proleptic Gregorian date of days since the epoch (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
export function isoText(wallMs: number): string {
  const days = Math.floor(wallMs / 86_400_000);
  const ms = wallMs - days * 86_400_000;
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  return `${String(year)}-${two(month)}-${two(day)} ${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)} UTC`;
}

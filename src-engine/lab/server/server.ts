import { StorageError } from '../../runtime/index.ts';
import { Pool, PoolFailedError, type VolumeRecord } from '../../pool/index.ts';
import { Replication } from '../../replication/index.ts';
import {
  CleanCache,
  ConsistencyPoints,
  LoggedVolume,
  VolumeError,
  type CpSummary,
  type CpTrigger,
} from '../../volume/index.ts';
import { Admission } from './admission.ts';
import { RelationshipDesk } from './desk.ts';
import { openFrozenView } from './frozen-view.ts';
import { openHostVolume } from './host-volume.ts';
import { Holdings } from './holdings.ts';
import { writeIdentity } from './identity.ts';
import { LogPressure } from './log-pressure.ts';
import { Losses } from './losses.ts';
import { VIEW_PREFIX, RefusedStart, openFiles, openVolumes, releaseViews, replay } from './opening.ts';
import { removePool, whatKeepsPool } from './pool-removal.ts';
import { checkPools, serverStatus, volumeStatuses } from './status.ts';
import { refuseUsedSlots } from './slots.ts';
import { volumeMap } from './volume-map.ts';
import { Suspension } from './suspension.ts';
import type {
  ActionOptions,
  ActionOutcome,
  ActionPreview,
  HostVolume,
  PoolRemoval,
  RelationshipStatus,
  ServerDependencies,
  ServerStatus,
  StorageServerFace,
  VolumeMapStatus,
  VolumeStatus,
} from './types.ts';

/** Every start skips this many sequence numbers, so that no sequence is ever used twice for different content. */
const SEQUENCE_STRIDE = 1 << 20;
/** A stop does not wait longer for actions: what they still try then is refused by what is closed. */
const ACTIONS_END_WITHIN_MS = 2000;

/**
 * One storage server: its log, its pools, their volumes and relationships, built from the layers below. A crash is the
 * end of its runtime; whatever it was doing, the next `boot` starts from the files. What it holds is in `Holdings`; who
 * may use a volume is decided by `Admission`, what a damaged log means for hosts by `Losses`.
 */
export class StorageServer implements StorageServerFace {
  readonly id: string;
  private readonly deps: ServerDependencies;
  private readonly held: Holdings;
  private readonly losses: Losses;
  private readonly admission: Admission;
  private readonly pressure: LogPressure;
  private readonly suspension: Suspension;
  private readonly cache: CleanCache;
  private desk: RelationshipDesk | null = null;
  private advanceScheduled = false;

  constructor(deps: ServerDependencies) {
    this.deps = deps;
    this.id = deps.id;
    this.held = new Holdings(deps);
    this.losses = new Losses(this.held);
    this.admission = new Admission(this.held, this.losses);
    this.pressure = new LogPressure(this.held);
    this.suspension = new Suspension(this.held, this.admission);
    this.cache = new CleanCache(deps.settings.cleanCacheBytes);
  }

  // --- start and stop ----------------------------------------------------------------------------------------------

  async boot(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof RefusedStart)) throw error;
      const code = error instanceof RefusedStart ? error.code : `storage/${error.code}`;
      this.refuse(code, error.message);
    }
  }

  private refuse(code: string, message: string): void {
    this.held.state = { kind: 'refused', code, message };
    this.deps.runtime.covered(`server/refused-${code}`);
    this.held.event('server/refused', 'critical', this.id, message);
    for (const volume of this.held.volumes.values())
      volume.setGate({ kind: 'closed', code: 'volume/offline', message });
  }

  private async open(): Promise<void> {
    const { held } = this;
    const found = await openFiles(held);
    const { records, endOfLog, lost } = found;
    const replication = this.compose();
    await openVolumes(held, this.losses, (pool, record, applied) => this.addVolume(pool, record, applied), found);
    await replay(held, records);
    const primaries = replication.all().filter((rel) => rel.record.role === 'primary');
    // Lost records are beyond the end as well: a destination that holds them is to give them back, not to be overwritten.
    const lastHere = lost === null ? endOfLog : Math.min(endOfLog, lost.fromSequence - 1);
    await Promise.all(primaries.map((rel) => rel.primary.owed.rememberEnd(lastHere, endOfLog + SEQUENCE_STRIDE + 1)));
    await held.openLog().start({ sequenceFloor: endOfLog + SEQUENCE_STRIDE });
    for (const rel of replication.all()) {
      rel.primary.holdAtStart();
      if (rel.record.role === 'primary' && rel.record.image === 'Synchronizing') rel.set({ image: 'OutOfSync' });
    }
    await replication.drainRecovered();
    await releaseViews(held);
    held.state = { kind: 'up' };
    for (const { pool } of held.pools.values()) this.suspension.watch(pool);
    this.admission.admit();
    held.points?.startTimer();
    replication.start();
    held.event('server/up', 'info', this.id, `${this.deps.name} is up; ${String(records.length)} log records replayed`);
  }

  private compose(): Replication {
    const log = this.held.openLog();
    const { runtime, settings } = this.deps;
    this.held.points = new ConsistencyPoints({
      runtime,
      log,
      pools: () => [...this.held.pools.values()].map((open) => open.pool),
      volumesOf: (pool) =>
        [...this.held.volumes.values()].filter((volume) => this.held.poolIdOf.get(volume.id) === pool.id),
      ownAttributes: (appliedSequence) => ({ applied: { logId: log.logId, sequence: appliedSequence } }),
      get intervalMs() {
        return settings.cpIntervalMs;
      },
      onPhase: (phase, cp) => {
        this.deps.onCpPhase?.(phase, cp);
      },
      onFailure: (_pool, error) => {
        this.suspension.suspend(error);
      },
      onFreed: () => {
        this.pressure.freed();
      },
    });
    const replication = new Replication({
      runtime,
      serverId: this.id,
      log,
      settings,
      consistencyPoint: (trigger) => this.consistencyPoint(trigger),
      volume: (id) => this.held.volumes.get(id),
      poolOf: (id) => this.held.poolOf(id),
      poolIds: () => [...this.held.pools.keys()],
      sharedFile: (volumeId, name, size, create) => this.held.handleFor(volumeId).file(name, { create, size }),
      sharedFileExists: (volumeId, name) => this.held.handleFor(volumeId).fileExists(name),
      sharedFileRemove: (volumeId, name) => this.held.handleFor(volumeId).removeFile(name),
      nameOf: this.deps.nameOf,
      deviceFailed: (error) => {
        if (error instanceof PoolFailedError) this.suspension.suspend(error);
      },
      report: (kind, severity, subject, message, details) => {
        this.held.event(kind, severity, subject, message, details);
      },
      gateChanged: (volumeId) => {
        this.admission.admitVolume(volumeId);
      },
      recordsLost: (volumeId, what) => this.losses.begin(volumeId, what),
    });
    this.held.replication = replication;
    this.desk = new RelationshipDesk(replication, runtime, this.deps.nameOf);
    log.onDurable = () => {
      this.scheduleAdvance();
    };
    log.onBroken = (error) => {
      this.suspension.suspend(error);
    };
    log.onFailure = (error) => {
      this.held.event(
        'nvlog/device-failed',
        'alert',
        this.id,
        `the log device failed: ${error.message}; going on in the other half`,
      );
      this.consistencyPoint('log-failure').catch(() => undefined);
    };
    return replication;
  }

  private addVolume(pool: Pool, record: VolumeRecord, applied: number): LoggedVolume {
    const volume = new LoggedVolume(
      {
        runtime: this.deps.runtime,
        pool,
        log: this.held.openLog(),
        cache: this.cache,
        epoch: this.held.epochs[pool.id] ?? 0,
        onLogFull: () => {
          this.pressure.full();
        },
        onAppended: () => {
          this.pressure.appended();
        },
      },
      record,
      applied,
    );
    this.held.volumes.set(record.id, volume);
    this.held.poolIdOf.set(record.id, pool.id);
    return volume;
  }

  /**
   * From the outside in, each part at rest before the next one goes: no host is admitted any more, whatever an action
   * that still runs asks of the gates; one last consistency point; no other after it; actions end, because their peer is
   * gone and their points are refused; then the pools and the log close, and refuse what comes late.
   */
  async shutdown(): Promise<void> {
    if (this.held.state.kind !== 'up') return;
    this.held.state = { kind: 'stopping' };
    for (const volume of this.held.volumes.values()) volume.stop('the server stops');
    // What cannot be written now stays in the log.
    for (const { pool } of this.held.pools.values()) pool.waitForRoom(null);
    try {
      if (this.held.points?.failed === false) await this.held.points.request('shutdown');
    } catch (error) {
      this.held.event(
        'server/shutdown-incomplete',
        'warning',
        this.id,
        error instanceof Error ? error.message : String(error),
      );
    }
    await this.held.points?.stop();
    this.held.replication?.stop();
    for (const volume of this.held.volumes.values()) volume.end('the server stops');
    const atRest = this.held.relationships().map((rel) => rel.serial(() => Promise.resolve()).catch(() => undefined));
    await Promise.race([Promise.all(atRest), this.deps.runtime.clock.sleep(ACTIONS_END_WITHIN_MS)]);
    for (const { pool } of this.held.pools.values()) await pool.close();
    await this.held.log?.close();
  }

  // --- events inside -----------------------------------------------------------------------------------------------

  private scheduleAdvance(): void {
    if (this.advanceScheduled) return;
    this.advanceScheduled = true;
    void Promise.resolve().then(() => {
      this.advanceScheduled = false;
      for (const volume of this.held.volumes.values()) volume.advance();
    });
  }

  // --- public face -------------------------------------------------------------------------------------------------

  status(): ServerStatus {
    return serverStatus(this.held, this.pressure.backToBackSinceMs);
  }

  async createPool(spec: {
    readonly id: string;
    readonly name: string;
    readonly arrayId: string;
    readonly groups: readonly {
      readonly level: string;
      readonly slots: readonly number[];
      readonly unitBlocks: number;
    }[];
  }): Promise<void> {
    const shelf = this.deps.shelves.get(spec.arrayId);
    if (shelf === undefined) throw new RefusedStart('server/no-array', `the array ${spec.arrayId} cannot be reached`);
    this.suspension.refuse();
    const before = shelf.handle({ poolId: spec.id, serverId: this.id, epoch: shelf.epoch(spec.id) });
    const slots = spec.groups.flatMap((group) => group.slots);
    await refuseUsedSlots(this.held, shelf, before, slots);
    const epoch = shelf.epoch(spec.id) + 1;
    this.held.epochs[spec.id] = epoch;
    await writeIdentity(this.deps.logStorage, this.deps.runtime, {
      logId: this.held.openLog().logId,
      epochs: this.held.epochs,
    });
    await shelf.raiseEpoch(spec.id, epoch);
    const handle = shelf.handle({ poolId: spec.id, serverId: this.id, epoch });
    const pool = await Pool.create({ runtime: this.deps.runtime, handle }, spec as Parameters<typeof Pool.create>[1]);
    this.held.pools.set(spec.id, { pool, handle });
    this.suspension.watch(pool);
  }

  whatKeepsPool(pool: PoolRemoval): Promise<string | null> {
    return whatKeepsPool(this.held, pool);
  }

  removePool(pool: PoolRemoval): Promise<void> {
    this.suspension.refuse();
    return removePool(this.held, pool);
  }

  volumes(): readonly VolumeStatus[] {
    return volumeStatuses(this.held);
  }

  async createVolume(spec: {
    readonly id: string;
    readonly name: string;
    readonly poolId: string;
    readonly sizeBytes: number;
  }): Promise<void> {
    this.suspension.refuse();
    const open = this.held.pools.get(spec.poolId);
    if (open === undefined) throw new VolumeError('volume/offline', `no pool ${spec.poolId} on ${this.deps.name}`);
    await open.pool.commit({
      create: [
        {
          id: spec.id,
          name: spec.name,
          sizeBlocks: Math.ceil(spec.sizeBytes / 4096),
          policy: 'logged',
          attributes: {},
        },
      ],
    });
    this.addVolume(open.pool, open.pool.volume(spec.id), 0);
    this.admission.admitVolume(spec.id);
  }

  async growVolume(volumeId: string, sizeBytes: number): Promise<ActionOutcome> {
    this.suspension.refuse();
    const sizeBlocks = Math.ceil(sizeBytes / 4096);
    const rel = this.held.replication?.all().find((one) => one.deps.volume.id === volumeId);
    if (rel !== undefined && this.desk !== null) return this.desk.grow(rel, sizeBlocks);
    await this.held.poolOf(volumeId).commit({ resize: [{ volumeId, sizeBlocks }] });
    return { kind: 'done', result: { sizeBytes: sizeBlocks * 4096 } };
  }

  async removeVolume(volumeId: string): Promise<void> {
    this.suspension.refuse();
    const volume = this.held.volumeOf(volumeId);
    volume.setGate({ kind: 'closed', code: 'volume/offline', message: 'the volume is being deleted' });
    await this.consistencyPoint('admin');
    this.held.volumes.delete(volumeId);
    await this.held.poolOf(volumeId).commit({ remove: [volumeId] });
    this.held.poolIdOf.delete(volumeId);
    this.cache.dropVolume(volumeId);
  }

  volumeMap(volumeId: string, cells: number): Promise<VolumeMapStatus> {
    return volumeMap(this.held, volumeId, cells);
  }

  hostVolume(volumeId: string): HostVolume {
    return openHostVolume(this.held, volumeId);
  }

  async frozenView(volumeId: string): ReturnType<StorageServerFace['frozenView']> {
    this.suspension.refuse();
    const volume = this.held.volumeOf(volumeId);
    const name = `${VIEW_PREFIX}${this.deps.runtime.random.id()}`;
    return openFrozenView({
      name,
      volume,
      pool: this.held.poolOf(volumeId),
      rel: this.held.relationshipOfVolume(volumeId) ?? null,
      consistencyPoint: (trigger) => this.consistencyPoint(trigger),
    });
  }

  consistencyPoint(trigger: CpTrigger): Promise<CpSummary> {
    return this.held.consistencyPoint(trigger);
  }

  async createRelationship(spec: Parameters<StorageServerFace['createRelationship']>[0]): Promise<ActionOutcome> {
    this.suspension.refuse();
    const desk = this.openDesk();
    return desk.create(this.held.volumeOf(spec.volumeId), spec);
  }

  relationships(): readonly RelationshipStatus[] {
    return this.held.relationships().map((rel) => this.openDesk().status(rel));
  }

  async preview(relationshipId: string, action: string): Promise<ActionPreview> {
    await Promise.resolve();
    return this.openDesk().preview(this.held.relationshipOf(relationshipId), action);
  }

  async act(relationshipId: string, action: string, options: ActionOptions): Promise<ActionOutcome> {
    this.suspension.refuse();
    return this.openDesk().act(this.held.relationshipOf(relationshipId), action, options);
  }

  private openDesk(): RelationshipDesk {
    if (this.desk === null) throw new VolumeError('volume/offline', 'the server is not up');
    return this.desk;
  }

  acknowledge(volumeId: string): Promise<void> {
    return this.losses.acknowledge(volumeId, this.admission);
  }

  endPeerWait(volumeIds?: readonly string[]): void {
    this.admission.endPeerWait(volumeIds);
  }

  check(repair = false): ReturnType<StorageServerFace['check']> {
    return checkPools(this.held, repair);
  }
}

import { StorageError, type StorageFile } from '../../runtime/index.ts';
import type { ShelfHandle } from '../../disk/index.ts';
import { Log, type LogRecord, type LostRange, readJsonPayload } from '../../nvlog/index.ts';
import { Pool, PoolFailedError, type JsonObject, type Problem, type VolumeRecord } from '../../pool/index.ts';
import { Replication, directionOf, type Relationship } from '../../replication/index.ts';
import {
  CleanCache,
  ConsistencyPoints,
  LoggedVolume,
  VolumeError,
  type CpSummary,
  type CpTrigger,
} from '../../volume/index.ts';
import { readIdentity, writeIdentity } from './identity.ts';
import { applyControlRecord } from './recovery.ts';
import { RelationshipDesk } from './desk.ts';
import { openFrozenView } from './frozen-view.ts';
import { Suspension } from './suspension.ts';
import type {
  ActionOptions,
  ActionOutcome,
  ActionPreview,
  HostVolume,
  PoolStatus,
  RelationshipStatus,
  ServerDependencies,
  ServerEvent,
  ServerState,
  ServerStatus,
  Severity,
  StorageServerFace,
  VolumeStatus,
} from './types.ts';

const LOG_NAMES = ['nvlog-a.log', 'nvlog-b.log'] as const;
const LOG_RESERVE_BYTES = 256 * 1024;
/** Every start skips this many sequence numbers, so that no sequence is ever used twice for different content. */
const SEQUENCE_STRIDE = 1 << 20;
const VIEW_PREFIX = 'view-';
/** Attribute of a volume whose acknowledged records were lost: what the admin is told. */
const NVFAIL = 'nvfail';

interface OpenPool {
  readonly pool: Pool;
  readonly handle: ShelfHandle;
}

/**
 * One storage server: its log, its pools, their volumes and relationships, built from the layers below. A crash is the
 * end of its runtime; whatever it was doing, the next `boot` starts from the files.
 */
export class StorageServer implements StorageServerFace {
  readonly id: string;
  private readonly deps: ServerDependencies;
  private state: ServerState = { kind: 'booting' };
  private log: Log | null = null;
  private points: ConsistencyPoints | null = null;
  private replication: Replication | null = null;
  private desk: RelationshipDesk | null = null;
  private readonly pools = new Map<string, OpenPool>();
  private readonly volumesById = new Map<string, LoggedVolume>();
  private readonly poolIdOf = new Map<string, string>();
  private readonly cache: CleanCache;
  private readonly suspension = new Suspension(() => this.volumesById.values());
  private epochs: Record<string, number> = {};
  private backToBackSinceMs: number | null = null;
  private advanceScheduled = false;
  /** Mirrored volumes that were primary at the start and have not met their peer yet. */
  private readonly awaiting = new Map<string, object>();

  constructor(deps: ServerDependencies) {
    this.deps = deps;
    this.id = deps.id;
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
    this.state = { kind: 'refused', code, message };
    this.deps.runtime.covered(`server/refused-${code}`);
    this.event('server/refused', 'critical', this.id, message);
    for (const volume of this.volumesById.values()) volume.setGate({ kind: 'closed', code: 'volume/offline', message });
  }

  private async open(): Promise<void> {
    const { runtime, logStorage, settings } = this.deps;
    const known = await readIdentity(logStorage);
    if (known.kind === 'refused') throw new RefusedStart(known.code, known.message);
    await this.refuseLostFiles(known.kind);
    const identity = known.kind === 'known' ? known.identity : { logId: `log-${runtime.random.id()}`, epochs: {} };
    this.epochs = { ...identity.epochs };
    const logDeps = {
      runtime,
      open: (name: string): Promise<StorageFile> =>
        logStorage.open(name, { create: true, size: settings.logHalfBytes, preallocate: true }),
    };
    const options = {
      names: LOG_NAMES,
      logId: identity.logId,
      halfBytes: settings.logHalfBytes,
      reserveBytes: LOG_RESERVE_BYTES,
    };
    let records: readonly LogRecord[] = [];
    let labels: Readonly<Record<string, number>> = {};
    let lost: LostRange | null = null;
    if (known.kind === 'new') {
      this.log = await Log.create(logDeps, options);
      await writeIdentity(logStorage, runtime, identity);
    } else {
      const opened = await Log.open(logDeps, options);
      if (opened.kind === 'refused') throw new RefusedStart(`nvlog/${opened.code}`, opened.message);
      this.log = opened.log;
      records = opened.recovered.records;
      labels = opened.recovered.labels;
      lost = runtime.planted('hide-lost-records') ? null : opened.lost;
      for (const finding of opened.findings) {
        this.event(
          `nvlog/${finding.code}`,
          finding.code === 'lost-records' ? 'critical' : 'notice',
          this.id,
          `${finding.file} offset ${String(finding.offset)}: ${finding.message}`,
        );
      }
    }
    const endOfLog = this.log.lastSequence;
    for (const { poolId, arrayId } of this.deps.pools)
      await this.openPool(poolId, arrayId, identity.logId, labels[poolId]);
    this.compose();
    await this.openVolumes(endOfLog, lost);
    await this.replay(records);
    const replication = this.replication;
    if (replication === null) throw new Error('composed');
    const primaries = replication.all().filter((rel) => rel.record.role === 'primary');
    // Lost records are beyond the end as well: a destination that holds them is to give them back, not to be overwritten.
    const lastHere = lost === null ? endOfLog : Math.min(endOfLog, lost.fromSequence - 1);
    await Promise.all(primaries.map((rel) => rel.primary.owed.rememberEnd(lastHere, endOfLog + SEQUENCE_STRIDE + 1)));
    await this.log.start({ sequenceFloor: endOfLog + SEQUENCE_STRIDE });
    for (const rel of replication.all()) {
      rel.primary.holdAtStart();
      if (rel.record.role === 'primary' && rel.record.image === 'Synchronizing') rel.set({ image: 'OutOfSync' });
    }
    await replication.drainRecovered();
    await this.releaseViews();
    this.state = { kind: 'up' };
    for (const { pool } of this.pools.values()) this.waitForRoom(pool);
    this.admit();
    this.points?.startTimer();
    replication.start();
    this.event('server/up', 'info', this.id, `${this.deps.name} is up; ${String(records.length)} log records replayed`);
  }

  /**
   * A file that should be there is never made anew (scenario 69): an empty half would hide what it held, and a new log
   * would be written over halves that may hold acknowledged writes.
   */
  private async refuseLostFiles(identity: 'known' | 'new'): Promise<void> {
    const { logStorage } = this.deps;
    for (const name of LOG_NAMES) {
      const there = await logStorage.exists(name);
      if (identity === 'known' && !there)
        throw new RefusedStart(
          'nvlog/missing',
          `${name} is missing, expected a log half from offset 0; nothing was changed: restore the file, or fail over to the other site`,
        );
      // Without pools this is a first start that was cut short.
      if (identity === 'new' && there && this.deps.pools.length > 0)
        throw new RefusedStart(
          'server/identity-missing',
          `identity.json is missing, but ${name} is there; nothing was changed: restore identity.json from a backup`,
        );
    }
    if (identity === 'new' && this.deps.pools.length > 0)
      throw new RefusedStart(
        'server/identity-missing',
        'identity.json and the log are missing, but the server owns pools; nothing was changed: restore the files from a backup, or fail over to the other site',
      );
  }

  /** Opens a pool behind a new epoch: what an earlier incarnation still has in flight is refused by the array. */
  private async openPool(
    poolId: string,
    arrayId: string,
    logId: string,
    minimumLabel: number | undefined,
  ): Promise<void> {
    const { runtime, logStorage } = this.deps;
    const refused = this.deps.refusedArrays?.get(arrayId);
    if (refused !== undefined) throw new RefusedStart(refused.code, refused.message);
    const shelf = this.deps.shelves.get(arrayId);
    if (shelf === undefined) throw new RefusedStart('server/no-array', `the array ${arrayId} cannot be reached`);
    const onArray = shelf.epoch(poolId);
    const own = this.epochs[poolId] ?? 0;
    if (onArray > own && own > 0) {
      throw new RefusedStart(
        'server/older-than-array',
        `the array carries epoch ${String(onArray)} of pool ${poolId}, this server's own record says ${String(own)}: it is an older copy and does not serve`,
      );
    }
    const epoch = Math.max(onArray, own) + 1;
    this.epochs[poolId] = epoch;
    await writeIdentity(logStorage, runtime, { logId, epochs: this.epochs });
    await shelf.raiseEpoch(poolId, epoch);
    const handle = shelf.handle({ poolId, serverId: this.id, epoch });
    const opened = await Pool.open(
      { runtime, handle },
      minimumLabel === undefined ? { poolId } : { poolId, minimumLabel },
    );
    if (opened.kind === 'refused') throw new RefusedStart(opened.code, opened.message);
    for (const finding of opened.findings) this.event(`pool/${finding.kind}`, 'warning', poolId, finding.message);
    this.pools.set(poolId, { pool: opened.pool, handle });
  }

  private compose(): void {
    const log = this.openLog();
    const { runtime, settings } = this.deps;
    this.points = new ConsistencyPoints({
      runtime,
      log,
      pools: () => [...this.pools.values()].map((open) => open.pool),
      volumesOf: (pool) => [...this.volumesById.values()].filter((volume) => this.poolIdOf.get(volume.id) === pool.id),
      ownAttributes: (appliedSequence) => ({ applied: { logId: log.logId, sequence: appliedSequence } }),
      intervalMs: settings.cpIntervalMs,
      onPhase: (phase, cp) => {
        this.deps.onCpPhase?.(phase, cp);
      },
      onFailure: (_pool, error) => {
        this.suspend(error);
      },
      onFreed: () => {
        this.freed();
      },
    });
    this.replication = new Replication({
      runtime,
      serverId: this.id,
      log,
      settings,
      consistencyPoint: (trigger) => this.consistencyPoint(trigger),
      volume: (id) => this.volumesById.get(id),
      poolOf: (id) => this.poolOf(id),
      poolIds: () => [...this.pools.keys()],
      sharedFile: (volumeId, name, size, create) => this.handleFor(volumeId).file(name, { create, size }),
      sharedFileExists: (volumeId, name) => this.handleFor(volumeId).fileExists(name),
      sharedFileRemove: (volumeId, name) => this.handleFor(volumeId).removeFile(name),
      nameOf: this.deps.nameOf,
      deviceFailed: (error) => {
        if (error instanceof PoolFailedError) this.suspend(error);
      },
      report: (kind, severity, subject, message, details) => {
        this.event(kind, severity, subject, message, details);
      },
      gateChanged: (volumeId) => {
        this.admitVolume(volumeId);
      },
      recordsLost: (volumeId, what) => this.nvFail(volumeId, what),
    });
    this.desk = new RelationshipDesk(this.replication, runtime, this.deps.nameOf);
    log.onDurable = () => {
      this.scheduleAdvance();
    };
    log.onFailure = (error) => {
      this.event(
        'nvlog/device-failed',
        'alert',
        this.id,
        `the log device failed: ${error.message}; going on in the other half`,
      );
      this.consistencyPoint('log-failure').catch(() => undefined);
    };
  }

  private handleFor(volumeId: string | null): ShelfHandle {
    const poolId = volumeId === null ? [...this.pools.keys()][0] : (this.poolIdOf.get(volumeId) ?? volumeId);
    const open = poolId === undefined ? undefined : this.pools.get(poolId);
    if (open === undefined) throw new Error(`no pool for ${String(volumeId)}`);
    return open.handle;
  }

  private async openVolumes(endOfLog: number, lost: LostRange | null): Promise<void> {
    for (const { pool } of this.pools.values()) {
      for (const record of pool.volumes()) {
        const applied = appliedOf(record);
        if (applied !== null && applied.logId !== this.openLog().logId) {
          throw new RefusedStart(
            'server/foreign-log',
            `${record.name} was last written through another log (${applied.logId}); this server's log is not the one its disks belong to`,
          );
        }
        if (applied !== null && applied.sequence > endOfLog) {
          throw new RefusedStart(
            'server/older-log-than-disks',
            `${record.name} on disk holds record ${String(applied.sequence)}, the log ends at ${String(endOfLog)}: the log is an older copy`,
          );
        }
        const volume = this.addVolume(pool, record, applied?.sequence ?? 0);
        const relationship = relationshipOf(record);
        if (relationship !== null) await this.replication?.adopt(volume, relationship);
        const earlier = record.attributes[NVFAIL];
        if (typeof earlier === 'string') this.keepOffline(volume, earlier);
        else if (
          lost !== null &&
          volume.appliedSequence < lost.toSequence &&
          (lost.volumeIds === undefined || lost.volumeIds.includes(volume.id))
        ) {
          await this.nvFail(
            volume.id,
            `log records ${String(lost.fromSequence)} ${lost.openEnded === true ? 'and later' : `to ${String(lost.toSequence)}`}`,
          );
        }
      }
    }
  }

  private readonly nvFailed = new Map<string, string>();

  /** Acknowledged records are gone: the volume stays offline, over restarts too, until an admin has looked and said so (R22). */
  private async nvFail(volumeId: string, what: string): Promise<void> {
    const volume = this.volumeOf(volumeId);
    const message = `unflushed writes were lost (${what}); inspect the volume and acknowledge`;
    await this.poolOf(volumeId).commit({
      attributes: [{ volumeId, update: (record) => ({ ...record.attributes, [NVFAIL]: message }) }],
    });
    this.deps.runtime.covered('server/nvfail');
    this.keepOffline(volume, message);
  }

  private keepOffline(volume: LoggedVolume, message: string): void {
    this.nvFailed.set(volume.id, message);
    const rel = this.relationshipOfVolume(volume.id);
    if (rel !== undefined) rel.nvFailed = true;
    this.event('volume/nvfail', 'emergency', volume.id, `${volume.record.name}: ${message}`);
  }

  /** `ended` runs in the step in which the volume no longer counts as failed. */
  private async endNvFail(volumeId: string, ended: () => void = () => undefined): Promise<void> {
    const update = (record: VolumeRecord): JsonObject =>
      Object.fromEntries(Object.entries(record.attributes).filter(([name]) => name !== NVFAIL));
    await this.poolOf(volumeId).commit({ attributes: [{ volumeId, update }] });
    if (!this.nvFailed.delete(volumeId)) return;
    const rel = this.relationshipOfVolume(volumeId);
    if (rel !== undefined) rel.nvFailed = false;
    ended();
  }

  /** The admin has inspected the volume: it serves again, with what is left and what its mirror can give back. */
  async acknowledge(volumeId: string): Promise<void> {
    if (!this.nvFailed.has(volumeId)) return;
    const volume = this.volumeOf(volumeId);
    await this.endNvFail(volumeId, () => {
      this.event('volume/nvfail-acknowledged', 'warning', volumeId, `${volume.record.name}: the loss was acknowledged`);
      // At once: a handshake that finds the volume closed would take its gaps for its content.
      volume.setGate({ kind: 'held', reason: 'the loss was acknowledged; its mirror is asked first' });
      const rel = this.relationshipOfVolume(volumeId);
      if (rel?.record.role === 'primary') {
        this.awaitPeer(volumeId);
        this.replication?.announce(rel.id);
      }
      this.admitVolume(volumeId);
    });
  }

  private addVolume(pool: Pool, record: VolumeRecord, applied: number): LoggedVolume {
    const volume = new LoggedVolume(
      {
        runtime: this.deps.runtime,
        pool,
        log: this.openLog(),
        cache: this.cache,
        epoch: this.epochs[pool.id] ?? 0,
        onLogFull: () => {
          this.logFull();
        },
        onAppended: () => {
          this.appended();
        },
      },
      record,
      applied,
    );
    this.volumesById.set(record.id, volume);
    this.poolIdOf.set(record.id, pool.id);
    return volume;
  }

  private async replay(records: readonly LogRecord[]): Promise<void> {
    let replayed = 0;
    for (const record of records) {
      const volume = this.volumesById.get(record.volumeId);
      if (volume === undefined) continue;
      const rel = this.relationshipOfVolume(volume.id);
      switch (record.kind) {
        case 'write':
        case 'trim':
        case 'zero':
          if (await volume.replay(record)) replayed++;
          if (rel?.record.role === 'primary') rel.primary.owed.found(record);
          break;
        case 'fracture':
        case 'generation':
          if (rel !== undefined) applyControlRecord(rel, record.kind, readJsonPayload(record));
          break;
        default:
      }
    }
    if (replayed > 0) this.deps.runtime.covered('server/replayed');
  }

  /** Roots kept for reads of an earlier incarnation. */
  private async releaseViews(): Promise<void> {
    for (const { pool } of this.pools.values()) {
      const release = pool
        .volumes()
        .flatMap((record) =>
          record.keptRoots
            .filter((root) => root.name.startsWith(VIEW_PREFIX) || root.purpose === 'resync')
            .map((root) => ({ volumeId: record.id, name: root.name })),
        );
      if (release.length > 0) await pool.commit({ release });
    }
  }

  async shutdown(): Promise<void> {
    if (this.state.kind !== 'up') return;
    this.state = { kind: 'stopping' };
    for (const volume of this.volumesById.values()) volume.setGate({ kind: 'held', reason: 'the server stops' });
    // What cannot be written now stays in the log.
    for (const { pool } of this.pools.values()) pool.waitForRoom(null);
    try {
      if (this.points?.failed === false) await this.points.request('shutdown');
    } catch (error) {
      this.event(
        'server/shutdown-incomplete',
        'warning',
        this.id,
        error instanceof Error ? error.message : String(error),
      );
    }
    this.points?.stop();
    this.replication?.stop();
    for (const volume of this.volumesById.values()) {
      volume.failWaiting('volume/offline', 'the server stops');
      volume.failPending('volume/offline', 'the server stops');
    }
    for (const { pool } of this.pools.values()) await pool.close();
    await this.log?.close();
  }

  // --- admission ---------------------------------------------------------------------------------------------------

  private admit(): void {
    for (const rel of this.replication?.all() ?? [])
      if (rel.record.role === 'primary') this.awaitPeer(rel.deps.volume.id);
    for (const volume of this.volumesById.values()) this.admitVolume(volume.id);
  }

  private awaitPeer(volumeId: string): void {
    const wait = {};
    this.awaiting.set(volumeId, wait);
    // A wait that ended and began anew has its whole time again.
    this.deps.runtime.clock.after(this.deps.settings.peerWaitMs, () => {
      if (this.awaiting.get(volumeId) === wait) this.endPeerWait([volumeId]);
    });
  }

  /** Primary bias: nobody was heard for `peerWaitMs`; mirrored volumes serve as fractured (architecture.md 5). */
  endPeerWait(volumeIds: readonly string[] = [...this.awaiting.keys()]): void {
    for (const volumeId of volumeIds) {
      this.awaiting.delete(volumeId);
      const rel = this.relationshipOfVolume(volumeId);
      if (rel?.record.role !== 'primary' || rel.deps.volume.gate.kind !== 'held' || rel.record.image === 'Diverged')
        continue;
      this.deps.runtime.covered('server/primary-bias');
      if (rel.primary.mode === 'marked' && rel.record.fracture === null && rel.record.image === 'Synchronized') {
        void rel.primary.isolate('restart', 'the peer was not heard after the start').then(() => {
          this.admitVolume(volumeId);
        });
      } else this.admitVolume(volumeId);
    }
  }

  /** Decides who may use a volume, from its role and what its mirror waits for. */
  private admitVolume(volumeId: string): void {
    const volume = this.volumesById.get(volumeId);
    if (volume === undefined || this.state.kind !== 'up') return;
    const rel = this.relationshipOfVolume(volumeId);
    // An image that became equal to its source again misses nothing any more.
    if (rel?.record.role === 'secondary' && rel.record.image === 'Synchronized' && this.nvFailed.has(volumeId))
      this.endNvFail(volumeId).catch(() => undefined);
    const lost = this.nvFailed.get(volumeId);
    if (lost !== undefined && rel?.record.role !== 'secondary')
      return volume.setGate({ kind: 'closed', code: 'volume/offline', message: lost });
    if (rel === undefined) return volume.setGate({ kind: 'open' });
    if (rel.record.role === 'secondary') {
      this.awaiting.delete(volumeId);
      return volume.setGate({
        kind: 'closed',
        code: 'volume/not-owner',
        message: `${volume.record.name} is the secondary of mirror ${rel.record.name}; ${this.deps.nameOf(rel.record.peerServerId)} serves it`,
      });
    }
    // A primary that is being overwritten is a mixture until that has finished.
    if (rel.primary.holdsHosts || rel.record.resync?.kind === 'overwrite-primary') return;
    if (volume.gate.kind === 'open' || (rel.record.image === 'Diverged' && volume.gate.kind === 'held')) return;
    const fresh = rel.record.image === 'NotEstablished' || this.deps.runtime.planted('serve-before-handshake');
    // A copy that is no longer in sync says so durably: hosts may write here once the peer cannot have been promoted unseen.
    const apart =
      rel.record.fracture !== null ||
      rel.record.image === 'OutOfSync' ||
      rel.record.image === 'Synchronizing' ||
      rel.record.image === 'Outdated';
    const met = !this.awaiting.has(volumeId) || this.handshakeDone(rel);
    if (!fresh && !rel.primary.inSync && !(apart && met)) {
      // Made primary by a planned swap: if the other side is lost before it joins, primary bias holds here as after a start.
      if (!apart && !this.awaiting.has(volumeId)) this.awaitPeer(volumeId);
      return;
    }
    this.awaiting.delete(volumeId);
    volume.setGate({ kind: 'open' });
  }

  /** The peer's view of this session says that this side is still primary. */
  private handshakeDone(rel: Relationship): boolean {
    const view = this.replication?.roles.view(rel.id);
    return view !== undefined && view.role === 'secondary' && view.roleEpoch <= rel.record.roleEpoch;
  }

  // --- events inside -----------------------------------------------------------------------------------------------

  private scheduleAdvance(): void {
    if (this.advanceScheduled) return;
    this.advanceScheduled = true;
    void Promise.resolve().then(() => {
      this.advanceScheduled = false;
      for (const volume of this.volumesById.values()) volume.advance();
    });
  }

  private appended(): void {
    if (this.points?.busy !== false) return;
    const fill = this.openLog().fill();
    const active = fill.halves[fill.active];
    if (active.usedBytes * 2 > active.sizeBytes) this.consistencyPoint('half-full').catch(() => undefined);
  }

  private logFull(): void {
    if (this.points?.failed === true) return;
    if (this.points?.busy === true) {
      if (this.backToBackSinceMs === null) {
        this.backToBackSinceMs = this.deps.runtime.clock.nowMs();
        this.deps.runtime.covered('cp/back-to-back');
        this.event('cp/back-to-back', 'warning', this.id, 'both log halves are busy: writers wait');
      }
      // The running point frees its half before it counts as ended: the next one has to be asked for now.
      this.consistencyPoint('back-to-back').catch(() => undefined);
      return;
    }
    this.consistencyPoint('half-full').catch(() => undefined);
  }

  private freed(): void {
    if (this.backToBackSinceMs !== null) {
      const durationMs = Math.round(this.deps.runtime.clock.nowMs() - this.backToBackSinceMs);
      this.event('cp/back-to-back-ended', 'notice', this.id, `writers waited ${String(durationMs)} ms for a log half`);
      this.backToBackSinceMs = null;
    }
    for (const volume of this.volumesById.values()) volume.retryWaiting();
  }

  private waitForRoom(pool: Pool): void {
    pool.waitForRoom((reason) => {
      this.roomChanged(pool.id, reason);
    });
  }

  /** Scenario 68: a consistency point that finds no room in the file system waits in place, and goes on in place. */
  private roomChanged(poolId: string, reason: string | null): void {
    const change = this.suspension.change(poolId, reason);
    if (change === 'begins' && this.state.kind === 'up') {
      const why = reason ?? 'no space';
      this.state = { kind: 'suspended', reason: why, inPlace: true };
      this.deps.runtime.covered('server/suspended-in-place');
      this.event('server/suspended', 'emergency', this.id, `a consistency point waits for room: ${why}`);
      this.suspension.close(`suspended: ${why}`);
    } else if (change === 'ends' && this.state.kind === 'suspended' && this.state.inPlace === true) {
      this.state = { kind: 'up' };
      this.deps.runtime.covered('server/resumed-in-place');
      this.event('server/resumed', 'notice', this.id, `${this.deps.name} serves again: the file system has room`);
      this.suspension.reopen((volumeId) => {
        this.admitVolume(volumeId);
      });
      // Volumes that were created or decided about meanwhile.
      for (const id of this.volumesById.keys()) this.admitVolume(id);
    }
  }

  /** Nothing that needs a label of its own is begun while labels cannot be written: it would wait without a word. */
  private needRoom(): void {
    if (this.state.kind === 'suspended')
      throw new VolumeError('volume/suspended', `${this.deps.name} is suspended: ${this.state.reason}`);
  }

  private suspend(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (this.state.kind === 'stopping') return;
    this.state = { kind: 'suspended', reason };
    this.deps.runtime.covered('server/suspended');
    this.event('server/suspended', 'emergency', this.id, `a consistency point could not be finished: ${reason}`);
    for (const volume of this.volumesById.values()) {
      volume.setGate({ kind: 'closed', code: 'volume/suspended', message: `suspended: ${reason}` });
      volume.failPending('volume/suspended', `suspended: ${reason}`);
    }
  }

  private event(kind: string, severity: Severity, subject: string, message: string, details?: JsonObject): void {
    const event: ServerEvent =
      details === undefined ? { kind, severity, subject, message } : { kind, severity, subject, message, details };
    this.deps.report(event);
  }

  // --- look-ups ----------------------------------------------------------------------------------------------------

  private openLog(): Log {
    if (this.log === null) throw new VolumeError('volume/offline', 'the server is not up');
    return this.log;
  }

  private volumeOf(id: string): LoggedVolume {
    const volume = this.volumesById.get(id);
    if (volume === undefined) throw new VolumeError('volume/offline', `no volume ${id} on ${this.deps.name}`);
    return volume;
  }

  private poolOf(volumeId: string): Pool {
    const open = this.pools.get(this.poolIdOf.get(volumeId) ?? '');
    if (open === undefined) throw new VolumeError('volume/offline', `no pool for volume ${volumeId}`);
    return open.pool;
  }

  private relationshipOfVolume(volumeId: string): Relationship | undefined {
    return this.replication?.all().find((rel) => rel.deps.volume.id === volumeId);
  }

  private relationshipOf(id: string): Relationship {
    const rel = this.replication?.get(id);
    if (rel === undefined) throw new VolumeError('volume/offline', `no relationship ${id} on ${this.deps.name}`);
    return rel;
  }

  // --- public face -------------------------------------------------------------------------------------------------

  status(): ServerStatus {
    return {
      id: this.id,
      state: this.state,
      incarnation: this.log?.incarnation ?? 0,
      log: this.log?.fill() ?? { active: 0, halves: [] },
      cps: this.points?.history() ?? [],
      backToBackSinceMs: this.backToBackSinceMs,
      peers: this.replication?.peerStates() ?? [],
      pools: [...this.pools.values()].map(({ pool }) => poolStatus(pool)),
    };
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
    this.needRoom();
    const epoch = shelf.epoch(spec.id) + 1;
    this.epochs[spec.id] = epoch;
    await writeIdentity(this.deps.logStorage, this.deps.runtime, { logId: this.openLog().logId, epochs: this.epochs });
    await shelf.raiseEpoch(spec.id, epoch);
    const handle = shelf.handle({ poolId: spec.id, serverId: this.id, epoch });
    const pool = await Pool.create({ runtime: this.deps.runtime, handle }, spec as Parameters<typeof Pool.create>[1]);
    this.pools.set(spec.id, { pool, handle });
    this.waitForRoom(pool);
  }

  volumes(): readonly VolumeStatus[] {
    return [...this.volumesById.values()].map((volume) => {
      const rel = this.relationshipOfVolume(volume.id);
      return {
        id: volume.id,
        name: volume.record.name,
        poolId: this.poolIdOf.get(volume.id) ?? '',
        sizeBytes: volume.sizeBytes,
        usedBytes: volume.record.usedBlocks * 4096,
        ...volumeState(volume, rel),
        cp: volume.record.cp,
        sequence: rel?.record.role === 'secondary' ? rel.imageSequence : volume.lastSequence,
        relationshipId: rel?.id ?? null,
        counters: { ...volume.counters },
      };
    });
  }

  async createVolume(spec: {
    readonly id: string;
    readonly name: string;
    readonly poolId: string;
    readonly sizeBytes: number;
  }): Promise<void> {
    this.needRoom();
    const open = this.pools.get(spec.poolId);
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
    this.admitVolume(spec.id);
  }

  async growVolume(volumeId: string, sizeBytes: number): Promise<ActionOutcome> {
    this.needRoom();
    const sizeBlocks = Math.ceil(sizeBytes / 4096);
    const rel = this.replication?.all().find((one) => one.deps.volume.id === volumeId);
    if (rel !== undefined && this.desk !== null) return this.desk.grow(rel, sizeBlocks);
    await this.poolOf(volumeId).commit({ resize: [{ volumeId, sizeBlocks }] });
    return { kind: 'done', result: { sizeBytes: sizeBlocks * 4096 } };
  }

  async removeVolume(volumeId: string): Promise<void> {
    this.needRoom();
    const volume = this.volumeOf(volumeId);
    volume.setGate({ kind: 'closed', code: 'volume/offline', message: 'the volume is being deleted' });
    await this.consistencyPoint('admin');
    this.volumesById.delete(volumeId);
    await this.poolOf(volumeId).commit({ remove: [volumeId] });
    this.poolIdOf.delete(volumeId);
    this.cache.dropVolume(volumeId);
  }

  hostVolume(volumeId: string): HostVolume {
    const volume = this.volumeOf(volumeId);
    const readable = (): void => {
      // A volume that only waits for room can be read.
      if (
        volume.gate.kind === 'closed' &&
        !(volume.gate.code === 'volume/suspended' && this.state.kind === 'suspended' && this.state.inPlace === true)
      )
        throw new VolumeError(volume.gate.code, volume.gate.message);
    };
    return {
      id: volumeId,
      get sizeBytes(): number {
        return volume.sizeBytes;
      },
      read: async (offset, length) => {
        readable();
        return volume.read(offset, length);
      },
      write: (offset, data) => volume.write(offset, data),
      trim: (offset, length) => volume.trim(offset, length),
      zero: (offset, length) => volume.zero(offset, length),
    };
  }

  async frozenView(volumeId: string): ReturnType<StorageServerFace['frozenView']> {
    this.needRoom();
    const volume = this.volumeOf(volumeId);
    const name = `${VIEW_PREFIX}${this.deps.runtime.random.id()}`;
    return openFrozenView({
      name,
      volume,
      pool: this.poolOf(volumeId),
      rel: this.relationshipOfVolume(volumeId) ?? null,
      consistencyPoint: (trigger) => this.consistencyPoint(trigger),
    });
  }

  consistencyPoint(trigger: CpTrigger): Promise<CpSummary> {
    if (this.points === null) return Promise.reject(new VolumeError('volume/offline', 'the server is not up'));
    return this.points.request(trigger);
  }

  async createRelationship(spec: Parameters<StorageServerFace['createRelationship']>[0]): Promise<ActionOutcome> {
    this.needRoom();
    const desk = this.openDesk();
    return desk.create(this.volumeOf(spec.volumeId), spec);
  }

  relationships(): readonly RelationshipStatus[] {
    return (this.replication?.all() ?? []).map((rel) => this.openDesk().status(rel));
  }

  async preview(relationshipId: string, action: string): Promise<ActionPreview> {
    return this.openDesk().preview(this.relationshipOf(relationshipId), action);
  }

  async act(relationshipId: string, action: string, options: ActionOptions): Promise<ActionOutcome> {
    this.needRoom();
    return this.openDesk().act(this.relationshipOf(relationshipId), action, options);
  }

  private openDesk(): RelationshipDesk {
    if (this.desk === null) throw new VolumeError('volume/offline', 'the server is not up');
    return this.desk;
  }

  async check(repair = false): ReturnType<StorageServerFace['check']> {
    const problems: Awaited<ReturnType<StorageServerFace['check']>>[number][] = [];
    for (const { pool, handle } of this.pools.values()) {
      const array = `arrays/${this.deps.nameOf(handle.arrayId)}`;
      for (const { kind, where, message, place, repaired } of await pool.check({ repair })) {
        problems.push({
          file: place === undefined ? array : `${array}/disk-${String(place.slot)}.img`,
          offset: place?.offset ?? null,
          expected: EXPECTED[kind],
          found: `pool ${pool.name}, ${where}: ${message}`,
          repaired: repaired ?? false,
        });
      }
    }
    return problems;
  }
}

const EXPECTED: Readonly<Record<Problem['kind'], string>> = {
  checksum: 'a block that matches the checksum in its pointer',
  parity: 'parity and copies that agree with the data',
  leak: 'every allocated block in use',
  unallocated: 'every used block allocated',
  'double-use': 'every block used once',
  label: 'the space map that the label names',
  deadlist: 'deadlists that hold superseded blocks only',
  'out-of-range': 'pointers inside the pool',
  count: 'a count of the mapped blocks that is right',
};

export class RefusedStart extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'RefusedStart';
    this.code = code;
  }
}

function appliedOf(record: VolumeRecord): { readonly logId: string; readonly sequence: number } | null {
  const applied = record.attributes['applied'];
  if (typeof applied !== 'object' || applied === null || Array.isArray(applied)) return null;
  const { logId, sequence } = applied as { readonly logId?: unknown; readonly sequence?: unknown };
  return typeof logId === 'string' && typeof sequence === 'number' ? { logId, sequence } : null;
}

function relationshipOf(record: VolumeRecord): Relationship['record'] | null {
  return (record.attributes['relationship'] ?? null) as unknown as Relationship['record'] | null;
}

function volumeState(volume: LoggedVolume, rel: Relationship | undefined): Pick<VolumeStatus, 'state' | 'stateReason'> {
  const gate = volume.gate;
  if (rel?.record.role === 'secondary')
    return {
      state: rel.record.fenced ? 'fenced' : 'secondary',
      stateReason: gate.kind === 'closed' ? gate.message : null,
    };
  if (gate.kind === 'open') return { state: 'online', stateReason: null };
  if (gate.kind === 'held') return { state: 'waiting', stateReason: gate.reason };
  return { state: gate.code === 'volume/suspended' ? 'suspended' : 'offline', stateReason: gate.message };
}

function poolStatus(pool: Pool): PoolStatus {
  const { totalBlocks, usedBlocks, freeBlocks } = pool.capacity();
  return {
    id: pool.id,
    name: pool.name,
    label: pool.lastLabel,
    totalBytes: totalBlocks * 4096,
    usedBytes: usedBlocks * 4096,
    freeBytes: freeBlocks * 4096,
    state: pool.state,
  };
}

export { directionOf };

/** Workloads of the lab: one at a time per volume, one ledger per volume, shown also after their end. */
import { audit, defaultSettings, Ledger, Workload, type AuditResult, type BlockTarget } from '../host/index.ts';
import type { Audit, Profile, Workload as WorkloadShown } from '../contract/index.ts';
import type { Clock, Random, Storage } from '../runtime/index.ts';
import type { Catalog } from './catalog/index.ts';
import type { EventStream } from './event-stream.ts';
import type { Jobs } from './jobs.ts';
import { instant } from './instant.ts';
import { Refused, refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { Topology, VolumeRecord } from './topology.ts';

const BLOCK = 4096;
const LEDGERS = 'ledgers/';
/** What a killed host forgets of a workload's counts at most; the ledger forgets nothing. */
const SAVE_EVERY_MS = 5_000;

interface StoredWorkload extends Omit<WorkloadShown, 'startedAt' | 'endedAt' | 'operationsPerSecond'> {
  readonly volumeId: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
}

interface LiveWorkload {
  stored: StoredWorkload;
  readonly workload: Workload;
  rate: { atMs: number; operations: number; perSecond: number };
  savedAtMs: number;
}

export interface WorkloadRequest {
  readonly volume: VolumeRecord;
  readonly profile?: Profile | undefined;
  readonly queueDepth?: number | undefined;
  readonly ratePerSecond?: number | undefined;
  readonly readPercent?: number | undefined;
}

export interface WorkloadsEnvironment {
  readonly catalog: Catalog;
  readonly events: EventStream;
  readonly jobs: Jobs;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly target: (volume: VolumeRecord) => BlockTarget;
  readonly changed: () => void;
  readonly measured: (volumeId: string, latencyMs: number) => void;
  readonly changes: Serial;
}

export class Workloads {
  readonly #environment: WorkloadsEnvironment;
  readonly #live = new Map<string, LiveWorkload>();
  readonly #ledgers = new Map<string, Promise<Ledger>>();
  /** Foreign writes and audits of one volume run one after the other. */
  readonly #exclusive = new Map<string, Promise<unknown>>();
  readonly #exclusiveNow = new Set<string>();
  readonly #held = new Set<string>();
  /** Asked by a drill: after each acknowledged request. */
  readonly #observers = new Set<(volumeId: string, issuedAtMs: number, atMs: number) => void>();

  constructor(environment: WorkloadsEnvironment) {
    this.#environment = environment;
  }

  /** At opening: what ran when the host ended shows as interrupted. */
  recover(): void {
    const { catalog, clock } = this.#environment;
    for (const document of catalog.all('workloads')) {
      const stored = document.body as StoredWorkload;
      if (stored.endedAtMs !== null) continue;
      this.#save({ ...stored, state: 'interrupted', cause: 'the host that ran it ended', endedAtMs: clock.wallMs() });
    }
  }

  observe(observer: (volumeId: string, issuedAtMs: number, atMs: number) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  start(request: WorkloadRequest): Promise<WorkloadShown> {
    const { changes, topology } = this.#environment;
    return changes.run(() => this.#start({ ...request, volume: topology.volumes.still(request.volume) }));
  }

  async #start(request: WorkloadRequest): Promise<WorkloadShown> {
    const { topology, clock, random, target, events, jobs } = this.#environment;
    const { volume } = request;
    const mirror = topology.mirrorOfVolume(volume.id);
    if (mirror !== undefined && mirror.destinationVolumeId === volume.id) {
      refuse(
        'workload/secondary',
        `${volume.name} is the copy of ${topology.volumes.nameOf(mirror.sourceVolumeId)}.`,
        `Start the workload on ${topology.volumes.nameOf(mirror.sourceVolumeId)}: its name follows the acting side.`,
        { field: 'volume' },
      );
    }
    jobs.refuseWhileImporting(volume.name);
    const other = [...this.#live.values()].find((live) => live.stored.volumeId === volume.id);
    if (other !== undefined)
      refuse(
        'workload/overlapping',
        `A workload (${other.stored.id}) runs on ${volume.name} already.`,
        'Stop it first; the next one continues its ledger.',
        { field: 'volume' },
      );
    const ledger = await this.ledger(volume);
    const defaults = defaultSettings(request.profile ?? 'random');
    const settings = {
      ...defaults,
      queueDepth: request.queueDepth ?? defaults.queueDepth,
      ratePerSecond: request.ratePerSecond ?? defaults.ratePerSecond,
      readPercent: request.readPercent ?? defaults.readPercent,
    };
    const id = random.id();
    const stored: StoredWorkload = {
      id,
      volumeId: volume.id,
      volume: volume.name,
      profile: settings.profile,
      queueDepth: settings.queueDepth,
      ratePerSecond: settings.ratePerSecond,
      readPercent: settings.readPercent,
      state: 'running',
      cause: null,
      startedAtMs: clock.wallMs(),
      endedAtMs: null,
      acknowledgedWrites: 0,
      verifiedReads: 0,
      failedOperations: 0,
    };
    this.#save(stored);
    const workload = new Workload({
      clock,
      random,
      ledger,
      target: target(volume),
      settings,
      onAcknowledged: (_blocks, issuedAtMs, atMs) => {
        this.#environment.measured(volume.id, atMs - issuedAtMs);
        for (const observer of this.#observers) observer(volume.id, issuedAtMs, atMs);
      },
      onViolation: (finding) => {
        events.append({
          kind: 'workload/violation',
          severity: 'critical',
          subject: `volume/${volume.name}`,
          message: `Block ${finding.vbn} of ${volume.name} is ${finding.kind}: sequence ${finding.promisedSequence} was acknowledged, ${finding.foundSequence} was read`,
          details: { ...finding },
        });
      },
      onFailed: (reason) => {
        const live = this.#live.get(id);
        if (live === undefined) return;
        this.#end(live, 'failed', reason);
        events.append({
          kind: 'workload/failed',
          severity: 'error',
          subject: `volume/${volume.name}`,
          message: `The workload on ${volume.name} failed: ${reason}`,
        });
      },
    });
    this.#live.set(id, {
      stored,
      workload,
      rate: { atMs: clock.nowMs(), operations: 0, perSecond: 0 },
      savedAtMs: clock.nowMs(),
    });
    events.append({
      kind: 'workload/started',
      severity: 'info',
      subject: `volume/${volume.name}`,
      message: `A ${settings.profile} workload writes to ${volume.name}`,
      details: { workload: id },
    });
    this.#environment.changed();
    return this.#present(stored);
  }

  async stop(ref?: string): Promise<WorkloadShown[]> {
    const live = ref === undefined ? [...this.#live.values()] : [this.#find(ref)];
    return Promise.all(
      live.map(async (one) => {
        await one.workload.stop();
        if (this.#live.has(one.stored.id)) {
          this.#end(one, 'stopped', null);
          this.#environment.events.append({
            kind: 'workload/stopped',
            severity: 'info',
            subject: `volume/${one.stored.volume}`,
            message: `The workload on ${one.stored.volume} stopped`,
            details: { workload: one.stored.id },
          });
        }
        return this.#present(one.stored);
      }),
    );
  }

  list(): WorkloadShown[] {
    return this.#environment.catalog.all('workloads').map((document) => {
      const live = this.#live.get(document.id);
      return this.#present(live === undefined ? (document.body as StoredWorkload) : this.#refreshed(live));
    });
  }

  runningOn(volumeId: string): WorkloadShown | null {
    const live = [...this.#live.values()].find((one) => one.stored.volumeId === volumeId);
    return live === undefined ? null : this.#present(this.#refreshed(live));
  }

  /** Rates, about once a second. */
  tick(): void {
    const nowMs = this.#environment.clock.nowMs();
    for (const live of this.#live.values()) {
      const status = live.workload.status();
      const operations = status.acknowledgedWrites + status.readBlocks;
      const elapsedMs = nowMs - live.rate.atMs;
      if (nowMs - live.savedAtMs >= SAVE_EVERY_MS) {
        live.savedAtMs = nowMs;
        this.#save(this.#refreshed(live));
      }
      if (elapsedMs >= 500)
        live.rate = { atMs: nowMs, operations, perSecond: ((operations - live.rate.operations) / elapsedMs) * 1000 };
    }
  }

  /** The volume's one ledger; refuses where its file is damaged or newer. */
  ledger(volume: VolumeRecord): Promise<Ledger> {
    const known = this.#ledgers.get(volume.id);
    if (known !== undefined) return known;
    const opening = this.#openLedger(volume);
    this.#ledgers.set(volume.id, opening);
    opening.catch(() => this.#ledgers.delete(volume.id));
    return opening;
  }

  async #openLedger(volume: VolumeRecord): Promise<Ledger> {
    const { storage, random, clock, events } = this.#environment;
    const path = this.#ledgerPath(volume);
    const result = await Ledger.open({
      storage,
      path,
      random,
      wallMs: clock.wallMs(),
      volumeBlocks: Math.ceil(volume.sizeBytes / BLOCK),
    });
    if (!result.ok) {
      refuse(
        'workload/ledger-unusable',
        `The ledger of ${volume.name} is ${result.reason}: ${result.problem.file} offset ${result.problem.offset}: expected ${result.problem.expected}, found ${result.problem.found}.`,
        'Move the file away to begin a new ledger; what was promised before can then no longer be proved.',
        { details: { ...result.problem } },
      );
    }
    if (result.tornTailAt !== null) {
      events.append({
        kind: 'workload/ledger-cut',
        severity: 'notice',
        subject: `volume/${volume.name}`,
        message: `The ledger of ${volume.name} ended in a torn record at offset ${result.tornTailAt}; it was cut there`,
      });
    }
    return result.ledger;
  }

  #ledgerPath(volume: VolumeRecord): string {
    return `${LEDGERS}${this.#environment.topology.volumes.filesOf(volume)}.ledger`;
  }

  hasLedger(volume: VolumeRecord): Promise<boolean> {
    return this.#ledgers.has(volume.id)
      ? Promise.resolve(true)
      : this.#environment.storage.exists(this.#ledgerPath(volume));
  }

  /** With the volume's workloads paused, and nobody else's foreign write or audit under way. */
  async quietly<T>(volume: VolumeRecord, run: () => Promise<T>): Promise<T> {
    const before = this.#exclusive.get(volume.id) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(async () => {
        const paused = [...this.#live.values()].filter((live) => live.stored.volumeId === volume.id);
        this.#exclusiveNow.add(volume.id);
        try {
          await Promise.all(paused.map((live) => live.workload.pause()));
          return await run();
        } finally {
          this.#exclusiveNow.delete(volume.id);
          if (!this.#held.has(volume.id)) for (const live of paused) live.workload.resume();
        }
      });
    this.#exclusive.set(
      volume.id,
      mine.catch(() => undefined),
    );
    return mine;
  }

  /** Keeps the volume's workload paused until `release`; resolves when nothing is in flight. */
  async hold(volume: VolumeRecord): Promise<void> {
    this.#held.add(volume.id);
    for (const live of this.#live.values()) if (live.stored.volumeId === volume.id) await live.workload.pause();
  }

  release(volume: VolumeRecord): void {
    this.#held.delete(volume.id);
    if (this.#exclusiveNow.has(volume.id)) return;
    for (const live of this.#live.values()) if (live.stored.volumeId === volume.id) live.workload.resume();
  }

  async foreignWrite<T>(volume: VolumeRecord, offset: number, length: number, write: () => Promise<T>): Promise<T> {
    return this.quietly(volume, async () => {
      if (await this.hasLedger(volume)) await this.#void(volume, offset, length);
      return write();
    });
  }

  /** A ledger that cannot be read stands in nobody's way: what it promised cannot be proved any more. */
  async #void(volume: VolumeRecord, offset: number, length: number): Promise<void> {
    let ledger: Ledger;
    try {
      ledger = await this.ledger(volume);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#environment.events.append({
        kind: 'workload/ledger-unusable',
        severity: 'warning',
        subject: `volume/${volume.name}`,
        message: `${volume.name} was overwritten although its ledger cannot be told: ${error.refusal.message}`,
      });
      return;
    }
    const first = Math.floor(offset / BLOCK);
    await ledger.void(first, Math.ceil((offset + length) / BLOCK) - first);
  }

  async auditVolume(volume: VolumeRecord, onProgress?: (fraction: number) => void): Promise<AuditResult> {
    const ledger = await this.ledger(volume);
    return this.quietly(volume, () => audit(ledger, this.#environment.target(volume), onProgress));
  }

  /** All ledgers where nothing is named. */
  async audit(which: {
    readonly workload?: string | undefined;
    readonly volume?: VolumeRecord | undefined;
  }): Promise<Audit> {
    const { topology } = this.#environment;
    let volumes: VolumeRecord[];
    if (which.volume !== undefined) {
      volumes = [which.volume];
      if (!(await this.hasLedger(which.volume)))
        refuse('workload/no-ledger', `No workload ever wrote to ${which.volume.name}.`, 'Start one, then audit it.', {
          field: 'volume',
        });
    } else if (which.workload !== undefined) {
      const id = which.workload;
      const stored = this.#environment.catalog.all('workloads').find((document) => document.id === id)?.body as
        StoredWorkload | undefined;
      if (stored === undefined)
        refuse('workload/not-found', `There is no workload ${id}.`, 'List the workloads to see their ids.', {
          field: 'workload',
        });
      volumes = [topology.volumes.get(stored.volumeId)];
    } else {
      volumes = [];
      for (const volume of topology.volumes.list()) if (await this.hasLedger(volume)) volumes.push(volume);
    }
    const rows = [];
    const sums = { acknowledged: 0, verified: 0, lost: 0, torn: 0, stale: 0, misplaced: 0 };
    for (const volume of volumes) {
      const { acknowledged, verified, lost, torn, stale, misplaced } = await this.auditVolume(volume);
      const counts = { acknowledged, verified, lost, torn, stale, misplaced };
      for (const key of ['acknowledged', 'verified', 'lost', 'torn', 'stale', 'misplaced'] as const)
        sums[key] += counts[key];
      rows.push({ volume: volume.name, ...counts });
    }
    return { ...sums, volumes: rows };
  }

  /** The volume is deleted: so is what was promised about it. */
  async forget(volume: VolumeRecord): Promise<void> {
    const ledger = await this.#ledgers.get(volume.id)?.catch(() => null);
    this.#ledgers.delete(volume.id);
    await ledger?.close();
    const path = this.#ledgerPath(volume);
    if (await this.#environment.storage.exists(path)) await this.#environment.storage.remove(path);
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#live.values()].map(async (live) => {
        await live.workload.stop();
        this.#end(live, 'interrupted', 'the host ended');
      }),
    );
    for (const opening of this.#ledgers.values()) await (await opening.catch(() => null))?.close();
    this.#ledgers.clear();
  }

  #find(ref: string): LiveWorkload {
    const live = this.#live.get(ref);
    if (live !== undefined) return live;
    if (this.#environment.catalog.get('workloads', ref) !== null)
      refuse('workload/ended', `The workload ${ref} has ended already.`, 'There is nothing to stop.', {
        field: 'workload',
      });
    refuse('workload/not-found', `There is no workload ${ref}.`, 'List the workloads to see their ids.', {
      field: 'workload',
    });
  }

  #end(live: LiveWorkload, state: 'stopped' | 'failed' | 'interrupted', cause: string | null): void {
    live.stored = { ...this.#refreshed(live), state, cause, endedAtMs: this.#environment.clock.wallMs() };
    this.#live.delete(live.stored.id);
    this.#save(live.stored);
    this.#environment.changed();
  }

  #refreshed(live: LiveWorkload): StoredWorkload {
    const status = live.workload.status();
    const state = status.state === 'paused' ? 'paused' : status.stalled ? 'stalled' : live.stored.state;
    live.stored = {
      ...live.stored,
      state: status.state === 'running' && !status.stalled ? 'running' : state,
      cause: status.stalled ? status.lastError : null,
      acknowledgedWrites: status.acknowledgedWrites,
      verifiedReads: status.readBlocks,
      failedOperations: status.failedRequests,
    };
    return live.stored;
  }

  #save(stored: StoredWorkload): void {
    this.#environment.catalog.put('workloads', { id: stored.id, name: stored.id, body: stored });
  }

  #present(stored: StoredWorkload): WorkloadShown {
    const { volumeId: _volumeId, startedAtMs, endedAtMs, ...shown } = stored;
    return {
      ...shown,
      startedAt: instant(startedAtMs),
      endedAt: endedAtMs === null ? null : instant(endedAtMs),
      operationsPerSecond: endedAtMs === null ? (this.#live.get(stored.id)?.rate.perSecond ?? 0) : 0,
    };
  }
}

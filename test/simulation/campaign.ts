/** One seed: a random lab, hosts, a nemesis, and the judgement of everything they see. */
import type { ActionOptions, CpPhase, CpSummary, RelationshipStatus, ServerEvent, StorageServer } from '../../src-engine/lab/server/index.ts';
import { StorageError, type PlantedBug } from '../../src-engine/runtime/index.ts';
import { createSimulatedWorld, type Prng, type SimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';
import { VolumeError } from '../../src-engine/volume/index.ts';
import { Host } from './hosts.ts';
import { VolumeModel, type Write } from './model.ts';
import { Nemesis, type ProfileName } from './nemesis.ts';
import { DIRECTED, directed, Driver, type DirectedName, type DirectedScenario } from './directed/index.ts';
import { planLab, type LabPlan, type VolumePlan } from './plan.ts';
import { Site } from './site.ts';
import { finish } from './finish.ts';
import { stampRange } from './content.ts';

export interface SeedOptions {
  readonly planted?: ReadonlySet<PlantedBug>;
  /** Named emphasis of the nemesis; drawn from the seed when absent. */
  readonly profile?: ProfileName;
  /** One sequence of events instead of hosts and a nemesis. */
  readonly directed?: DirectedName;
  readonly verbose?: boolean;
  /** Requests that touch this cell go into the trace. */
  readonly watch?: { readonly volume: string; readonly cell: number };
}

export interface SeedResult {
  readonly seed: number;
  readonly violation: string | null;
  /** What was done and reported, newest last. */
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly marks: ReadonlyMap<string, number>;
  readonly fingerprint: number;
  readonly steps: number;
  readonly profile: ProfileName | DirectedName;
  /** Requests of hosts that were acknowledged. */
  readonly acknowledged: number;
}

export class ViolationError extends Error {}

interface Promotion {
  readonly kind: 'failover' | 'swap';
  /** The side that becomes primary, and the epoch it had before. */
  readonly side: number;
  readonly epoch: number;
  /** Tick of the crash of that side, if it came first. */
  crashedAt: number | null;
}

function promotionBy(subject: Subject, side: number, action: string): Promotion | null {
  const to = action === 'failover' ? side : action === 'switchover' || action === 'failback' ? 1 - side : null;
  if (to === null) return null;
  const { roleEpoch } = subject.status(to) ?? subject.status(side) ?? { roleEpoch: 0 };
  return { kind: to === side ? 'failover' : 'swap', side: to, epoch: roleEpoch, crashedAt: null };
}

/** A volume, or a pair of them, with everything the harness knows of it. */
export class Subject {
  readonly plan: VolumePlan;
  readonly model: VolumeModel;
  readonly sites: readonly Site[];
  readonly volumeIds: readonly string[];
  readonly relationshipId: string | null;
  parted = false;
  /** Changes of roles that were asked for and not reported yet: a crash may come between their label and their report. */
  readonly promotions = new Set<Promotion>();
  /** The side that fractured the pair, and the step of the world in which it said so. */
  alone: { readonly side: number; readonly step: number } | null = null;
  /** Writes asked for after this tick cannot have reached the other side: the link was cut before. */
  cutAt = Number.POSITIVE_INFINITY;
  /** The side that acknowledged such a write after that: it must know over restarts that its copy went on alone. */
  wroteAlone: number | null = null;

  constructor(plan: VolumePlan, model: VolumeModel, sites: readonly Site[]) {
    this.plan = plan;
    this.model = model;
    this.sites = sites;
    this.volumeIds = [plan.name, `${plan.name}-copy`];
    this.relationshipId = plan.destination === null ? null : `m-${plan.name}`;
  }

  site(side: number): Site {
    const site = this.sites[side];
    if (site === undefined) throw new Error(`no side ${String(side)}`);
    return site;
  }

  volumeId(side: number): string {
    return this.volumeIds[side] ?? '';
  }

  status(side: number): RelationshipStatus | undefined {
    return this.site(side).server?.relationships().find((r) => r.id === this.relationshipId);
  }
}

interface Request {
  readonly site: Site;
  readonly incarnation: number;
  readonly what: string;
  readonly atMs: number;
  /** Called when its server is gone. */
  readonly dropped: () => void;
}

/** After these, what a side did alone is known or no longer counts. */
const ENDS_ALONE = new Set(['mirror/resync-started', 'mirror/synchronized', 'mirror/failover', 'mirror/role-swapped', 'mirror/fenced', 'mirror/rolled-back', 'mirror/split-brain']);

const TRACE_LINES = 400;
/** Of so many seeds without a named scenario, one is a directed sequence. */
const DIRECTED_EVERY = 20;
/** Errors that a failed or interrupted action of an admin may carry. */
const EXPECTED_FAILURES = new Set(['PeerLostError', 'PeerRefusedError', 'ResyncInterruptedError', 'MirrorTimeoutError', 'VolumeError']);

/** What a fault of a device, or little room, may add to them. */
const DEVICE_FAILURES = new Set(['StorageError', 'PoolFailedError', 'PoolFullError']);

/** A request that fails so never reached the log: its data may never be seen. */
const NEVER_LOGGED = new Set(['volume/not-owner', 'volume/no-space', 'volume/out-of-range']);

export class Campaign {
  readonly world: SimulatedWorld;
  readonly random: Prng;
  readonly plan: LabPlan;
  readonly sites: readonly Site[];
  readonly subjects: Subject[] = [];
  readonly hosts: Host[] = [];
  readonly nemesis: Nemesis;
  readonly trace: string[] = [];
  readonly requests = new Set<Request>();
  readonly ticks = { now: 1 };
  private readonly verbose: boolean;
  private readonly watch: { readonly volume: string; readonly cell: number } | null;
  private writeIds = 0;
  violation: string | null = null;
  acknowledged = 0;
  /** Faults are over: nothing may fail any more. */
  healed = false;
  /** What a directed scenario waits for. */
  onPhase: ((site: Site, phase: CpPhase) => void) | null = null;
  /** The directed sequence that this seed is, if it is one. */
  readonly sequence: DirectedName | null;
  private readonly scenario: DirectedScenario | null;

  constructor(seed: number, options: SeedOptions) {
    this.verbose = options.verbose === true;
    this.watch = options.watch ?? null;
    const probe = createSimulatedWorld({ seed });
    const sequence = options.directed ?? (options.profile === undefined && seed % DIRECTED_EVERY === DIRECTED_EVERY - 1 ? DIRECTED[Math.floor(seed / DIRECTED_EVERY) % DIRECTED.length] : undefined);
    this.sequence = sequence ?? null;
    this.scenario = sequence === undefined ? null : directed(sequence);
    this.plan = this.scenario?.plan ?? planLab(probe.random.fork());
    this.world = createSimulatedWorld({ seed, closeDetectMs: this.plan.closeDetectMs, ...(options.planted === undefined ? {} : { planted: options.planted }) });
    this.random = this.world.random.fork();
    const hooks = {
      event: (site: Site, event: ServerEvent) => { this.reported(site, event); },
      phase: (site: Site, phase: CpPhase, cp: CpSummary) => {
        this.nemesis.phase(site, phase, cp);
        this.onPhase?.(site, phase);
      },
      up: (site: Site) => { this.siteUp(site); },
      down: (site: Site) => { this.siteDown(site); },
      bootFailed: (site: Site, error: unknown) => { this.bootFailed(site, error); },
    };
    this.sites = this.plan.sites.map((sitePlan, i) => {
      const settings = this.plan.settings[i];
      if (settings === undefined) throw new Error('every site has settings');
      return new Site(this.world, sitePlan, settings, hooks);
    });
    this.nemesis = new Nemesis(this, this.random.fork(), options.profile ?? null);
    this.world.afterEach.push(() => {
      if (this.violation !== null) throw new ViolationError(this.violation);
    });
  }

  note(text: string): void {
    const line = `${(this.world.nowMs / 1000).toFixed(3)} ${text}`;
    if (this.verbose) process.stdout.write(`${line}\n`);
    this.trace.push(line);
    if (this.trace.length > TRACE_LINES) this.trace.shift();
  }

  violate(text: string): void {
    if (this.violation !== null) return;
    this.violation = text;
    this.note(`VIOLATION ${text}`);
  }

  // --- the run -----------------------------------------------------------------------------------------------------

  async run(): Promise<void> {
    await this.build();
    if (this.scenario !== null) {
      await this.scenario.run(new Driver(this));
      return finish(this);
    }
    for (const subject of this.subjects) {
      const count = this.random.chance(0.3) ? 2 : 1;
      for (let i = 0; i < count; i++) this.hosts.push(new Host(this, subject, this.random.fork()));
    }
    for (const host of this.hosts) host.start();
    this.nemesis.start();
    await this.world.run({ untilMs: this.world.nowMs + this.random.between(4000, 20_000) });
    await finish(this);
  }

  private async build(): Promise<void> {
    const { world } = this;
    for (const site of this.sites) await world.settle(site.boot());
    let tag = 0;
    for (const plan of this.plan.volumes) {
      const sites = [plan.source, ...(plan.destination === null ? [] : [plan.destination])].map((i) => {
        const site = this.sites[i];
        if (site === undefined) throw new Error('the plan names sites that exist');
        return site;
      });
      const subject = new Subject(plan, new VolumeModel(this.ticks, ++tag, plan.cellBytes, plan.sizeBytes, sites.length), sites);
      for (const [side, site] of sites.entries()) {
        await world.settle(this.serverOf(site).createVolume({ id: subject.volumeId(side), name: subject.volumeId(side), poolId: `pool-${site.id}`, sizeBytes: plan.sizeBytes }));
      }
      this.subjects.push(subject);
    }
    for (const subject of this.subjects) await this.establish(subject);
    if (this.scenario === null && this.random.chance(0.7)) await world.runUntil(() => this.subjects.every((s) => s.relationshipId === null || s.model.inSyncFrom !== null), 30_000);
  }

  private async establish(subject: Subject): Promise<void> {
    const { plan, relationshipId } = subject;
    const peer = subject.sites[1];
    if (relationshipId === null || peer === undefined) return;
    const outcome = await this.world.settle(this.serverOf(subject.site(0)).createRelationship({
      id: relationshipId, name: relationshipId, volumeId: subject.volumeId(0), peerServerId: peer.id, peerVolumeId: subject.volumeId(1), policy: plan.policy, recovery: plan.recovery,
    }));
    if (outcome.kind === 'refused') throw new Error(`the relationship was refused: ${outcome.refusal.message}`);
    if (outcome.kind === 'running') this.watchAction(subject.site(0), 'initial sync', outcome.finished);
  }

  private serverOf(site: Site): StorageServer {
    if (site.server === null) throw new Error(`${site.id} is up while the lab is built`);
    return site.server;
  }

  // --- what servers tell -------------------------------------------------------------------------------------------

  private reported(site: Site, event: ServerEvent): void {
    this.note(`${site.id} ${event.kind} ${event.subject}: ${event.message}`);
    // Whatever a device does, an engine that has no name for it has a bug.
    if (event.kind === 'mirror/internal-error' || event.kind === 'mirror/digest-mismatch') return this.violate(`${site.id}: ${event.kind}: ${event.message}`);
    if (event.kind === 'volume/nvfail') return this.recordsLost(site, event);
    if ((event.kind === 'server/suspended' || event.kind === 'server/refused') && !site.excused && !this.plan.tight) {
      return this.violate(`${site.id}: ${event.kind} without a fault that explains it: ${event.message}`);
    }
    const subject = this.subjects.find((s) => s.relationshipId === event.subject);
    if (subject === undefined) return;
    const side = subject.sites.indexOf(site);
    const { model } = subject;
    if (ENDS_ALONE.has(event.kind)) subject.alone = subject.wroteAlone = null;
    if (event.kind === 'mirror/fractured') subject.alone = { side, step: this.world.steps };
    switch (event.kind) {
      case 'mirror/resync-started':
        return model.resyncStarted(side);
      case 'mirror/synchronized': {
        const status = subject.status(side);
        return model.synchronized(side, status?.role === 'primary' && status.imageState === 'Synchronized');
      }
      case 'mirror/fractured':
        return model.fractured(side);
      case 'mirror/failover':
        subject.promotions.clear();
        model.failover(side);
        return this.lookSometimes(subject, side);
      case 'mirror/role-swapped':
        subject.promotions.clear();
        return model.swapped(side);
      case 'mirror/fenced':
        return model.fenced(side);
      case 'mirror/primary-overwritten':
        return model.overwritten(side);
      case 'mirror/rolled-back':
        return model.rolledBack(side);
      default:
    }
  }

  /** NVFail: legal after damage only, and it says which records. */
  private recordsLost(site: Site, event: ServerEvent): void {
    if (!site.logHarmed) return this.violate(`${site.id}: acknowledged records were lost although no log was damaged: ${event.message}`);
    if (!/(records|entries) \d+ (to \d+|and later)|mirror log of \w+ cannot be read/.test(event.message)) return this.violate(`${site.id}: records were lost, and nobody is told which: ${event.message}`);
    site.lost.push(event.subject);
  }

  /** It has heard of nobody yet: what it says of itself is what its files say. */
  private siteUp(site: Site): void {
    for (const subject of this.subjects) this.promotedUnheard(subject, site);
    for (const subject of this.subjects) for (const [side, own] of subject.sites.entries()) if (own === site) this.lookSometimes(subject, side);
    for (const subject of this.subjects) {
      const side = subject.wroteAlone;
      if (side === null || subject.site(side) !== site) continue;
      const status = subject.status(side);
      // It has met nobody: Consistent is what it says of a pair that was in sync when it last wrote its record.
      if (status?.role === 'primary' && (status.imageState === 'Synchronized' || (status.imageState === 'Consistent' && !status.conditions.some(({ code }) => code === 'FracturedAdmin')))) {
        this.violate(`${site.id} acknowledged writes of ${subject.plan.name} without its destination, and after a restart calls the pair Synchronized`);
      }
    }
  }

  /** A promotion that was durable when its server crashed counts from then on, although nobody was told. */
  private promotedUnheard(subject: Subject, site: Site): void {
    const [promotion] = [...subject.promotions].filter((one) => one.crashedAt !== null && subject.site(one.side) === site);
    if (promotion === undefined || promotion.crashedAt === null) return;
    const status = subject.status(promotion.side);
    const durable = status?.role === 'primary' && status.roleEpoch > promotion.epoch;
    // A planned swap may be taken up again when both sides meet.
    if (durable || promotion.kind === 'failover') subject.promotions.delete(promotion);
    if (!durable) return;
    this.note(`${site.id}: a ${promotion.kind} of ${subject.plan.name} was durable before the crash`);
    if (promotion.kind === 'failover') subject.model.failover(promotion.side, promotion.crashedAt);
    else subject.model.swapped(promotion.side);
  }

  private siteDown(site: Site): void {
    for (const request of this.requests) {
      if (request.site !== site) continue;
      this.requests.delete(request);
      request.dropped();
    }
    for (const subject of this.subjects) for (const [side, own] of subject.sites.entries()) if (own === site) subject.model.crashed(side);
    for (const subject of this.subjects) for (const one of subject.promotions) if (subject.site(one.side) === site) one.crashedAt ??= ++this.ticks.now;
    if (this.healed) this.violate(`${site.id} went down after everything was healed`);
  }

  private bootFailed(site: Site, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.note(`${site.id} could not boot: ${text}`);
    if (error instanceof StorageError && site.excused) return;
    this.violate(`${site.id} could not boot: ${text}`);
  }

  // --- requests of hosts -------------------------------------------------------------------------------------------

  /** Asks for a change; false when there was nobody to ask. `ended` hears the error's code, or null. */
  change(subject: Subject, side: number, kind: Write['kind'], firstCell: number, cells: number, ended: (code: string | null) => void): boolean {
    const site = subject.site(side);
    const { model } = subject;
    const volume = this.hostVolume(subject, side);
    if (volume === null) return false;
    const { cellBytes, tag } = model;
    const id = ++this.writeIds;
    const write = model.ask(side, id, kind, firstCell, cells);
    const watched = this.watched(subject, firstCell, cells);
    if (watched) this.note(`${site.id}: asks ${kind} ${String(id)} of ${subject.volumeId(side)} cells ${String(firstCell)}+${String(cells)}`);
    const at = firstCell * cellBytes;
    const length = cells * cellBytes;
    const before = this.lastSequence(subject, side);
    const promise = kind === 'write' ? volume.write(at, stampRange(tag, cellBytes, firstCell, cells, id)) : kind === 'trim' ? volume.trim(at, length) : volume.zero(at, length);
    const after = this.lastSequence(subject, side);
    if (after > before) write.place = { log: `${site.id} ${String(site.incarnation)}`, sequence: after };
    this.follow(site, `${kind} ${String(id)} of ${subject.volumeId(side)} cells ${String(firstCell)}+${String(cells)}`, promise, (error) => {
      if (error instanceof VolumeError && NEVER_LOGGED.has(error.code)) {
        model.refused(write);
        return ended(this.codeOf(error, `${kind} ${String(id)}`));
      }
      const wrong = model.ended(side, write, error === null);
      if (watched) this.note(`${site.id}: ended ${kind} ${String(id)} of ${subject.volumeId(side)}: ${error === null ? 'acknowledged' : describeError(error)}`);
      if (wrong !== null) this.violate(wrong);
      if (error === null) this.acknowledged++;
      if (error === null && subject.alone?.side === side && this.world.steps > subject.alone.step && write.askedAt > subject.cutAt) subject.wroteAlone = side;
      ended(this.codeOf(error, `${kind} ${String(id)}`));
    }, () => { ended('gone'); });
    return true;
  }

  private lastSequence(subject: Subject, side: number): number {
    return subject.site(side).server?.volumes().find((v) => v.id === subject.volumeId(side))?.sequence ?? 0;
  }

  read(subject: Subject, side: number, firstCell: number, cells: number, ended: (code: string | null) => void): boolean {
    const site = subject.site(side);
    const { model } = subject;
    const volume = this.hostVolume(subject, side);
    if (volume === null) return false;
    const from = model.tick();
    const copy = model.side(side);
    copy.beginRead(from);
    const what = `read of ${subject.volumeId(side)} at ${site.id}, cells ${String(firstCell)}+${String(cells)}`;
    this.follow(site, what, volume.read(firstCell * model.cellBytes, cells * model.cellBytes), (error, bytes) => {
      if (error === null && bytes !== undefined && copy.state === 'usable') {
        const wrong = copy.judge(model.tag, model.cellBytes, firstCell, bytes, from, model.tick(), true);
        if (wrong !== null) this.violate(`${what}: ${wrong}`);
      }
      copy.endRead(from);
      ended(this.codeOf(error, what));
    }, () => {
      copy.endRead(from);
      ended('gone');
    });
    return true;
  }

  private hostVolume(subject: Subject, side: number): ReturnType<StorageServer['hostVolume']> | null {
    try {
      return subject.site(side).server?.hostVolume(subject.volumeId(side)) ?? null;
    } catch (error) {
      if (error instanceof VolumeError) return null;
      throw error;
    }
  }

  private follow<T>(site: Site, what: string, promise: Promise<T>, ended: (error: unknown, value?: T) => void, dropped: () => void = () => undefined): void {
    const request: Request = { site, incarnation: site.incarnation, what, atMs: this.world.nowMs, dropped };
    this.requests.add(request);
    const settle = (error: unknown, value?: T): void => {
      if (!this.requests.delete(request)) return;
      ended(error, value);
    };
    promise.then((value) => { settle(null, value); }, (error: unknown) => { settle(error ?? new Error('rejected with nothing')); });
  }

  private codeOf(error: unknown, what: string): string | null {
    if (error === null) return null;
    if (!(error instanceof VolumeError)) {
      this.violate(`${what}: a host got something that is no VolumeError: ${error instanceof Error ? (error.stack ?? error.message) : describeError(error)}`);
      return 'unknown';
    }
    if (error.code === 'volume/out-of-range' || error.code === 'volume/media-error') this.violate(`${what}: ${error.code}: ${error.message}`);
    if (error.code === 'volume/no-space' && !this.plan.tight) this.violate(`${what}: ${error.message} in a pool with plenty of room`);
    return error.code;
  }

  private watched(subject: Subject, firstCell: number, cells: number): boolean {
    const { watch } = this;
    return watch?.volume === subject.plan.name && firstCell <= watch.cell && watch.cell < firstCell + cells;
  }

  // --- admins ------------------------------------------------------------------------------------------------------

  act(subject: Subject, side: number, action: string, options: ActionOptions, ended: (outcome: string) => void = () => undefined): boolean {
    const site = subject.site(side);
    const { relationshipId } = subject;
    if (site.server === null || relationshipId === null || subject.status(side) === undefined) return false;
    const what = `${action} of ${relationshipId} at ${site.id}${options.confirmed ? ' confirmed' : ''}${options.force === true ? ' forced' : ''}${options.keep === undefined ? '' : ` keep ${options.keep}`}`;
    const promotion = promotionBy(subject, side, action);
    if (promotion !== null && options.confirmed) subject.promotions.add(promotion);
    this.follow(site, what, site.server.act(relationshipId, action, options), (error, outcome) => {
      if (outcome === undefined) {
        this.note(`${what}: failed: ${String(error)}`);
        this.judgeFailure(site, what, error);
        return ended('failed');
      }
      if (promotion !== null) subject.promotions.delete(promotion);
      if (outcome.kind === 'refused') {
        if (outcome.refusal.code === '') this.violate(`${what} was refused without a code`);
        this.note(`${what}: refused ${outcome.refusal.code} ${outcome.refusal.message}`);
        return ended(outcome.refusal.code);
      }
      this.note(`${what}: ${outcome.kind}`);
      if (outcome.kind === 'running') this.watchAction(site, what, outcome.finished);
      else if (action === 'delete') {
        subject.parted = true;
        subject.model.parted();
      }
      // Asked while the peer is away already, it makes no new fracture and reports none.
      if (action === 'fracture' && outcome.kind === 'done') subject.model.fractured(side);
      ended(outcome.kind);
    });
    return true;
  }

  private watchAction(site: Site, what: string, finished: Promise<unknown>): void {
    const incarnation = site.incarnation;
    finished.catch((error: unknown) => {
      if (site.incarnation === incarnation) this.judgeFailure(site, what, error);
    });
  }

  private judgeFailure(site: Site, what: string, error: unknown): void {
    if (error instanceof Error && EXPECTED_FAILURES.has(error.name)) return;
    if ((site.excused || this.plan.tight) && error instanceof Error && DEVICE_FAILURES.has(error.name)) return;
    this.violate(`${what} failed with something unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  // --- views -------------------------------------------------------------------------------------------------------

  /** After a recovery. Not always: a look takes a consistency point, and the next crash is to find more to recover. */
  private lookSometimes(subject: Subject, side: number): void {
    if (this.scenario === null && !this.healed && this.random.chance(0.3)) this.view(subject, side);
  }

  /** Reads a whole copy as a promotion would find it and judges it. */
  view(subject: Subject, side: number): void {
    const site = subject.site(side);
    const { model } = subject;
    const copy = model.side(side);
    if (site.server === null || copy.state !== 'usable') return;
    const cells = copy.cells;
    const from = model.tick();
    copy.beginRead(from);
    const work = async (server: StorageServer): Promise<Uint8Array> => {
      const view = await server.frozenView(subject.volumeId(side));
      const bytes = await view.read(0, view.sizeBytes);
      await view.close();
      return bytes;
    };
    const what = `frozen view of ${subject.volumeId(side)} at ${site.id}`;
    this.follow(site, what, work(site.server), (error, bytes) => {
      if (bytes !== undefined && copy.state === 'usable' && copy.cells === cells) {
        const wrong = copy.judge(model.tag, model.cellBytes, 0, bytes, from, model.tick(), false) ?? copy.judgeOrder(model.tag, model.cellBytes, bytes);
        if (wrong !== null) this.violate(`${what}: ${wrong}`);
      }
      if (bytes === undefined) this.judgeFailure(site, what, error);
      copy.endRead(from);
    }, () => { copy.endRead(from); });
  }
}

let current: Campaign | null = null;
let watching = false;

/** A promise nobody waits for that rejects is a bug of the engine, and counts for the seed that runs. */
function watchRejections(): void {
  if (watching) return;
  watching = true;
  process.on('unhandledRejection', (error: unknown) => {
    current?.violate(`unhandled rejection: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  });
}

export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  watchRejections();
  const campaign = new Campaign(seed, options);
  current = campaign;
  try {
    await campaign.run();
  } catch (error) {
    if (!(error instanceof ViolationError)) campaign.violate(`exception: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    current = null;
  }
  const { world } = campaign;
  return {
    seed, violation: campaign.violation, trace: campaign.trace, virtualMs: world.nowMs, marks: world.marks, fingerprint: world.fingerprint,
    steps: world.steps, profile: campaign.sequence ?? campaign.nemesis.profile, acknowledged: campaign.acknowledged,
  };
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === 'string' ? error : JSON.stringify(error);
}

import { Shelf } from '../../src-engine/disk/index.ts';
import { StorageServer, type CpPhase, type CpSummary, type ServerEvent, type ServerSettings } from '../../src-engine/lab/server/index.ts';
import { StorageError } from '../../src-engine/runtime/index.ts';
import type { SimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';

export type Level = 'raid0' | 'raid1' | 'raid10' | 'raid5' | 'raid6';

export interface SitePlan {
  readonly id: string;
  readonly level: Level;
  readonly disks: number;
  readonly diskBytes: number;
  /** Members that may be harmed. */
  readonly redundancy: number;
}

export interface SiteHooks {
  event(site: Site, event: ServerEvent): void;
  phase(site: Site, phase: CpPhase, cp: CpSummary): void;
  up(site: Site): void;
  /** The server is gone; nothing that was asked of it will be answered. */
  down(site: Site): void;
  bootFailed(site: Site, error: unknown): void;
}

/** One storage server of the simulated world and its array, which outlives its crashes. */
export class Site {
  readonly id: string;
  readonly plan: SitePlan;
  state: 'down' | 'booting' | 'up' = 'down';
  /** Counts starts; what was begun under an older number is void. */
  incarnation = 0;
  bootedAtMs = 0;
  /** Slots that took harm which the array has to make good. */
  readonly harmed = new Set<number>();
  /** A log was damaged on its medium: acknowledged records may be gone, but not silently. */
  logHarmed = false;
  /** What the server said of lost records, since the last look. */
  readonly lost: string[] = [];
  /** Faults that may explain that the server suspends itself or refuses to start, and until when they stand. */
  private readonly faults = new Map<string, number>();
  private running: StorageServer | null = null;
  private readonly world: SimulatedWorld;
  private readonly settings: ServerSettings;
  private readonly hooks: SiteHooks;
  private made = false;

  constructor(world: SimulatedWorld, plan: SitePlan, settings: ServerSettings, hooks: SiteHooks) {
    this.world = world;
    this.id = plan.id;
    this.plan = plan;
    this.settings = settings;
    this.hooks = hooks;
  }

  get arrayName(): string {
    return `array-${this.id}`;
  }

  get logName(): string {
    return `server-${this.id}`;
  }

  /** The server when it can be asked, else null. */
  get server(): StorageServer | null {
    return this.state === 'up' ? this.running : null;
  }

  get serving(): boolean {
    return this.server?.status().state.kind === 'up';
  }

  /** Starts the server; settles when it is up, or never when it crashes before. */
  async boot(): Promise<void> {
    if (this.state !== 'down') return;
    this.state = 'booting';
    this.bootedAtMs = this.world.nowMs;
    const incarnation = ++this.incarnation;
    const { runtime, storageOf } = this.world.server(this.id).boot();
    try {
      await this.open(incarnation, runtime, storageOf);
    } catch (error) {
      if (incarnation !== this.incarnation) return;
      this.hooks.bootFailed(this, error);
      if (!(error instanceof StorageError)) return;
      this.crash();
    }
  }

  private async open(incarnation: number, runtime: ReturnType<ReturnType<SimulatedWorld['server']>['boot']>['runtime'], storageOf: ReturnType<ReturnType<SimulatedWorld['server']>['boot']>['storageOf']): Promise<void> {
    const { plan } = this;
    const storage = storageOf(this.arrayName);
    const shelf = this.made
      ? await Shelf.open(storage)
      : await Shelf.create(storage, { arrayId: this.arrayName, disks: Array.from({ length: plan.disks }, (_, slot) => ({ slot, sizeBytes: plan.diskBytes })) });
    const server = new StorageServer({
      id: this.id, name: this.id, site: this.id, runtime, logStorage: storageOf(this.logName),
      shelves: new Map([[this.arrayName, shelf]]),
      pools: this.made ? [{ poolId: `pool-${this.id}`, arrayId: this.arrayName }] : [],
      settings: this.settings, nameOf: (id) => id,
      report: (event) => {
        if (incarnation === this.incarnation) this.hooks.event(this, event);
      },
      onCpPhase: (phase, cp) => {
        if (incarnation === this.incarnation) this.hooks.phase(this, phase, cp);
      },
    });
    this.running = server;
    await server.boot();
    if (!this.made) {
      await server.createPool({ id: `pool-${this.id}`, name: `pool-${this.id}`, arrayId: this.arrayName, groups: [{ level: plan.level, slots: Array.from({ length: plan.disks }, (_, i) => i), unitBlocks: 16 }] });
      this.made = true;
    }
    this.state = 'up';
    this.hooks.up(this);
  }

  /** Call between two events only. */
  crash(unsynced: 'lose' | 'keep' = 'lose'): void {
    if (this.state === 'down') return;
    this.state = 'down';
    this.incarnation++;
    this.running = null;
    this.world.server(this.id).crash({ unsynced });
    for (const [kind, untilMs] of this.faults) if (untilMs < this.world.nowMs) this.faults.delete(kind);
    this.hooks.down(this);
  }

  /** Graceful; then the power goes. Null when the server ended in order, else why it did not. */
  powerOff(withinMs: number, ended: (failure: string | null) => void): void {
    const { server, incarnation } = this;
    if (server === null) return;
    const end = (failure: string | null): void => {
      this.world.schedule(0, `power ${this.id}`, () => {
        if (incarnation !== this.incarnation) return;
        this.crash('lose');
        ended(failure);
      });
    };
    server.shutdown().then(
      () => { end(null); },
      (error: unknown) => { end(`its stop failed: ${String(error)}`); },
    );
    this.world.schedule(withinMs, `power ${this.id}`, () => { end(`it did not stop within ${String(withinMs)} ms`); });
  }

  blame(kind: string, untilMs: number): void {
    this.faults.set(kind, Math.max(untilMs, this.faults.get(kind) ?? 0));
  }

  /** Nothing is wrong any more, and nothing that is under way since can be excused. */
  absolve(): void {
    this.faults.clear();
  }

  /** A log, a shared file or a full device may have stopped this incarnation. */
  get excused(): boolean {
    return this.faults.size > 0;
  }
}

/** What a directed scenario is written in: the same lab, model and checkers as a campaign, but one sequence of events. */
import { DEFAULT_SERVER_SETTINGS, type ActionOptions, type CpPhase, type ServerSettings } from '../../../src-engine/lab/server/index.ts';
import { redundancyOf } from '../../../src-engine/raid/index.ts';
import type { Prng } from '../../../src-engine/runtime/simulated/index.ts';
import type { Campaign, Subject } from '../campaign.ts';
import { MIB, type LabPlan, type VolumePlan } from '../plan.ts';
import type { Level, Site } from '../site.ts';

export interface DirectedScenario {
  readonly plan: LabPlan;
  /** The sequence; afterwards everything is healed, must come to rest, and is compared. */
  run(driver: Driver): Promise<void>;
}

const STEP_LIMIT_MS = 60_000;

/** Sites `east` and `north` (only `east` when `alone`) without a timer of consistency points. */
export function smallLab(options: {
  readonly volumes: readonly (Partial<VolumePlan> & { readonly name: string })[];
  readonly settings?: Partial<ServerSettings>;
  readonly sites?: number;
  readonly level?: Level;
  readonly disks?: number;
  readonly diskBytes?: number;
  readonly closeDetectMs?: number;
}): LabPlan {
  const { level = 'raid5', disks = 3, sites = 2 } = options;
  return {
    sites: ['east', 'north'].slice(0, sites).map((id) => ({ id, level, disks, diskBytes: options.diskBytes ?? 24 * MIB, redundancy: redundancyOf(level, disks) })),
    settings: Array.from({ length: sites }, () => ({
      ...DEFAULT_SERVER_SETTINGS, logHalfBytes: 4 * MIB, cpIntervalMs: 3_600_000, cleanCacheBytes: 64 * 1024, peerWaitMs: 2000, mirrorTimeoutMs: 2000, strictTimeoutMs: 2000,
      resyncWindowRegions: 1, ...options.settings,
    })),
    volumes: options.volumes.map((volume) => ({ sizeBytes: 1 * MIB, cellBytes: 512, source: 0, destination: 1, policy: 'availability', recovery: 'automatic', ...volume })),
    tight: false,
    closeDetectMs: options.closeDetectMs ?? 200,
  };
}

export class Driver {
  readonly campaign: Campaign;
  readonly random: Prng;

  constructor(campaign: Campaign) {
    this.campaign = campaign;
    this.random = campaign.random.fork();
  }

  subject(index = 0): Subject {
    const subject = this.campaign.subjects[index];
    if (subject === undefined) throw new Error(`the plan has a volume ${String(index)}`);
    return subject;
  }

  site(index: number): Site {
    const site = this.campaign.sites[index];
    if (site === undefined) throw new Error(`the plan has a site ${String(index)}`);
    return site;
  }

  async wait(ms: number): Promise<void> {
    await this.campaign.world.run({ untilMs: this.campaign.world.nowMs + ms });
  }

  /** The scenario cannot go on when this does not come true: then it proves nothing, and that is a failure too. */
  async until(what: string, predicate: () => boolean, limitMs = STEP_LIMIT_MS): Promise<void> {
    if (!(await this.campaign.world.runUntil(predicate, limitMs))) this.campaign.violate(`the scenario got stuck: ${what}`);
  }

  /** Begins a write of whole blocks; `ended` hears null when it was acknowledged. */
  begin(subject: Subject, side: number, block: number, blocks = 1, ended: (code: string | null) => void = () => undefined): void {
    const perBlock = 4096 / subject.model.cellBytes;
    this.campaign.change(subject, side, 'write', block * perBlock, blocks * perBlock, ended);
  }

  async write(subject: Subject, side: number, block: number, blocks = 1): Promise<void> {
    let code: string | null | undefined;
    this.begin(subject, side, block, blocks, (ended) => { code = ended; });
    await this.until(`a write of ${subject.volumeId(side)} ends`, () => code !== undefined);
    if (code !== null) this.campaign.violate(`the scenario got stuck: a write failed with ${String(code)}`);
  }

  /** Calls `work` every so often until the returned function is called. */
  every(ms: number, work: () => void): () => void {
    let stopped = false;
    const again = (): void => {
      this.campaign.world.schedule(ms, 'scenario', () => {
        if (stopped) return;
        work();
        again();
      });
    };
    again();
    return () => { stopped = true; };
  }

  async point(site: Site): Promise<void> {
    const server = site.server;
    if (server === null) return;
    let ended = false;
    server.consistencyPoint('admin').then(() => { ended = true; }, () => { ended = true; });
    await this.until('a consistency point ends', () => ended || site.server !== server);
  }

  /** Asks for a consistency point; nobody waits for it. */
  ask(site: Site): void {
    site.server?.consistencyPoint('admin').catch(() => undefined);
  }

  /** Calls once, when a server enters a step of a consistency point. */
  atPhase(site: Site, phase: CpPhase, work: () => void): void {
    this.campaign.onPhase = (where, entered) => {
      if (where !== site || entered !== phase) return;
      this.campaign.onPhase = null;
      work();
    };
  }

  crash(site: Site, unsynced: 'lose' | 'keep' = 'lose'): void {
    if (site.state === 'down') return;
    this.campaign.note(`${site.id}: crash (${unsynced})`);
    site.crash(unsynced);
  }

  async boot(site: Site): Promise<void> {
    this.campaign.note(`${site.id}: boot`);
    void site.boot();
    await this.until(`${site.id} comes up`, () => site.serving);
  }

  /** Flips bits in blocks of a log's file that hold something, between two offsets; the server must be down. */
  rotLog(site: Site, domain: string, path: string, fromByte: number, toByte: number): void {
    const disk = this.campaign.world.storage(domain);
    const used: number[] = [];
    for (let at = fromByte; at + 4096 <= Math.min(toByte, disk.sizeOf(path)); at += 4096) if (disk.peek(path, at, 4096).some((byte) => byte !== 0)) used.push(at);
    if (used.length === 0) return;
    const at = this.random.pick(used);
    this.campaign.note(`${domain}: ${path} rots at ${String(at)}`);
    site.logHarmed = true;
    disk.rot(path, at, this.random.pick([64, 4096]), this.random.pick([1, 8]));
  }

  /** As an admin who was told of lost records, and has looked. */
  async acknowledgeLoss(site: Site): Promise<readonly string[]> {
    const lost = site.lost.splice(0);
    for (const volumeId of lost) {
      let ended = false;
      site.server?.acknowledge(volumeId).then(() => { ended = true; }, (error: unknown) => { this.campaign.violate(`a loss cannot be acknowledged: ${String(error)}`); });
      await this.until('the loss is acknowledged', () => ended);
    }
    return lost;
  }

  link(up: boolean, latencyMs = 1, bandwidthBytesPerSecond = 1_000_000_000): void {
    this.campaign.note(`link ${up ? 'good' : 'cut'}`);
    for (const subject of this.campaign.subjects) subject.cutAt = up ? Number.POSITIVE_INFINITY : this.campaign.ticks.now;
    this.campaign.world.links.setLink(this.site(0).id, this.site(1).id, { latencyMs, bandwidthBytesPerSecond, up });
  }

  async act(subject: Subject, side: number, action: string, options: ActionOptions = { confirmed: true, force: true }): Promise<void> {
    let outcome: string | null = null;
    this.campaign.act(subject, side, action, options, (ended) => { outcome = ended; });
    await this.until(`${action} ends`, () => outcome !== null);
  }

  async synchronized(subject: Subject, from: number): Promise<void> {
    await this.until(`${subject.plan.name} is synchronized`, () => subject.model.inSyncFrom === from && subject.status(1 - from)?.imageState === 'Synchronized');
  }
}

/** What goes wrong, and what admins do, at random moments. */
import { CP_PHASES, type CpPhase, type CpSummary } from '../../src-engine/lab/server/index.ts';
import type { Prng } from '../../src-engine/runtime/simulated/index.ts';
import type { DiskFault } from '../../src-engine/runtime/simulated/index.ts';
import type { Campaign, Subject } from './campaign.ts';
import { repair } from './operator.ts';
import type { Site } from './site.ts';

export const PROFILES = ['mixed', 'crashes', 'cp-crashes', 'network', 'media', 'admin', 'disaster', 'calm'] as const;
export type ProfileName = (typeof PROFILES)[number];

type Deed = 'crash' | 'power-off' | 'blackout' | 'cp-crash' | 'cut' | 'noise' | 'slow' | 'log-sync' | 'member' | 'shared-sync' | 'full' | 'rot' | 'clock' | 'admin' | 'operator' | 'view' | 'point' | 'disaster' | 'partition' | 'swap';

const WEIGHTS: Record<ProfileName, Partial<Record<Deed, number>>> = {
  mixed: { crash: 3, 'power-off': 2, blackout: 1, 'cp-crash': 3, cut: 3, noise: 2, slow: 1, 'log-sync': 1, member: 1, 'shared-sync': 0.5, full: 0.5, rot: 2, clock: 1, admin: 4, operator: 3, view: 3, point: 2, disaster: 1, partition: 0.5, swap: 1 },
  crashes: { crash: 6, 'power-off': 3, blackout: 3, 'cp-crash': 3, view: 2, operator: 1, point: 2 },
  'cp-crashes': { 'cp-crash': 8, blackout: 1, view: 2, point: 3, noise: 1, disaster: 1 },
  network: { cut: 6, noise: 5, view: 2, operator: 2, crash: 1, admin: 1, slow: 1, swap: 1 },
  media: { 'log-sync': 2, member: 3, 'shared-sync': 1, full: 1, rot: 5, slow: 2, crash: 2, view: 2, point: 2 },
  admin: { 'power-off': 2, admin: 10, operator: 3, swap: 3, cut: 2, crash: 1, view: 2 },
  disaster: { 'power-off': 1, disaster: 5, partition: 3, operator: 3, view: 2, crash: 1, swap: 2, point: 2 },
  calm: { view: 3, point: 2, clock: 1, slow: 1 },
};

/** What a server may need to end in order, its peer lost and its log full. */
const POWER_OFF_MS = 60_000;

const ACTIONS = ['establish', 'resync', 'resync', 'fracture', 'fracture', 'pause', 'resume', 'switchover', 'switchover', 'failover', 'failover', 'reverse-resync', 'failback', 'rollback', 'rollback', 'resolve', 'verify', 'overwrite-primary', 'no-such-action'];

export class Nemesis {
  readonly profile: ProfileName;
  private readonly campaign: Campaign;
  private readonly random: Prng;
  private readonly meanMs: number;
  private stopped = false;
  /** Servers that die at a step of a consistency point. */
  private readonly traps = new Map<Site, { readonly phase: CpPhase; readonly delayMs: number; skip: number }>();

  constructor(campaign: Campaign, random: Prng, profile: ProfileName | null) {
    this.campaign = campaign;
    this.random = random;
    this.profile = profile ?? random.pick(['mixed', 'mixed', 'mixed', ...PROFILES]);
    this.meanMs = random.pick([200, 700, 2000]);
  }

  start(): void {
    const { world } = this.campaign;
    world.schedule(this.random.between(0, 2 * this.meanMs), 'nemesis', () => {
      if (this.stopped) return;
      this.strike();
      this.start();
    });
  }

  stop(): void {
    this.stopped = true;
    this.traps.clear();
  }

  phase(site: Site, phase: CpPhase, _cp: CpSummary): void {
    const trap = this.traps.get(site);
    if (trap?.phase !== phase || trap.skip-- > 0) return;
    this.traps.delete(site);
    this.campaign.world.schedule(trap.delayMs, `trap ${site.id}`, () => { this.crash(site, `at ${phase} + ${trap.delayMs.toFixed(2)} ms`); });
  }

  private strike(): void {
    const weights = WEIGHTS[this.profile];
    const deeds = Object.entries(weights) as [Deed, number][];
    let at = this.random.float() * deeds.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [deed, weight] of deeds) {
      at -= weight;
      if (at < 0) return this.commit(deed);
    }
  }

  private mirrored(): Subject | null {
    const all = this.campaign.subjects.filter((s) => s.relationshipId !== null);
    return all.length === 0 ? null : this.random.pick(all);
  }

  private commit(deed: Deed): void {
    const { random, campaign } = this;
    const site = random.pick(campaign.sites);
    const subject = this.mirrored();
    switch (deed) {
      case 'crash':
        return this.crash(site, '');
      case 'power-off':
        return this.powerOff(site);
      case 'blackout':
        for (const each of campaign.sites) this.crash(each, 'blackout');
        return;
      case 'cp-crash':
        this.traps.set(site, { phase: random.pick(CP_PHASES), delayMs: random.chance(0.5) ? 0 : random.between(0, 3), skip: random.below(3) });
        return;
      case 'cut':
        return this.link(true);
      case 'noise':
        return this.link(false);
      case 'slow':
        return this.fault(site, random.chance(0.5) ? site.logName : site.arrayName, { kind: 'slow', factor: random.pick([5, 30, 200]), prefix: random.chance(0.5) ? '' : 'disk-0' }, 'slow');
      case 'log-sync':
        return this.fault(site, site.logName, { kind: random.pick(['failing-sync', 'failing-write']), prefix: 'nvlog', times: 1 }, 'log');
      case 'shared-sync':
        return this.fault(site, site.arrayName, { kind: random.pick(['failing-sync', 'failing-write']), prefix: 'shared/', times: 1 }, 'shared');
      case 'member':
        return this.harm(site, (slot) => { this.fault(site, site.arrayName, { kind: random.pick(['failing-sync', 'failing-write', 'failing-read', 'offline', 'lost-write', 'misdirected-write']), prefix: `disk-${String(slot)}.img`, times: random.pick([1, 1, 5, 100]) }, 'member'); });
      case 'full':
        return this.fault(site, random.pick([site.logName, site.arrayName]), { kind: 'disk-full' }, 'full');
      case 'rot':
        return this.harm(site, (slot) => { this.rot(site, slot); });
      case 'clock':
        campaign.note(`${site.id}: the wall clock jumps`);
        return campaign.world.server(site.id).jumpWallClock(random.pick([-7_200_000, 7_200_000, 1000, -1000]));
      case 'admin':
        if (subject !== null) this.admin(subject);
        return;
      case 'operator':
        if (subject !== null) repair(campaign, subject, random, true);
        return;
      case 'swap':
        if (subject !== null) for (const side of [0, 1]) campaign.act(subject, side, side === 0 ? 'switchover' : 'failback', { confirmed: true });
        return;
      case 'view': {
        const any = random.pick(campaign.subjects);
        return campaign.view(any, random.below(any.sites.length));
      }
      case 'point':
        site.server?.consistencyPoint('admin').catch(() => undefined);
        return;
      case 'disaster':
        if (subject !== null) this.disaster(subject);
        return;
      case 'partition':
        if (subject !== null) this.partition(subject);
        return;
    }
  }

  private later(delayMs: number, work: () => void): void {
    this.campaign.world.schedule(delayMs, 'nemesis later', () => {
      if (!this.stopped) work();
    });
  }

  /** Graceful, in the middle of whatever runs; a crash may come in between. Nothing but a standing fault excuses one that hangs. */
  private powerOff(site: Site): void {
    if (this.stopped || site.server === null) return;
    this.campaign.note(`${site.id}: power off`);
    site.powerOff(POWER_OFF_MS, (failure) => {
      if (failure !== null && !site.excused) this.campaign.violate(`${site.id}: ${failure}`);
      this.later(this.random.between(0, 6000), () => {
        this.campaign.note(`${site.id}: boot`);
        void site.boot();
      });
    });
  }

  private crash(site: Site, why: string): void {
    if (this.stopped || site.state === 'down') return;
    const unsynced = this.random.chance(0.75) ? 'lose' : 'keep';
    this.campaign.note(`${site.id}: crash ${why} (${unsynced}${site.state === 'booting' ? ', while booting' : ''})`);
    site.crash(unsynced);
    this.later(this.random.chance(0.3) ? 0 : this.random.between(0, 6000), () => {
      this.campaign.note(`${site.id}: boot`);
      void site.boot();
    });
  }

  private link(cut: boolean): void {
    const { random, campaign } = this;
    const a = random.pick(campaign.sites);
    const b = random.pick(campaign.sites.filter((s) => s !== a));
    const { links } = campaign.world;
    const up = !cut ? true : random.chance(0.6) ? false : random.chance(0.5) ? { aToB: true, bToA: false } : { aToB: false, bToA: true };
    const noisy = !cut || random.chance(0.3);
    const settings = {
      latencyMs: random.pick([0, 1, 5, 50]), jitterMs: noisy ? random.pick([0, 1, 20]) : 0, up,
      ...(noisy ? { lossProbability: random.pick([0, 0.01, 0.1, 0.3]), duplicateProbability: random.pick([0, 0.05, 0.3]), reorderProbability: random.pick([0, 0.05, 0.3]) } : {}),
    };
    campaign.note(`link ${a.id}-${b.id}: ${JSON.stringify(settings)}`);
    links.setLink(a.id, b.id, settings);
    this.later(random.pick([5, 50, 500, 3000, 8000]), () => {
      campaign.note(`link ${a.id}-${b.id}: good`);
      links.setLink(a.id, b.id, { latencyMs: 1, up: true });
    });
  }

  private fault(site: Site, domain: string, fault: DiskFault, kind: string): void {
    const { campaign, random } = this;
    const forMs = random.pick([5, 50, 500, 3000]);
    campaign.note(`${domain}: ${JSON.stringify(fault)} for ${String(forMs)} ms`);
    if (kind === 'log' || kind === 'shared' || kind === 'full') site.blame(kind, campaign.world.nowMs + forMs);
    const { heal } = campaign.world.storage(domain).inject(fault);
    campaign.world.schedule(forMs, 'heal', heal);
  }

  /** Picks a member that may take harm: never more of them than the level makes good. */
  private harm(site: Site, deed: (slot: number) => void): void {
    const { plan, harmed } = site;
    if (plan.redundancy === 0) return;
    const slot = harmed.size < plan.redundancy ? this.random.below(plan.disks) : this.random.pick([...harmed]);
    harmed.add(slot);
    deed(slot);
  }

  private rot(site: Site, slot: number): void {
    const { random, campaign } = this;
    const path = `disk-${String(slot)}.img`;
    const disk = campaign.world.storage(site.arrayName);
    if (!disk.paths(path).includes(path)) return;
    const size = disk.sizeOf(path);
    const wide = random.chance(0.5);
    campaign.note(`${site.arrayName}: ${wide ? 'rot all over' : 'latent sector errors on'} ${path}`);
    for (let i = 0; i < 40; i++) {
      const at = random.below(Math.floor(size / 4096)) * 4096;
      if (wide) disk.rot(path, at, 4096, 2);
      else disk.spoil(path, at, 4096);
    }
  }

  private admin(subject: Subject): void {
    const { random, campaign } = this;
    const action = random.pick(ACTIONS);
    // What a restore over the primary does to content is not modelled; it is only asked for without confirmation.
    const options = { confirmed: action !== 'overwrite-primary' && random.chance(0.7), ...(random.chance(0.6) ? { force: true } : {}), ...(random.chance(0.7) ? { keep: random.pick(['source', 'destination'] as const) } : {}) };
    campaign.act(subject, random.below(2), action, options);
    if (random.chance(0.2)) campaign.act(subject, random.below(2), random.pick(ACTIONS.filter((a) => a !== 'overwrite-primary')), options);
  }

  /** The primary's site is lost, the other one takes over, the lost one returns. */
  private disaster(subject: Subject): void {
    const { random, campaign } = this;
    const side = subject.status(0)?.role === 'primary' ? 0 : 1;
    const lost = subject.site(side);
    if (lost.state !== 'up' || this.stopped) return;
    campaign.note(`${lost.id}: disaster`);
    lost.crash(random.chance(0.7) ? 'lose' : 'keep');
    const awayMs = random.between(500, 9000);
    this.later(random.between(0, awayMs), () => { campaign.act(subject, 1 - side, 'failover', { confirmed: true, force: true }); });
    if (random.chance(0.5)) this.later(awayMs * 0.8, () => { campaign.act(subject, 1 - side, 'failover', { confirmed: true, force: true }); });
    this.later(awayMs, () => {
      campaign.note(`${lost.id}: boot`);
      void lost.boot();
    });
    this.later(awayMs + random.between(100, 5000), () => { repair(campaign, subject, random, true); });
  }

  /** The link is cut, the secondary is promoted while the primary lives on, the link returns. */
  private partition(subject: Subject): void {
    const { random, campaign } = this;
    const [a, b] = [subject.site(0), subject.site(1)];
    campaign.note(`partition ${a.id}-${b.id}`);
    campaign.world.links.setLink(a.id, b.id, { latencyMs: 1, up: false });
    const awayMs = random.between(2000, 9000);
    this.later(random.between(0, awayMs), () => {
      const side = subject.status(0)?.role === 'secondary' ? 0 : 1;
      campaign.act(subject, side, 'failover', { confirmed: true, force: true });
    });
    this.later(awayMs, () => {
      campaign.note(`link ${a.id}-${b.id}: good`);
      campaign.world.links.setLink(a.id, b.id, { latencyMs: 1, up: true });
    });
    this.later(awayMs + random.between(100, 5000), () => { repair(campaign, subject, random, true); });
  }
}

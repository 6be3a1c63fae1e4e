/** Faults by hand: what is broken now, durable, so that a restarted host finds the lab as broken as it left it. */
import type { Fault, FaultSpec } from '../contract/index.ts';
import type { Clock, LinkNetwork, Random } from '../runtime/index.ts';
import type { Catalog } from './catalog/index.ts';
import type { EventStream } from './event-stream.ts';
import { instant } from './instant.ts';
import { refuse } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import type { ServerRecord, Topology } from './topology.ts';

interface StoredFault extends Omit<Fault, 'injectedAt'> {
  readonly injectedAtMs: number;
  /** Id of the server, site or link; empty for the whole lab. */
  readonly target: string;
}

export interface FaultEnvironment {
  readonly catalog: Catalog;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventStream;
  readonly network: LinkNetwork;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly setWallOffset: (ms: number) => void;
  /** After power came back: resolves when the handshakes are done or have waited long enough. */
  readonly handshakes: () => Promise<void>;
  readonly changed: () => void;
}

export class Faults {
  readonly #environment: FaultEnvironment;
  readonly #faults = new Map<string, StoredFault>();

  constructor(environment: FaultEnvironment) {
    this.#environment = environment;
    for (const document of environment.catalog.all('faults')) {
      const fault = document.body as StoredFault;
      this.#faults.set(fault.id, fault);
    }
    this.apply();
  }

  list(): Fault[] {
    return [...this.#faults.values()].map(present);
  }

  /** Why a server may not run now; null when no fault holds it down. */
  holdsDown(server: ServerRecord): string | null {
    for (const fault of this.#faults.values()) {
      if (fault.kind === 'server-crash' && fault.target === server.id) return 'crashed';
      if (fault.kind === 'site-loss' && fault.target === server.siteId) return 'its site is lost';
      if (fault.kind === 'lab-power-loss') return 'the power of the whole lab is lost';
    }
    return null;
  }

  siteLost(siteId: string): boolean {
    return [...this.#faults.values()].some(
      (fault) => fault.kind === 'lab-power-loss' || (fault.kind === 'site-loss' && fault.target === siteId),
    );
  }

  linkState(linkId: string): {
    readonly cut: boolean;
    readonly latencyMs: number | null;
    readonly bytesPerSecond: number | null;
  } {
    const of = [...this.#faults.values()].filter((fault) => fault.target === linkId);
    return {
      cut: of.some((fault) => fault.kind === 'link-cut'),
      latencyMs: of.findLast((fault) => fault.kind === 'link-latency')?.parameters['latencyMs'] ?? null,
      bytesPerSecond: of.findLast((fault) => fault.kind === 'link-bandwidth')?.parameters['bytesPerSecond'] ?? null,
    };
  }

  inject(spec: FaultSpec): Fault {
    const { random, clock, catalog, events } = this.#environment;
    const known = this.#describe(spec);
    const same = [...this.#faults.values()].find((fault) => fault.kind === spec.kind && fault.target === known.target);
    if (same !== undefined && spec.kind !== 'clock-jump' && Object.keys(known.parameters).length === 0) {
      refuse('fault/in-effect', `${known.message} already (${same.id}).`, 'Clear it first.', {
        details: { fault: same.id },
      });
    }
    const id = same?.id ?? random.id();
    const parameters =
      spec.kind === 'clock-jump' ? { seconds: (same?.parameters['seconds'] ?? 0) + spec.seconds } : known.parameters;
    const fault: StoredFault = { id, kind: spec.kind, ...known, parameters, injectedAtMs: clock.wallMs() };
    // Durable first: a host that dies now comes back to the same broken lab.
    catalog.put('faults', { id, name: id, body: fault });
    this.#faults.set(id, fault);
    this.apply();
    for (const server of this.#environment.topology.servers.list()) {
      const why = this.holdsDown(server);
      if (why !== null) this.#environment.unitOf(server.id).crash(why);
    }
    events.append({
      kind: 'fault/injected',
      severity: 'warning',
      subject: fault.subject,
      message: fault.message,
      details: { fault: id, kind: spec.kind, ...parameters },
    });
    this.#environment.changed();
    return present(fault);
  }

  /** One, or all. For lost power it resolves when the servers are up and their handshakes done. */
  async clear(ref?: string): Promise<Fault[]> {
    const { catalog, events, topology, unitOf } = this.#environment;
    const cleared = ref === undefined ? [...this.#faults.values()] : [this.#find(ref)];
    const powered = cleared.some(
      (fault) => fault.kind === 'server-crash' || fault.kind === 'site-loss' || fault.kind === 'lab-power-loss',
    );
    for (const fault of cleared) {
      catalog.remove('faults', fault.id);
      this.#faults.delete(fault.id);
      events.append({
        kind: 'fault/cleared',
        severity: 'notice',
        subject: fault.subject,
        message: `Healed: ${fault.message}`,
        details: { fault: fault.id, kind: fault.kind },
      });
    }
    this.apply();
    this.#environment.changed();
    if (powered) {
      const waking = topology.servers
        .list()
        .filter((server) => server.power === 'on' && this.holdsDown(server) === null);
      await Promise.all(waking.map((server) => unitOf(server.id).powerOn()));
      await this.#environment.handshakes();
    }
    return cleared.map(present);
  }

  /** Power-on of a crashed server heals that fault. */
  forgetCrash(serverId: string): void {
    for (const fault of this.#faults.values()) {
      if (fault.kind !== 'server-crash' || fault.target !== serverId) continue;
      this.#environment.catalog.remove('faults', fault.id);
      this.#faults.delete(fault.id);
      this.#environment.events.append({
        kind: 'fault/cleared',
        severity: 'notice',
        subject: fault.subject,
        message: `Healed: ${fault.message}`,
        details: { fault: fault.id, kind: fault.kind },
      });
    }
  }

  /** What was deleted is not broken any more. */
  forgetTarget(id: string): void {
    for (const fault of this.#faults.values()) {
      if (fault.target !== id) continue;
      this.#environment.catalog.remove('faults', fault.id);
      this.#faults.delete(fault.id);
    }
  }

  /** Brings links and the clock to what configuration and faults say together. */
  apply(): void {
    const { topology, network } = this.#environment;
    const servers = topology.servers.list();
    servers.forEach((a, index) => {
      for (const b of servers.slice(index + 1)) {
        if (a.siteId === b.siteId) continue;
        const link = topology.linkBetween(a.siteId, b.siteId);
        if (link === undefined) {
          network.setLink(a.id, b.id, { latencyMs: 0, up: false });
          continue;
        }
        const state = this.linkState(link.id);
        const bytesPerSecond = state.bytesPerSecond ?? link.bandwidthBytesPerSecond;
        network.setLink(a.id, b.id, {
          latencyMs: state.latencyMs ?? link.latencyMs,
          up: !state.cut && !this.siteLost(a.siteId) && !this.siteLost(b.siteId),
          ...(bytesPerSecond === null ? {} : { bandwidthBytesPerSecond: bytesPerSecond }),
        });
      }
    });
    let seconds = 0;
    for (const fault of this.#faults.values())
      if (fault.kind === 'clock-jump') seconds += fault.parameters['seconds'] ?? 0;
    this.#environment.setWallOffset(seconds * 1000);
  }

  #find(ref: string): StoredFault {
    const fault = this.#faults.get(ref);
    if (fault === undefined)
      refuse('fault/not-found', `There is no fault ${ref}.`, 'List the faults to see their ids.', { field: 'fault' });
    return fault;
  }

  #describe(spec: FaultSpec): {
    readonly target: string;
    readonly subject: string;
    readonly message: string;
    readonly parameters: Record<string, number>;
  } {
    const { topology } = this.#environment;
    switch (spec.kind) {
      case 'server-crash': {
        const server = topology.servers.find(spec.server);
        return {
          target: server.id,
          subject: `server/${server.name}`,
          message: `${server.name} crashed`,
          parameters: {},
        };
      }
      case 'site-loss': {
        const site = topology.sites.find(spec.site);
        return { target: site.id, subject: `site/${site.name}`, message: `Site ${site.name} is lost`, parameters: {} };
      }
      case 'link-cut': {
        const link = topology.links.find(spec.link);
        return { target: link.id, subject: `link/${link.name}`, message: `Link ${link.name} is cut`, parameters: {} };
      }
      case 'link-latency': {
        const link = topology.links.find(spec.link);
        return {
          target: link.id,
          subject: `link/${link.name}`,
          message: `Link ${link.name} has ${spec.latencyMs} ms of latency`,
          parameters: { latencyMs: spec.latencyMs },
        };
      }
      case 'link-bandwidth': {
        const link = topology.links.find(spec.link);
        return {
          target: link.id,
          subject: `link/${link.name}`,
          message: `Link ${link.name} carries ${spec.bytesPerSecond} bytes a second`,
          parameters: { bytesPerSecond: spec.bytesPerSecond },
        };
      }
      case 'lab-power-loss':
        return { target: '', subject: 'lab/power', message: 'The power of the whole lab is lost', parameters: {} };
      case 'clock-jump':
        return {
          target: '',
          subject: 'lab/clock',
          message: `The wall clock jumped by ${spec.seconds} s`,
          parameters: { seconds: spec.seconds },
        };
    }
  }
}

function present(fault: StoredFault): Fault {
  const { injectedAtMs, target: _target, ...shown } = fault;
  return { ...shown, injectedAt: instant(injectedAtMs) };
}

/** Links between sites: what they are like when no fault changes them. */
import type { Clock } from '../runtime/index.ts';
import type { Faults } from './faults.ts';
import { refuse } from './refused.ts';
import type { LinkRecord, SiteRecord, Topology } from './topology.ts';

export interface LinksEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly faults: Faults;
}

export class Links {
  readonly #environment: LinksEnvironment;

  constructor(environment: LinksEnvironment) {
    this.#environment = environment;
  }

  create(
    name: string,
    sites: readonly [SiteRecord, SiteRecord],
    latencyMs: number,
    bandwidthBytesPerSecond: number | null,
  ): LinkRecord {
    const { topology, clock, faults } = this.#environment;
    topology.links.checkName(name);
    const [a, b] = sites;
    if (a.id === b.id)
      refuse('link/same-site', 'A link joins two different sites.', 'Name two sites.', { field: 'sites' });
    const known = topology.linkBetween(a.id, b.id);
    if (known !== undefined)
      refuse(
        'link/exists',
        `${a.name} and ${b.name} are joined by ${known.name} already.`,
        'Change that link instead.',
        { field: 'sites' },
      );
    const wallMs = clock.wallMs();
    const link = topology.links.put({
      id: topology.newId(),
      name,
      createdAtMs: wallMs,
      siteIds: [a.id, b.id],
      latencyMs,
      bandwidthBytesPerSecond,
      sinceMs: wallMs,
    });
    faults.apply();
    return link;
  }

  set(
    link: LinkRecord,
    change: { readonly latencyMs?: number | undefined; readonly bandwidthBytesPerSecond?: number | null | undefined },
  ): LinkRecord {
    const { topology, faults } = this.#environment;
    const changed = topology.links.put({
      ...link,
      latencyMs: change.latencyMs ?? link.latencyMs,
      bandwidthBytesPerSecond:
        change.bandwidthBytesPerSecond === undefined ? link.bandwidthBytesPerSecond : change.bandwidthBytesPerSecond,
    });
    faults.apply();
    return changed;
  }
}

/** Sites and the clusters that stand in them. */
import type { Clock } from '../runtime/index.ts';
import type { ClusterRecord, SiteRecord, Topology } from './topology.ts';

export class Sites {
  readonly #environment: { readonly topology: Topology; readonly clock: Clock };

  constructor(environment: { readonly topology: Topology; readonly clock: Clock }) {
    this.#environment = environment;
  }

  create(name: string): SiteRecord {
    const { topology, clock } = this.#environment;
    topology.sites.checkName(name);
    return topology.sites.put({ id: topology.newId(), name, createdAtMs: clock.wallMs() });
  }

  createCluster(name: string, site: SiteRecord): ClusterRecord {
    const { topology, clock } = this.#environment;
    topology.clusters.checkName(name);
    return topology.clusters.put({
      id: topology.newId(),
      name,
      createdAtMs: clock.wallMs(),
      siteId: site.id,
    });
  }
}

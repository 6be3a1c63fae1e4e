/** What the lab shows of its sites, clusters, arrays, pools and links: configuration joined with what the servers say. */
import type { Cluster, Health, Link, Pool, Site, StorageArray } from '../contract/index.ts';
import type { Clock, LinkNetwork } from '../runtime/index.ts';
import type { Faults } from './faults.ts';
import { instant } from './instant.ts';
import type { ServerUnit } from './server-unit.ts';
import { ServerViews } from './server-views.ts';
import type { PoolStatus } from './server/types.ts';
import type {
  ArrayRecord,
  ClusterRecord,
  LinkRecord,
  PoolRecord,
  ServerRecord,
  SiteRecord,
  Topology,
} from './topology.ts';

export interface ViewEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly network: LinkNetwork;
  readonly faults: Faults;
  readonly unitOf: (serverId: string) => ServerUnit;
}

export class Views {
  readonly servers: ServerViews;
  readonly #environment: ViewEnvironment;
  readonly #traffic = new Map<
    string,
    { atMs: number; forward: number; backward: number; forwardRate: number; backwardRate: number }
  >();

  constructor(environment: ViewEnvironment) {
    this.#environment = environment;
    this.servers = new ServerViews(environment);
  }

  site(site: SiteRecord): Site {
    const { topology, faults, unitOf } = this.#environment;
    const servers = topology.servers.list().filter((server) => server.siteId === site.id);
    const arrays = topology.arrays.list().filter((array) => array.siteId === site.id);
    const pools = topology.pools
      .list()
      .filter((pool) => arrays.some((array) => array.id === pool.arrayId))
      .map((pool) => this.pool(pool));
    const allUp = servers.every((server) => unitOf(server.id).state === 'up');
    return {
      id: site.id,
      name: site.name,
      state: faults.siteLost(site.id) ? 'lost' : allUp ? 'up' : 'degraded',
      clusters: topology.clusters
        .list()
        .filter((cluster) => cluster.siteId === site.id)
        .map((cluster) => cluster.name),
      servers: servers.map((server) => server.name),
      arrays: arrays.map((array) => array.name),
      sizeBytes: sum(pools.map((pool) => pool.sizeBytes)),
      usedBytes: sum(pools.map((pool) => pool.usedBytes)),
    };
  }

  cluster(cluster: ClusterRecord): Cluster {
    const { topology } = this.#environment;
    const servers = topology.servers.list().filter((server) => server.clusterId === cluster.id);
    const health = servers.map((server) => this.servers.show(server).health);
    return {
      id: cluster.id,
      name: cluster.name,
      site: topology.sites.nameOf(cluster.siteId),
      servers: servers.map((server) => server.name),
      arrays: topology.arrays
        .list()
        .filter((array) => array.clusterId === cluster.id)
        .map((array) => array.name),
      health: worst(health),
    };
  }

  array(array: ArrayRecord): StorageArray {
    const { topology } = this.#environment;
    const pools = topology.pools.list().filter((pool) => pool.arrayId === array.id);
    return {
      id: array.id,
      name: array.name,
      site: topology.sites.nameOf(array.siteId),
      cluster: topology.clusters.nameOf(array.clusterId),
      health: worst(pools.map((pool) => this.pool(pool).health)),
      disks: Array.from({ length: array.disks }, (_, slot) => {
        const pool = pools.find((one) => one.slots.includes(slot));
        return {
          slot,
          state: pool === undefined ? ('unused' as const) : ('ok' as const),
          sizeBytes: array.diskSizeBytes,
          pool: pool?.name ?? null,
        };
      }),
      pools: pools.map((pool) => pool.name),
    };
  }

  poolStatus(pool: PoolRecord): PoolStatus | null {
    return (
      this.#environment
        .unitOf(pool.ownerId)
        .face?.status()
        .pools.find((status) => status.id === pool.id) ?? null
    );
  }

  pool(pool: PoolRecord): Pool {
    const { topology, unitOf } = this.#environment;
    const array = topology.arrays.get(pool.arrayId);
    const status = this.poolStatus(pool);
    const unit = unitOf(pool.ownerId);
    return {
      id: pool.id,
      name: pool.name,
      array: array.name,
      site: topology.sites.nameOf(array.siteId),
      cluster: topology.clusters.nameOf(array.clusterId),
      level: pool.level,
      slots: [...pool.slots],
      health: status === null ? 'unknown' : healthOf(status.state),
      owner: unit.face === null ? null : unit.spec.name,
      epoch: unit.anyFace?.status().incarnation ?? 0,
      cp: status?.label ?? 0,
      sizeBytes: status?.totalBytes ?? 0,
      usedBytes: status?.usedBytes ?? 0,
      reserveBytes: status === null ? 0 : Math.max(0, status.totalBytes - status.usedBytes - status.freeBytes),
      freeBytes: status?.freeBytes ?? 0,
      volumes: topology.volumes
        .list()
        .filter((volume) => volume.poolId === pool.id)
        .map((volume) => volume.name),
    };
  }

  link(link: LinkRecord): Link {
    const { topology, faults } = this.#environment;
    const state = faults.linkState(link.id);
    const traffic = this.#traffic.get(link.id);
    const [a, b] = link.siteIds;
    return {
      id: link.id,
      name: link.name,
      sites: [topology.sites.nameOf(a), topology.sites.nameOf(b)],
      state: state.cut || faults.siteLost(a) || faults.siteLost(b) ? 'cut' : 'up',
      latencyMs: state.latencyMs ?? link.latencyMs,
      bandwidthBytesPerSecond: state.bytesPerSecond ?? link.bandwidthBytesPerSecond,
      traffic: {
        forwardBytesPerSecond: traffic?.forwardRate ?? 0,
        backwardBytesPerSecond: traffic?.backwardRate ?? 0,
        queuedBytes: this.#queued(link),
      },
      since: instant(link.sinceMs),
    };
  }

  #pairs(link: LinkRecord): [ServerRecord, ServerRecord][] {
    const { topology } = this.#environment;
    const [siteA, siteB] = link.siteIds;
    const servers = topology.servers.list();
    return servers
      .filter((server) => server.siteId === siteA)
      .flatMap((a) =>
        servers.filter((server) => server.siteId === siteB).map((b): [ServerRecord, ServerRecord] => [a, b]),
      );
  }

  #queued(link: LinkRecord): number {
    let queued = 0;
    for (const [a, b] of this.#pairs(link)) {
      const { aToB, bToA } = this.#environment.network.traffic(a.id, b.id);
      for (const way of [aToB, bToA])
        if (way.sentFrames > way.deliveredFrames + way.droppedFrames) queued += way.sentBytes - way.deliveredBytes;
    }
    return Math.max(0, queued);
  }

  /** Link rates, about once a second. */
  tick(): void {
    const { topology, network, clock } = this.#environment;
    const atMs = clock.nowMs();
    for (const link of topology.links.list()) {
      let forward = 0;
      let backward = 0;
      for (const [a, b] of this.#pairs(link)) {
        const traffic = network.traffic(a.id, b.id);
        forward += traffic.aToB.deliveredBytes;
        backward += traffic.bToA.deliveredBytes;
      }
      const before = this.#traffic.get(link.id) ?? { atMs, forward, backward, forwardRate: 0, backwardRate: 0 };
      const seconds = (atMs - before.atMs) / 1000;
      const rate = (now: number, then: number): number => (seconds <= 0 ? 0 : Math.max(0, now - then) / seconds);
      this.#traffic.set(link.id, {
        atMs,
        forward,
        backward,
        forwardRate: rate(forward, before.forward),
        backwardRate: rate(backward, before.backward),
      });
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function worst(health: readonly Health[]): Health {
  for (const kind of ['failed', 'degraded', 'unknown'] as const) if (health.includes(kind)) return kind;
  return 'ok';
}

/** The pool's own word: `healthy`, `degraded`, `failed` or `closed`. */
function healthOf(state: string): Health {
  if (state === 'healthy') return 'ok';
  return state === 'degraded' ? 'degraded' : 'failed';
}

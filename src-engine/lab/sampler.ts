/** Once a second: rates, latencies and lags of everything that moves; every tenth is kept in the catalog. */
import type { Sample } from '../contract/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { Catalog } from './catalog/index.ts';
import { add, Metrics, NO_COUNTERS, type Counters } from './metrics.ts';
import type { Mirrors } from './mirrors.ts';
import type { ServerUnit } from './server-unit.ts';
import type { Topology } from './topology.ts';
import type { Views } from './views.ts';
import type { Workloads } from './workloads.ts';

/** One sample in so many is kept in the catalog. */
const PERSIST_EVERY = 10;
const KEEP_SAMPLES = 3_600;

export interface SamplerEnvironment {
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly topology: Topology;
  readonly workloads: Workloads;
  readonly views: Views;
  readonly mirrors: Mirrors;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly changed: () => void;
}

export class Sampler {
  readonly metrics = new Metrics(KEEP_SAMPLES);
  readonly #environment: SamplerEnvironment;
  #samples = 0;
  /** Last sample of the whole lab. */
  latest: Sample | null = null;

  constructor(environment: SamplerEnvironment) {
    this.#environment = environment;
  }

  measured(volumeId: string, ms: number): void {
    this.metrics.latency('lab', ms);
    this.metrics.latency(`volume/${volumeId}`, ms);
    const { topology } = this.#environment;
    const volume = topology.volumes.byId(volumeId);
    const owner = volume === undefined ? undefined : topology.pools.byId(volume.poolId)?.ownerId;
    if (owner !== undefined) this.metrics.latency(`server/${owner}`, ms);
  }

  take(): void {
    const { topology, clock, workloads, mirrors, catalog, views, unitOf, changed } = this.#environment;
    const nowMs = clock.nowMs();
    const wallMs = clock.wallMs();
    workloads.tick();
    views.tick();
    mirrors.history.sampleLag(KEEP_SAMPLES);
    let whole: Counters = NO_COUNTERS;
    for (const server of topology.servers.list()) {
      let ofServer: Counters = NO_COUNTERS;
      for (const status of unitOf(server.id).face?.volumes() ?? []) {
        this.metrics.sample(`volume/${status.id}`, status.counters, nowMs, wallMs);
        ofServer = add(ofServer, status.counters);
      }
      this.metrics.sample(`server/${server.id}`, ofServer, nowMs, wallMs);
      whole = add(whole, ofServer);
    }
    this.latest = this.metrics.sample('lab', whole, nowMs, wallMs);
    this.#samples += 1;
    if (this.#samples % PERSIST_EVERY === 0) catalog.appendSample(wallMs, this.latest);
    changed();
  }
}

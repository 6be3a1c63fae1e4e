/** The lab as configured: what exists, under which name, where. Held in memory, every change in the catalog first. */
import { z } from 'zod';
import { nameSchema, raidLevelSchema } from '../contract/index.ts';
import type { Random } from '../runtime/index.ts';
import { CatalogConflict, type Catalog, type CollectionName } from './catalog/index.ts';
import { refuse } from './refused.ts';

const base = { id: z.string(), name: z.string(), createdAtMs: z.number() };
/** For what has files: what they are called by, where that is not its name (it was renamed, or another had the name first). */
const filed = { filedAs: z.string().optional() };
const recordSchemas = {
  sites: z.object({ ...base }),
  clusters: z.object({ ...base, siteId: z.string() }),
  servers: z.object({
    ...base,
    ...filed,
    siteId: z.string(),
    clusterId: z.string(),
    logHalfBytes: z.number(),
    power: z.enum(['on', 'off']),
  }),
  links: z.object({
    ...base,
    siteIds: z.tuple([z.string(), z.string()]),
    latencyMs: z.number(),
    bandwidthBytesPerSecond: z.number().nullable(),
    sinceMs: z.number(),
  }),
  arrays: z.object({
    ...base,
    ...filed,
    siteId: z.string(),
    clusterId: z.string(),
    disks: z.number(),
    diskSizeBytes: z.number(),
  }),
  pools: z.object({
    ...base,
    arrayId: z.string(),
    level: raidLevelSchema,
    slots: z.array(z.number()),
    ownerId: z.string(),
    /** It is being wiped: no server opens it any more. */
    deleting: z.boolean().optional(),
  }),
  volumes: z.object({ ...base, ...filed, poolId: z.string(), sizeBytes: z.number() }),
  mirrors: z.object({
    ...base,
    sourceVolumeId: z.string(),
    destinationVolumeId: z.string(),
    policy: z.enum(['availability', 'strict']),
    recovery: z.enum(['auto', 'manual']),
  }),
};
export type SiteRecord = z.infer<typeof recordSchemas.sites>;
export type ClusterRecord = z.infer<typeof recordSchemas.clusters>;
export type ServerRecord = z.infer<typeof recordSchemas.servers>;
export type LinkRecord = z.infer<typeof recordSchemas.links>;
export type ArrayRecord = z.infer<typeof recordSchemas.arrays>;
export type PoolRecord = z.infer<typeof recordSchemas.pools>;
export type VolumeRecord = z.infer<typeof recordSchemas.volumes>;
export type MirrorRecord = z.infer<typeof recordSchemas.mirrors>;

/** The whole topology as one document: what every array keeps a copy of. */
export const topologySchema = z.object({
  sites: z.array(recordSchemas.sites),
  clusters: z.array(recordSchemas.clusters),
  servers: z.array(recordSchemas.servers),
  links: z.array(recordSchemas.links),
  arrays: z.array(recordSchemas.arrays),
  pools: z.array(recordSchemas.pools),
  volumes: z.array(recordSchemas.volumes),
  mirrors: z.array(recordSchemas.mirrors),
});
export type TopologyDocument = z.infer<typeof topologySchema>;

interface Named {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly filedAs?: string | undefined;
}

export class Registry<T extends Named> {
  readonly noun: string;
  readonly #collection: CollectionName;
  readonly #catalog: Catalog;
  readonly #records = new Map<string, T>();
  readonly #changed: () => void;

  constructor(noun: string, collection: CollectionName, schema: z.ZodType<T>, catalog: Catalog, changed: () => void) {
    this.noun = noun;
    this.#collection = collection;
    this.#catalog = catalog;
    this.#changed = changed;
    for (const document of catalog.all(collection)) {
      const record = schema.parse(document.body);
      this.#records.set(record.id, record);
    }
  }

  /** In order of creation. */
  list(): readonly T[] {
    return [...this.#records.values()];
  }
  get size(): number {
    return this.#records.size;
  }
  byId(id: string): T | undefined {
    return this.#records.get(id);
  }
  byName(name: string): T | undefined {
    return this.list().find((record) => record.name === name);
  }
  /** What its files are called by. */
  filesOf(record: Pick<Named, 'name' | 'filedAs'>): string {
    return record.filedAs ?? record.name;
  }
  byFiles(files: string): T | undefined {
    return this.list().find((record) => this.filesOf(record) === files);
  }
  /** For a new one: its name, or its id where one that was renamed still has its files under that name. */
  filing(name: string, id: string): { readonly filedAs?: string } {
    return this.byFiles(name) === undefined ? {} : { filedAs: id };
  }
  /** By name or id. */
  find(ref: string): T {
    const record = this.#records.get(ref) ?? this.byName(ref);
    if (record === undefined)
      refuse(
        `${this.noun}/not-found`,
        `There is no ${this.noun} called ${ref}.`,
        `List the ${this.noun}s to see their names.`,
        { field: this.noun },
      );
    return record;
  }
  /** Like `find` for ids that the topology itself holds. */
  get(id: string): T {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`topology: no ${this.noun} ${id}`);
    return record;
  }
  /** The record as it is now; refuses where it was removed meanwhile. */
  still(record: T): T {
    const now = this.#records.get(record.id);
    if (now === undefined)
      refuse(
        `${this.noun}/not-found`,
        `${record.name} was deleted meanwhile.`,
        `List the ${this.noun}s to see what is there.`,
        {
          field: this.noun,
        },
      );
    return now;
  }
  nameOf(id: string): string {
    return this.#records.get(id)?.name ?? id;
  }
  /** Refuses a taken or impossible name. */
  checkName(name: string): void {
    if (!nameSchema.safeParse(name).success) {
      refuse(
        `${this.noun}/bad-name`,
        `${JSON.stringify(name)} cannot be the name of a ${this.noun}.`,
        'A name has 1 to 63 lower-case letters, digits and inner hyphens.',
        { field: 'name' },
      );
    }
    if (this.byName(name) !== undefined)
      refuse(`${this.noun}/name-taken`, `There is a ${this.noun} called ${name} already.`, 'Choose another name.', {
        field: 'name',
      });
  }
  put(record: T): T {
    try {
      this.#catalog.put(this.#collection, { id: record.id, name: record.name, body: record });
    } catch (error) {
      if (error instanceof CatalogConflict)
        refuse(
          `${this.noun}/name-taken`,
          `There is a ${this.noun} called ${record.name} already.`,
          'Choose another name.',
          { field: 'name' },
        );
      throw error;
    }
    this.#records.set(record.id, record);
    this.#changed();
    return record;
  }
  remove(id: string): void {
    this.#catalog.remove(this.#collection, id);
    this.#records.delete(id);
    this.#changed();
  }
}

export class Topology {
  readonly sites: Registry<SiteRecord>;
  readonly clusters: Registry<ClusterRecord>;
  readonly servers: Registry<ServerRecord>;
  readonly links: Registry<LinkRecord>;
  readonly arrays: Registry<ArrayRecord>;
  readonly pools: Registry<PoolRecord>;
  readonly volumes: Registry<VolumeRecord>;
  readonly mirrors: Registry<MirrorRecord>;
  readonly #random: Random;
  #onChange: () => void = () => undefined;

  constructor(catalog: Catalog, random: Random) {
    const changed = (): void => this.#onChange();
    this.#random = random;
    this.sites = new Registry('site', 'sites', recordSchemas.sites, catalog, changed);
    this.clusters = new Registry('cluster', 'clusters', recordSchemas.clusters, catalog, changed);
    this.servers = new Registry('server', 'servers', recordSchemas.servers, catalog, changed);
    this.links = new Registry('link', 'links', recordSchemas.links, catalog, changed);
    this.arrays = new Registry('array', 'arrays', recordSchemas.arrays, catalog, changed);
    this.pools = new Registry('pool', 'pools', recordSchemas.pools, catalog, changed);
    this.volumes = new Registry('volume', 'volumes', recordSchemas.volumes, catalog, changed);
    this.mirrors = new Registry('mirror', 'mirrors', recordSchemas.mirrors, catalog, changed);
  }

  onChange(changed: () => void): void {
    this.#onChange = changed;
  }

  newId(): string {
    return this.#random.id();
  }

  document(): TopologyDocument {
    return {
      sites: [...this.sites.list()],
      clusters: [...this.clusters.list()],
      servers: [...this.servers.list()],
      links: [...this.links.list()],
      arrays: [...this.arrays.list()],
      pools: [...this.pools.list()],
      volumes: [...this.volumes.list()],
      mirrors: [...this.mirrors.list()],
    };
  }

  /** Takes over a document into an empty catalog. */
  restore(document: TopologyDocument): void {
    for (const record of document.sites) this.sites.put(record);
    for (const record of document.clusters) this.clusters.put(record);
    for (const record of document.servers) this.servers.put(record);
    for (const record of document.links) this.links.put(record);
    for (const record of document.arrays) this.arrays.put(record);
    for (const record of document.pools) this.pools.put(record);
    for (const record of document.volumes) this.volumes.put(record);
    for (const record of document.mirrors) this.mirrors.put(record);
  }

  /** The first reference to something that is not there, as a sentence; null where there is none. */
  dangling(): string | null {
    const missing = (
      of: Named,
      registry: { readonly noun: string; byId(id: string): unknown },
      id: string,
    ): string | null =>
      registry.byId(id) === undefined ? `${of.name} refers to a ${registry.noun} that is not there` : null;
    const all = [
      ...this.clusters.list().map((one) => missing(one, this.sites, one.siteId)),
      ...this.servers.list().map((one) => missing(one, this.clusters, one.clusterId)),
      ...this.links.list().flatMap((one) => one.siteIds.map((id) => missing(one, this.sites, id))),
      ...this.arrays.list().map((one) => missing(one, this.clusters, one.clusterId)),
      ...this.pools.list().map((one) => missing(one, this.arrays, one.arrayId)),
      ...this.pools.list().map((one) => missing(one, this.servers, one.ownerId)),
      ...this.volumes.list().map((one) => missing(one, this.pools, one.poolId)),
      ...this.mirrors
        .list()
        .flatMap((one) => [one.sourceVolumeId, one.destinationVolumeId].map((id) => missing(one, this.volumes, id))),
    ];
    return all.find((sentence) => sentence !== null) ?? null;
  }

  /** The server that owns the volume's pool. */
  ownerOf(volume: VolumeRecord): ServerRecord {
    return this.servers.get(this.pools.get(volume.poolId).ownerId);
  }
  siteOfVolume(volume: VolumeRecord): SiteRecord {
    return this.sites.get(this.arrays.get(this.pools.get(volume.poolId).arrayId).siteId);
  }
  mirrorOfVolume(volumeId: string): MirrorRecord | undefined {
    return this.mirrors
      .list()
      .find((mirror) => mirror.sourceVolumeId === volumeId || mirror.destinationVolumeId === volumeId);
  }
  linkBetween(siteA: string, siteB: string): LinkRecord | undefined {
    return this.links.list().find((link) => link.siteIds.includes(siteA) && link.siteIds.includes(siteB));
  }
  /** Bounded, stable names for messages: any id of the lab. */
  nameOf(id: string): string {
    return this.#recordOf(id)?.name ?? id;
  }
  /** `<noun>/<name>` of any id of the lab. */
  subjectOf(id: string): string | null {
    const record = this.#recordOf(id);
    return record === null ? null : `${record.noun}/${record.name}`;
  }
  #recordOf(id: string): { readonly noun: string; readonly name: string } | null {
    for (const registry of [
      this.servers,
      this.volumes,
      this.mirrors,
      this.pools,
      this.arrays,
      this.sites,
      this.links,
      this.clusters,
    ]) {
      const record = registry.byId(id);
      if (record !== undefined) return { noun: registry.noun, name: record.name };
    }
    return null;
  }
}

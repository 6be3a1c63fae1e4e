/**
 * What goes for good: sites, clusters, links, servers, pools, arrays. Never with what is in it: that is named, and has to
 * go first. Every deletion has one moment at which it is decided (a record of the catalog); before it a crash leaves all as
 * it was, after it the next start finishes the rest (`settle` before the servers are up, `finishPools` after).
 */
import type { Storage } from '../runtime/index.ts';
import type { Catalog } from './catalog/index.ts';
import { confirmed } from './confirmation.ts';
import type { EventStream } from './event-stream.ts';
import type { Faults } from './faults.ts';
import { refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { ServerUnit } from './server-unit.ts';
import type {
  ArrayRecord,
  ClusterRecord,
  LinkRecord,
  PoolRecord,
  ServerRecord,
  SiteRecord,
  Topology,
} from './topology.ts';

export interface RemovalEnvironment {
  /** Of the lab's directory: every path that is removed is looked up below it, and no symbolic link is followed. */
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly topology: Topology;
  readonly events: EventStream;
  readonly faults: Faults;
  readonly changes: Serial;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly forgetUnit: (serverId: string) => void;
  /** Resolves when no copy of the topology is being written to an array any more. */
  readonly copied: () => Promise<void>;
}

/** In the directory of an array or server from shortly before to shortly after its deletion, or its creation. */
export const UNFINISHED = 'unfinished';
const FILES_OF = {
  arrays: /^(disk-\d+\.img|shared\/[^/]+)$/,
  servers: /^(nvlog-[ab]\.log|identity(-[a-z0-9]+\.draft|\.json))$/,
} as const;
type Folder = keyof typeof FILES_OF;

export class Removal {
  readonly #environment: RemovalEnvironment;

  constructor(environment: RemovalEnvironment) {
    this.#environment = environment;
  }

  site(site: SiteRecord, confirm: string | undefined): Promise<void> {
    return this.#environment.changes.run(async () => {
      const { topology } = this.#environment;
      topology.sites.still(site);
      checkName('site', site.name, confirm);
      this.#refuseNotEmpty('site', site.name, [
        ...topology.clusters
          .list()
          .filter((one) => one.siteId === site.id)
          .map((one) => `cluster ${one.name}`),
        ...topology.links
          .list()
          .filter((one) => one.siteIds.includes(site.id))
          .map((one) => `link ${one.name}`),
      ]);
      this.#gone('site', site, () => topology.sites.remove(site.id));
    });
  }

  cluster(cluster: ClusterRecord, confirm: string | undefined): Promise<void> {
    return this.#environment.changes.run(async () => {
      const { topology } = this.#environment;
      topology.clusters.still(cluster);
      checkName('cluster', cluster.name, confirm);
      this.#refuseNotEmpty('cluster', cluster.name, [
        ...topology.servers
          .list()
          .filter((one) => one.clusterId === cluster.id)
          .map((one) => `server ${one.name}`),
        ...topology.arrays
          .list()
          .filter((one) => one.clusterId === cluster.id)
          .map((one) => `array ${one.name}`),
      ]);
      this.#gone('cluster', cluster, () => topology.clusters.remove(cluster.id));
    });
  }

  link(link: LinkRecord, confirm: string | undefined): Promise<void> {
    return this.#environment.changes.run(async () => {
      const { topology, faults } = this.#environment;
      topology.links.still(link);
      checkName('link', link.name, confirm);
      const needing = topology.mirrors.list().filter((mirror) => {
        const sites = [mirror.sourceVolumeId, mirror.destinationVolumeId].map(
          (id) => topology.siteOfVolume(topology.volumes.get(id)).id,
        );
        return link.siteIds.every((id) => sites.includes(id));
      });
      if (needing.length > 0)
        confirmed(
          'link',
          link.name,
          confirm,
          `${listed(needing.map((mirror) => `mirror ${mirror.name}`))} would lose the connection.`,
        );
      this.#gone('link', link, () => topology.links.remove(link.id));
      faults.apply();
    });
  }

  pool(pool: PoolRecord, confirm: string | undefined): Promise<void> {
    return this.#environment.changes.run(async () => {
      const { topology, unitOf } = this.#environment;
      const still = topology.pools.still(pool);
      this.#refuseNotEmpty(
        'pool',
        pool.name,
        topology.volumes
          .list()
          .filter((one) => one.poolId === pool.id)
          .map((one) => `volume ${one.name}`),
      );
      const spec = { id: pool.id, arrayId: pool.arrayId, slots: pool.slots };
      const unit = unitOf(pool.ownerId);
      const why = await unit.ask((face) => face.whatKeepsPool(spec));
      if (why !== null)
        refuse('pool/in-use', `${pool.name} has to stay: ${why}.`, 'Delete that first.', { field: 'pool' });
      confirmed('pool', pool.name, confirm, `${pool.name} and what its disks hold would be gone.`);
      // Decided here: from now on no server opens it, and the labels are wiped sooner or later.
      topology.pools.put({ ...still, deleting: true });
      await unit.ask((face) => face.removePool(spec));
      this.#gone('pool', pool, () => topology.pools.remove(pool.id));
    });
  }

  array(array: ArrayRecord, confirm: string | undefined): Promise<void> {
    return this.#environment.changes.run(async () => {
      const { topology, unitOf, copied } = this.#environment;
      topology.arrays.still(array);
      this.#refuseNotEmpty(
        'array',
        array.name,
        topology.pools
          .list()
          .filter((one) => one.arrayId === array.id)
          .map((one) => `pool ${one.name}`),
      );
      confirmed('array', array.name, confirm, `The ${array.disks} image files of ${array.name} would be gone.`);
      const folder = topology.arrays.filesOf(array);
      await this.#mark('arrays', folder);
      this.#gone('array', array, () => topology.arrays.remove(array.id));
      await copied();
      const holding = topology.servers
        .list()
        .filter((server) => server.clusterId === array.clusterId && unitOf(server.id).state === 'up');
      for (const server of holding) await unitOf(server.id).powerOff(`lets go of its array ${array.name}`);
      try {
        await this.#removeFiles('arrays', folder);
      } finally {
        for (const server of holding) await unitOf(server.id).powerOn();
      }
    });
  }

  server(server: ServerRecord, confirm: string | undefined): Promise<void> {
    return this.#environment.changes.run(async () => {
      const { topology, unitOf, forgetUnit } = this.#environment;
      topology.servers.still(server);
      this.#refuseNotEmpty(
        'server',
        server.name,
        topology.pools
          .list()
          .filter((one) => one.ownerId === server.id)
          .map((one) => `pool ${one.name}`),
      );
      confirmed('server', server.name, confirm, `${server.name} and its log would be gone.`);
      const folder = topology.servers.filesOf(server);
      await unitOf(server.id).powerOff('is being deleted');
      await this.#mark('servers', folder);
      this.#gone('server', server, () => topology.servers.remove(server.id));
      forgetUnit(server.id);
      await this.#removeFiles('servers', folder);
    });
  }

  /** At opening, before any server is up: what was decided and not finished. */
  async settle(): Promise<void> {
    const { storage, topology } = this.#environment;
    for (const path of await storage.list('servers/')) {
      const [, folder = '', file] = path.split('/');
      if (file !== UNFINISHED) continue;
      if (topology.servers.byFiles(folder) === undefined) await this.#removeFiles('servers', folder);
      else await storage.remove(path);
    }
  }

  /** Once servers are up: pools whose deletion was decided and not finished. */
  async finishPools(): Promise<void> {
    const { topology, unitOf, changes, events } = this.#environment;
    for (const { id } of topology.pools.list().filter((one) => one.deleting === true)) {
      await changes.run(async () => {
        const pool = topology.pools.byId(id);
        const unit = pool === undefined ? null : unitOf(pool.ownerId);
        if (pool === undefined || unit?.face?.status().state.kind !== 'up') return;
        try {
          await unit.ask((face) => face.removePool({ id, arrayId: pool.arrayId, slots: pool.slots }));
          this.#gone('pool', pool, () => topology.pools.remove(id));
        } catch (error) {
          events.append({
            kind: 'pool/not-deleted',
            severity: 'warning',
            subject: `pool/${pool.name}`,
            message: `The deletion of ${pool.name} is not finished: ${error instanceof Error ? error.message : String(error)}; it is taken up again at the next start of ${unit.spec.name}`,
          });
        }
      });
    }
  }

  #refuseNotEmpty(noun: string, name: string, holds: readonly string[]): void {
    if (holds.length === 0) return;
    refuse(
      `${noun}/not-empty`,
      `${name} is not empty: ${listed(holds)} ${holds.length === 1 ? 'is' : 'are'} in it.`,
      `Delete ${holds.length === 1 ? 'that' : 'those'} first.`,
      { field: noun, details: { holds: [...holds] } },
    );
  }

  /** The moment of decision of what has no `deleting` mark, with the faults that were injected into it. */
  #gone(noun: string, record: { readonly id: string; readonly name: string }, remove: () => void): void {
    const { events, faults } = this.#environment;
    remove();
    faults.forgetTarget(record.id);
    events.append({
      kind: `${noun}/deleted`,
      severity: 'notice',
      subject: `${noun}/${record.name}`,
      message: `${record.name} was deleted`,
      details: { id: record.id },
    });
  }

  async #mark(folder: Folder, name: string): Promise<void> {
    const marker = await this.#environment.storage.open(`${folder}/${name}/${UNFINISHED}`, { create: true, size: 1 });
    await marker.sync();
    await marker.close();
  }

  /** Only what the engine itself put there; the marker last, so that an interrupted removal is taken up again. */
  async #removeFiles(folder: Folder, name: string): Promise<void> {
    const { storage, events } = this.#environment;
    const own = `${folder}/${name}/`;
    // Asked for the whole folder: where its entry of this name is a symbolic link, nothing of it is listed.
    const files = (await storage.list(`${folder}/`)).filter((path) => path.startsWith(own));
    const foreign = files.filter((path) => path !== own + UNFINISHED && !FILES_OF[folder].test(path.slice(own.length)));
    for (const path of files) if (path !== own + UNFINISHED && !foreign.includes(path)) await storage.remove(path);
    if (files.includes(own + UNFINISHED)) await storage.remove(own + UNFINISHED);
    if (foreign.length === 0) return;
    events.append({
      kind: 'lab/files-left',
      severity: 'warning',
      subject: `lab/${folder}`,
      message: `${own} still holds ${foreign.length} files that are not Lockstep's; they were left alone`,
      details: { files: foreign.slice(0, 20) },
    });
  }
}

/** A confirmation is not asked for, but a wrong one is not passed over. */
function checkName(noun: string, name: string, confirm: string | undefined): void {
  if (confirm !== undefined) confirmed(noun, name, confirm, '');
}

/** At most five, in words. */
function listed(names: readonly string[]): string {
  const shown = names.length > 5 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1) ?? ''}`;
}

/** Arrays: their files, and how a new one comes into reach of its cluster's servers. */
import { Shelf } from '../disk/index.ts';
import type { Clock, Storage } from '../runtime/index.ts';
import type { EventStream } from './event-stream.ts';
import type { Machine } from './machine.ts';
import { refuse } from './refused.ts';
import { UNFINISHED } from './removal.ts';
import type { Serial } from './serial.ts';
import type { ServerUnit } from './server-unit.ts';
import type { ArrayRecord, ClusterRecord, Topology } from './topology.ts';

export interface ArraysEnvironment {
  readonly directory: string;
  readonly machine: Machine;
  readonly storage: Storage;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly changes: Serial;
}

/** Below this, nothing new is begun. */
const ROOM_BYTES = 64 * 1024 * 1024;

export function refuseWithoutRoom(freeBytes: number): void {
  if (freeBytes < ROOM_BYTES)
    refuse('R23', `Needs space on the disk that holds the images; ${freeBytes} bytes are free.`, 'Free some space.');
}

export class Arrays {
  readonly #environment: ArraysEnvironment;

  constructor(environment: ArraysEnvironment) {
    this.#environment = environment;
  }

  storageOf(array: Pick<ArrayRecord, 'name' | 'filedAs'>): Storage {
    const { machine, directory, topology } = this.#environment;
    return machine.storage(`${directory}/arrays/${topology.arrays.filesOf(array)}`);
  }

  /** The array's server restarts to reach it. */
  create(name: string, cluster: ClusterRecord, disks: number, diskSizeBytes: number): Promise<ArrayRecord> {
    return this.#environment.changes.run(() => this.#create(name, cluster, disks, diskSizeBytes));
  }

  async #create(name: string, cluster: ClusterRecord, disks: number, diskSizeBytes: number): Promise<ArrayRecord> {
    const { topology, clock, storage, unitOf } = this.#environment;
    topology.arrays.checkName(name);
    refuseWithoutRoom(await storage.freeBytes());
    const id = topology.newId();
    const record: ArrayRecord = {
      id,
      name,
      ...topology.arrays.filing(name, id),
      createdAtMs: clock.wallMs(),
      siteId: cluster.siteId,
      clusterId: cluster.id,
      disks,
      diskSizeBytes,
    };
    const own = this.storageOf(record);
    const marker = await own.open(UNFINISHED, { create: true, size: 1 });
    await marker.sync();
    await marker.close();
    const shelf = await Shelf.create(own, {
      arrayId: record.id,
      disks: Array.from({ length: disks }, (_, slot) => ({ slot, sizeBytes: diskSizeBytes })),
    });
    await shelf.close();
    topology.arrays.put(record);
    await own.remove(UNFINISHED);
    for (const server of topology.servers.list()) {
      if (server.clusterId !== cluster.id || unitOf(server.id).state !== 'up') continue;
      await unitOf(server.id).powerOff('restarts to reach its new array');
      await unitOf(server.id).powerOn();
    }
    return record;
  }

  /** At opening: what an interrupted creation or deletion left is removed; directories that nobody knows are told of. */
  async settle(): Promise<void> {
    const { storage, topology, events } = this.#environment;
    for (const name of await this.#directories()) {
      const files = await storage.list(`arrays/${name}/`);
      const unfinished = files.includes(`arrays/${name}/${UNFINISHED}`);
      const known = topology.arrays.byFiles(name) !== undefined;
      if (unfinished && known) await storage.remove(`arrays/${name}/${UNFINISHED}`);
      if (unfinished && !known) {
        // The marker last: an interrupted removal is taken up again.
        for (const path of files) if (!path.endsWith(`/${UNFINISHED}`)) await storage.remove(path);
        await storage.remove(`arrays/${name}/${UNFINISHED}`);
      }
      if (unfinished || known) continue;
      events.append({
        kind: 'array/unknown',
        severity: 'warning',
        subject: `array/${name}`,
        message: `arrays/${name} holds ${files.length} files, but no array of this lab has its files there`,
      });
    }
  }

  /** Directories under `arrays/` that no array of the lab owns. */
  async unknown(): Promise<string[]> {
    const { topology } = this.#environment;
    return (await this.#directories()).filter((name) => topology.arrays.byFiles(name) === undefined);
  }

  async #directories(): Promise<string[]> {
    const paths = await this.#environment.storage.list('arrays/');
    return [...new Set(paths.map((path) => path.split('/')[1] ?? ''))];
  }
}

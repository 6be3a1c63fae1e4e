/** Arrays: their files, and how a new one comes into reach of its cluster's servers. */
import { Shelf } from '../disk/index.ts';
import type { Clock, Storage } from '../runtime/index.ts';
import type { Machine } from './machine.ts';
import { refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { ServerUnit } from './server-unit.ts';
import type { ArrayRecord, ClusterRecord, Topology } from './topology.ts';

export interface ArraysEnvironment {
  readonly directory: string;
  readonly machine: Machine;
  readonly storage: Storage;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly changes: Serial;
}

/** Below this, nothing new is begun. */
const ROOM_BYTES = 64 * 1024 * 1024;

export class Arrays {
  readonly #environment: ArraysEnvironment;

  constructor(environment: ArraysEnvironment) {
    this.#environment = environment;
  }

  storageOf(array: Pick<ArrayRecord, 'name'>): Storage {
    const { machine, directory } = this.#environment;
    return machine.storage(`${directory}/arrays/${array.name}`);
  }

  /** The array's server restarts to reach it. */
  create(name: string, cluster: ClusterRecord, disks: number, diskSizeBytes: number): Promise<ArrayRecord> {
    return this.#environment.changes.run(() => this.#create(name, cluster, disks, diskSizeBytes));
  }

  async #create(name: string, cluster: ClusterRecord, disks: number, diskSizeBytes: number): Promise<ArrayRecord> {
    const { topology, clock, storage, unitOf } = this.#environment;
    topology.arrays.checkName(name);
    const freeBytes = await storage.freeBytes();
    if (freeBytes < ROOM_BYTES)
      refuse('R23', `Needs space on the disk that holds the images; ${freeBytes} bytes are free.`, 'Free some space.');
    const record: ArrayRecord = {
      id: topology.newId(),
      name,
      createdAtMs: clock.wallMs(),
      siteId: cluster.siteId,
      clusterId: cluster.id,
      disks,
      diskSizeBytes,
    };
    const shelf = await Shelf.create(this.storageOf(record), {
      arrayId: record.id,
      disks: Array.from({ length: disks }, (_, slot) => ({ slot, sizeBytes: diskSizeBytes })),
    });
    await shelf.close();
    topology.arrays.put(record);
    for (const server of topology.servers.list()) {
      if (server.clusterId !== cluster.id || unitOf(server.id).state !== 'up') continue;
      await unitOf(server.id).powerOff('restarts to reach its new array');
      await unitOf(server.id).powerOn();
    }
    return record;
  }
}

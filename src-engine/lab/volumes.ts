/** Volumes of the lab: made, grown, deleted, and reached by hosts wherever they are served now. */
import type { BlockTarget } from '../host/index.ts';
import type { Volume } from '../contract/index.ts';
import type { Clock } from '../runtime/index.ts';
import { confirmed } from './confirmation.ts';
import { instant } from './instant.ts';
import type { Jobs } from './jobs.ts';
import type { Mirrors } from './mirrors.ts';
import { refusalFrom } from './mirror-sides.ts';
import { Refused, refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { ServerUnit } from './server-unit.ts';
import type { VolumeStatus } from './server/types.ts';
import type { PoolRecord, Topology, VolumeRecord } from './topology.ts';
import type { Workloads } from './workloads.ts';

export interface VolumeEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly mirrors: Mirrors;
  readonly workloads: Workloads;
  readonly jobs: Jobs;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly changes: Serial;
}

/** Where a volume's host I/O goes now. */
export interface Route {
  readonly unit: ServerUnit;
  readonly volumeId: string;
}

export class Volumes {
  readonly #environment: VolumeEnvironment;

  constructor(environment: VolumeEnvironment) {
    this.#environment = environment;
  }

  unit(volume: VolumeRecord): ServerUnit {
    return this.#environment.unitOf(this.#environment.topology.ownerOf(volume).id);
  }

  status(volume: VolumeRecord): VolumeStatus | null {
    return (
      this.unit(volume)
        .face?.volumes()
        .find((status) => status.id === volume.id) ?? null
    );
  }

  /**
   * Where host I/O for a volume goes: for the home source of a mirror that is the acting side, so that a client which
   * reconnects after a failover finds its data under the same name; any other volume is served by its own owner.
   */
  route(volume: VolumeRecord): Route {
    const { topology, mirrors } = this.#environment;
    const mirror = topology.mirrorOfVolume(volume.id);
    if (mirror?.sourceVolumeId === volume.id) {
      const acting = mirrors.acting(mirror);
      if (acting !== null) return { unit: acting.unit, volumeId: acting.volumeId };
    }
    return { unit: this.unit(volume), volumeId: volume.id };
  }

  /** The volume as a host sees it; every request finds its way anew. */
  target(volume: VolumeRecord): BlockTarget {
    const record = (): VolumeRecord => this.#environment.topology.volumes.byId(volume.id) ?? volume;
    return {
      get sizeBytes() {
        return record().sizeBytes;
      },
      read: (offset, length) => {
        const { unit, volumeId } = this.route(volume);
        return unit.ask((face) => face.hostVolume(volumeId).read(offset, length));
      },
      write: (offset, data) => {
        const { unit, volumeId } = this.route(volume);
        return unit.ask((face) => face.hostVolume(volumeId).write(offset, data));
      },
    };
  }

  present(volume: VolumeRecord): Volume {
    const { topology, workloads } = this.#environment;
    const status = this.status(volume);
    const workload = workloads.runningOn(volume.id);
    const unit = this.unit(volume);
    const pool = topology.pools.get(volume.poolId);
    const array = topology.arrays.get(pool.arrayId);
    const mirror = topology.mirrorOfVolume(volume.id);
    const state = stateOf(status);
    const serverState = unit.anyFace?.status().state;
    const refused = serverState?.kind === 'refused' ? `${unit.spec.name} does not serve: ${serverState.message}` : null;
    return {
      id: volume.id,
      name: volume.name,
      sizeBytes: volume.sizeBytes,
      usedBytes: status?.usedBytes ?? 0,
      cluster: topology.clusters.nameOf(array.clusterId),
      site: topology.sites.nameOf(array.siteId),
      pool: pool.name,
      owner: unit.face === null ? null : unit.spec.name,
      state,
      cause:
        state === 'serving' || state === 'secondary'
          ? null
          : (status?.stateReason ?? refused ?? unit.cause ?? missingOn(pool.name)),
      policy: mirror?.policy ?? null,
      mirror: mirror?.name ?? null,
      cp: status?.cp ?? 0,
      sequence: status?.sequence ?? 0,
      createdAt: instant(volume.createdAtMs),
      users: workload === null ? [] : [`workload ${workload.profile}`],
    };
  }

  create(name: string, pool: PoolRecord, sizeBytes: number): Promise<VolumeRecord> {
    return this.#environment.changes.run(() => this.#create(name, pool, sizeBytes));
  }

  grow(volume: VolumeRecord, sizeBytes: number): Promise<VolumeRecord> {
    const { changes, topology } = this.#environment;
    return changes.run(() => this.#grow(topology.volumes.still(volume), sizeBytes));
  }

  delete(volume: VolumeRecord, confirm: string | undefined): Promise<void> {
    const { changes, topology } = this.#environment;
    return changes.run(() => this.#delete(topology.volumes.still(volume), confirm));
  }

  async #create(name: string, pool: PoolRecord, sizeBytes: number): Promise<VolumeRecord> {
    const { topology, clock, unitOf } = this.#environment;
    topology.volumes.checkName(name);
    const id = topology.newId();
    const record: VolumeRecord = {
      id,
      name,
      ...topology.volumes.filing(name, id),
      createdAtMs: clock.wallMs(),
      poolId: pool.id,
      sizeBytes,
    };
    await unitOf(pool.ownerId).ask((face) => face.createVolume({ id: record.id, name, poolId: pool.id, sizeBytes }));
    return topology.volumes.put(record);
  }

  async #grow(volume: VolumeRecord, sizeBytes: number): Promise<VolumeRecord> {
    const { topology } = this.#environment;
    this.refuseShrinking(volume, sizeBytes);
    const outcome = await this.unit(volume).ask((face) => face.growVolume(volume.id, sizeBytes));
    if (outcome.kind === 'refused') throw new Refused(refusalFrom(outcome.refusal));
    // Both sides of a mirror have grown.
    const mirror = topology.mirrorOfVolume(volume.id);
    for (const id of mirror === undefined ? [] : [mirror.sourceVolumeId, mirror.destinationVolumeId]) {
      const side = topology.volumes.get(id);
      if (side.id !== volume.id && side.sizeBytes < sizeBytes) topology.volumes.put({ ...side, sizeBytes });
    }
    return topology.volumes.put({ ...volume, sizeBytes });
  }

  async #delete(volume: VolumeRecord, confirm: string | undefined): Promise<void> {
    const { topology, workloads } = this.#environment;
    this.refuseWhileInUse(volume);
    confirmed('volume', volume.name, confirm, `${volume.name} and its content would be gone.`);
    // One that its pool no longer holds (the host died in the middle of this) only has its record left.
    await this.unit(volume).ask(async (face) => {
      if (face.volumes().some((one) => one.id === volume.id)) await face.removeVolume(volume.id);
    });
    await workloads.forget(volume);
    topology.volumes.remove(volume.id);
  }

  refuseShrinking(volume: VolumeRecord, sizeBytes: number): void {
    if (sizeBytes >= volume.sizeBytes) return;
    refuse('volume/shrink', `${volume.name} has ${volume.sizeBytes} bytes; it can only grow.`, 'Name a larger size.', {
      field: 'sizeBytes',
    });
  }

  /** Refuses as long as something needs the volume to be there. */
  refuseWhileInUse(volume: VolumeRecord): void {
    const { topology, workloads, jobs } = this.#environment;
    const mirror = topology.mirrorOfVolume(volume.id);
    if (mirror !== undefined)
      refuse(
        'volume/mirrored',
        `${volume.name} belongs to the mirror ${mirror.name}.`,
        'Delete the mirror first; both volumes stay.',
        { field: 'volume' },
      );
    const workload = workloads.runningOn(volume.id);
    if (workload !== null)
      refuse('volume/in-use', `A workload (${workload.id}) runs on ${volume.name}.`, 'Stop it first.', {
        field: 'volume',
      });
    const job = jobs.running(`volume/${volume.name}`)[0];
    if (job !== undefined)
      refuse('volume/in-use', `A job (${job.kind}, ${job.id}) works on ${volume.name}.`, 'Cancel it, or wait for it.', {
        field: 'volume',
      });
  }
}

function stateOf(status: VolumeStatus | null): Volume['state'] {
  if (status === null) return 'offline';
  switch (status.state) {
    case 'online':
      return 'serving';
    case 'secondary':
      return 'secondary';
    case 'waiting':
      return 'waiting';
    case 'suspended':
      return 'suspended';
    case 'fenced':
    case 'offline':
      return 'offline';
  }
}

const missingOn = (pool: string): string => `it is not on its pool ${pool}`;

/** What is in a volume: read, written and summed beside its hosts, wherever it is served now. */
import type { VolumeChecksum } from '../contract/index.ts';
import { hex } from './base64.ts';
import type { Jobs } from './jobs.ts';
import type { Machine } from './machine.ts';
import { refuse } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import type { StorageServerFace } from './server/types.ts';
import type { VolumeRecord } from './topology.ts';
import type { Volumes } from './volumes.ts';
import type { Workloads } from './workloads.ts';

const CHUNK = 1024 * 1024;

export type FrozenView = Awaited<ReturnType<StorageServerFace['frozenView']>>;

export interface VolumeContentEnvironment {
  readonly machine: Machine;
  readonly jobs: Jobs;
  readonly volumes: Volumes;
  readonly workloads: Workloads;
}

export class VolumeContent {
  readonly #environment: VolumeContentEnvironment;

  constructor(environment: VolumeContentEnvironment) {
    this.#environment = environment;
  }

  /** What a promotion now would give, as long as `use` runs. */
  async withView<T>(volume: VolumeRecord, use: (view: FrozenView, unit: ServerUnit) => Promise<T>): Promise<T> {
    const { volumes } = this.#environment;
    const route =
      volumes.unit(volume).face === null ? volumes.route(volume) : { unit: volumes.unit(volume), volumeId: volume.id };
    const view = await route.unit.ask((face) => face.frozenView(route.volumeId));
    try {
      return await use(view, route.unit);
    } finally {
      if (route.unit.face !== null) await route.unit.ask(() => view.close()).catch(() => undefined); // the server died: so did the view
    }
  }

  async checksum(volume: VolumeRecord): Promise<VolumeChecksum> {
    return this.withView(volume, async (view, unit) => {
      const hash = this.#environment.machine.hash.sha256Stream();
      for (let at = 0; at < view.sizeBytes; at += CHUNK) {
        hash.update(await unit.ask(() => view.read(at, Math.min(CHUNK, view.sizeBytes - at))));
      }
      return { sha256: hex(hash.digest()), bytes: view.sizeBytes, cp: view.cp, sequence: view.sequence };
    });
  }

  async read(
    volume: VolumeRecord,
    offset: number,
    length: number,
  ): Promise<{ data: Uint8Array; cp: number; sequence: number }> {
    checkRange(volume, offset, length);
    return this.withView(volume, async (view, unit) => ({
      data: await unit.ask(() => view.read(offset, length)),
      cp: view.cp,
      sequence: view.sequence,
    }));
  }

  async write(volume: VolumeRecord, offset: number, data: Uint8Array): Promise<{ bytes: number; sequence: number }> {
    checkRange(volume, offset, data.byteLength);
    const { volumes, workloads, jobs } = this.#environment;
    jobs.refuseWhileImporting(volume.name);
    const bytes = data.byteLength;
    await workloads.foreignWrite(volume, offset, bytes, () => volumes.target(volume).write(offset, data));
    const { unit, volumeId } = volumes.route(volume);
    const status = unit.face?.volumes().find((one) => one.id === volumeId);
    return { bytes, sequence: status?.sequence ?? 0 };
  }
}

function checkRange(volume: VolumeRecord, offset: number, length: number): void {
  if (offset + length > volume.sizeBytes) {
    refuse(
      'volume/out-of-range',
      `${volume.name} has ${volume.sizeBytes} bytes; the request ends at ${offset + length}.`,
      'Stay within the volume, or grow it first.',
      { field: 'offset' },
    );
  }
}

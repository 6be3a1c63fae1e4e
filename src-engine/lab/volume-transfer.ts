/** Whole volumes from and to files of the user, as jobs that are done when the content was compared. */
import type { Job } from '../contract/index.ts';
import type { UserFileProblem } from '../runtime/node/index.ts';
import { hex } from './base64.ts';
import type { Jobs } from './jobs.ts';
import type { Machine } from './machine.ts';
import { refuse } from './refused.ts';
import type { Topology, VolumeRecord } from './topology.ts';
import type { VolumeContent } from './volume-content.ts';
import type { Volumes } from './volumes.ts';
import type { Workloads } from './workloads.ts';

const BLOCK = 4096;
const CHUNK = 1024 * 1024;

export interface VolumeTransferEnvironment {
  readonly machine: Machine;
  readonly topology: Topology;
  readonly jobs: Jobs;
  readonly volumes: Volumes;
  readonly content: VolumeContent;
  readonly workloads: Workloads;
}

export class VolumeTransfer {
  readonly #environment: VolumeTransferEnvironment;

  constructor(environment: VolumeTransferEnvironment) {
    this.#environment = environment;
  }

  async import(volume: VolumeRecord, path: string): Promise<Job> {
    const { machine, jobs } = this.#environment;
    const opened = await machine.userFiles.open(path);
    if ('problem' in opened) refuseFile(opened);
    if (opened.sizeBytes > volume.sizeBytes) {
      await opened.close();
      refuse(
        'volume/too-small',
        `${path} has ${opened.sizeBytes} bytes, ${volume.name} only ${volume.sizeBytes}.`,
        'Grow the volume, or import a smaller file.',
        { field: 'path' },
      );
    }
    const source = opened;
    const hash = machine.hash.sha256Stream();
    return jobs.start(
      {
        kind: 'volume/import',
        subject: `volume/${volume.name}`,
        parameters: { volumeId: volume.id, path },
        canPause: true,
        canCancel: true,
      },
      {
        run: (control) =>
          this.#environment.workloads
            .foreignWrite(volume, 0, volume.sizeBytes, async () => {
              for (let at = 0; at < volume.sizeBytes; at += CHUNK) {
                await control.checkpoint();
                const length = Math.min(CHUNK, volume.sizeBytes - at);
                const data =
                  at < source.sizeBytes
                    ? await source.read(at, Math.min(length, source.sizeBytes - at))
                    : new Uint8Array(0);
                if (at < source.sizeBytes && data.byteLength !== Math.min(length, source.sizeBytes - at)) {
                  refuse(
                    'volume/import-changed',
                    `${path} became shorter while it was read.`,
                    'Import it again once nobody changes it.',
                  );
                }
                const whole = data.byteLength === length ? data : padded(data, length);
                hash.update(whole);
                await this.#writeSparse(volume, at, whole);
                control.progress({
                  phase: 'copying',
                  done: Math.min(at + length, volume.sizeBytes),
                  total: volume.sizeBytes,
                });
              }
              return { bytes: source.sizeBytes, sha256: hex(hash.digest()) };
            })
            .finally(() => source.close()),
        verify: async (result) => {
          const route = this.#environment.volumes.route(volume);
          const routed = this.#environment.topology.volumes.get(route.volumeId);
          const now = await this.#environment.content.checksum(routed);
          return now.sha256 === result['sha256']
            ? null
            : `${volume.name} does not hold the file: its checksum is ${now.sha256}`;
        },
      },
    );
  }

  /** Zeros become holes, everything else is written; runs of equal kind go as one request. */
  async #writeSparse(volume: VolumeRecord, at: number, data: Uint8Array): Promise<void> {
    const { unit, volumeId } = this.#environment.volumes.route(volume);
    let from = 0;
    while (from < data.byteLength) {
      const zero = isZero(data, from);
      let to = Math.min(from + BLOCK, data.byteLength);
      while (to < data.byteLength && isZero(data, to) === zero) to = Math.min(to + BLOCK, data.byteLength);
      const [start, end] = [from, to];
      if (zero) await unit.ask((face) => face.hostVolume(volumeId).zero(at + start, end - start));
      else await unit.ask((face) => face.hostVolume(volumeId).write(at + start, data.slice(start, end)));
      from = to;
    }
  }

  async export(volume: VolumeRecord, path: string, overwrite: boolean): Promise<Job> {
    const { machine, jobs } = this.#environment;
    const created = await machine.userFiles.create(path, { overwrite });
    if ('problem' in created) refuseFile(created);
    const file = created;
    const run = async (
      progress: (done: number, total: number) => void,
      checkpoint: () => Promise<void>,
    ): Promise<Record<string, unknown>> =>
      this.#environment.content.withView(volume, async (view, unit) => {
        const hash = machine.hash.sha256Stream();
        for (let at = 0; at < view.sizeBytes; at += CHUNK) {
          await checkpoint();
          const data = await unit.ask(() => view.read(at, Math.min(CHUNK, view.sizeBytes - at)));
          hash.update(data);
          for (let from = 0; from < data.byteLength; from += 64 * 1024) {
            const piece = data.subarray(from, from + 64 * 1024);
            if (!allZero(piece)) await file.write(piece, at + from);
          }
          progress(at + data.byteLength, view.sizeBytes);
        }
        await file.finish(view.sizeBytes);
        return { bytes: view.sizeBytes, sha256: hex(hash.digest()), cp: view.cp, sequence: view.sequence, path };
      });
    return jobs.start(
      {
        kind: 'volume/export',
        subject: `volume/${volume.name}`,
        parameters: { volumeId: volume.id, path },
        canPause: true,
        canCancel: true,
      },
      {
        run: async (control) => {
          try {
            return await run(
              (done, total) => control.progress({ phase: 'copying', done, total }),
              () => control.checkpoint(),
            );
          } catch (error) {
            await file.abandon().catch(() => undefined); // the first error is the one to tell
            throw error;
          }
        },
        verify: async (result) => {
          const written = await machine.userFiles.open(path);
          if ('problem' in written) return `${path} is not there: ${written.message}`;
          const size = written.sizeBytes;
          await written.close();
          return size === result['bytes'] ? null : `${path} has ${size} bytes instead of ${String(result['bytes'])}`;
        },
      },
    );
  }
}

function refuseFile(problem: UserFileProblem): never {
  const hint =
    problem.problem === 'exists'
      ? 'Choose another name, or ask for overwriting.'
      : 'Name an absolute path of a file that this program may use.';
  refuse(`file/${problem.problem}`, problem.message, hint, { field: 'path' });
}

function padded(data: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(data);
  return whole;
}

function isZero(data: Uint8Array, at: number): boolean {
  return allZero(data.subarray(at, at + BLOCK));
}

function allZero(data: Uint8Array): boolean {
  for (let i = 0; i < data.byteLength; i += 1) if (data[i] !== 0) return false;
  return true;
}

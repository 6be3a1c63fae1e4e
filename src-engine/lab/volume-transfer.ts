/**
 * Whole volumes from and to files of the user, as jobs. They are done when the content was compared by checksum, and go on
 * after a restart of the host: an import behind the last chunk whose write was acknowledged before it was remembered, an
 * export on its draft, which is brought to one moment of the volume whatever it holds.
 */
import type { Job } from '../contract/index.ts';
import type { UserFileProblem, UserFileReader, UserFileWriter } from '../runtime/node/index.ts';
import { hex } from './base64.ts';
import type { JobControl, JobMemory, JobResult, Jobs, JobWork, Resumer } from './jobs.ts';
import type { Clock } from '../runtime/index.ts';
import type { Machine } from './machine.ts';
import { refuse } from './refused.ts';
import type { Topology, VolumeRecord } from './topology.ts';
import type { VolumeContent } from './volume-content.ts';
import type { Volumes } from './volumes.ts';
import type { Workloads } from './workloads.ts';

const BLOCK = 4096;
const CHUNK = 1024 * 1024;
const PIECE = 64 * 1024;
/** A draft is synced and its length remembered so often. */
const SYNC_EVERY_BYTES = 16 * CHUNK;
const LOOK_AGAIN_MS = 100;

export interface VolumeTransferEnvironment {
  /** Of the lab: no export goes there. */
  readonly directory: string;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly topology: Topology;
  readonly jobs: Jobs;
  readonly volumes: Volumes;
  readonly content: VolumeContent;
  readonly workloads: Workloads;
}

interface ExportTarget {
  readonly path: string;
  readonly overwrite: boolean;
  readonly draft: string;
}

export class VolumeTransfer {
  readonly #environment: VolumeTransferEnvironment;

  constructor(environment: VolumeTransferEnvironment) {
    this.#environment = environment;
  }

  async import(volume: VolumeRecord, path: string): Promise<Job> {
    const { jobs } = this.#environment;
    jobs.refuseWhileImporting(volume.name);
    const source = await this.#openSource(volume, path);
    try {
      jobs.refuseWhileImporting(volume.name); // another may have begun meanwhile
    } catch (error) {
      await source.close();
      throw error;
    }
    return jobs.start(
      {
        kind: 'volume/import',
        subject: `volume/${volume.name}`,
        parameters: { volumeId: volume.id, path },
        canPause: true,
        canCancel: true,
      },
      this.#importWork(volume, path, source, {}),
    );
  }

  async export(volume: VolumeRecord, path: string, overwrite: boolean): Promise<Job> {
    const { machine, jobs, directory } = this.#environment;
    if (await machine.userFiles.isInside(path, directory)) {
      refuse(
        'file/inside-lab',
        `${path} lies in the directory of the lab, whose files are its own.`,
        'Name a file outside the lab.',
        { field: 'path' },
      );
    }
    const file = await machine.userFiles.create({ path, overwrite, tag: machine.random.id() });
    if ('problem' in file) refuseFile(file);
    const target: ExportTarget = { path, overwrite, draft: file.draft };
    return jobs.start(
      {
        kind: 'volume/export',
        subject: `volume/${volume.name}`,
        parameters: { volumeId: volume.id, ...target },
        canPause: true,
        canCancel: true,
      },
      this.#exportWork(volume, target, file, {}),
    );
  }

  /** For jobs that the end of the host interrupted. */
  resumers(): Record<string, Resumer> {
    const volumeOf = (parameters: JobMemory): VolumeRecord | undefined =>
      this.#environment.topology.volumes.byId(String(parameters['volumeId']));
    return {
      'volume/import': ({ parameters, memory }) => {
        const volume = volumeOf(parameters);
        if (volume === undefined) return 'the volume was deleted';
        return this.#importWork(volume, String(parameters['path']), null, memory);
      },
      'volume/export': ({ parameters, memory }) => {
        const volume = volumeOf(parameters);
        if (volume === undefined) return 'the volume was deleted';
        const { path, overwrite, draft } = parameters;
        if (typeof path !== 'string' || typeof draft !== 'string') return 'its draft is not known';
        return this.#exportWork(volume, { path, overwrite: overwrite === true, draft }, null, memory);
      },
    };
  }

  async #openSource(volume: VolumeRecord, path: string): Promise<UserFileReader> {
    const source = await this.#environment.machine.userFiles.open(path);
    if ('problem' in source) refuseFile(source);
    if (source.sizeBytes > volume.sizeBytes) {
      await source.close();
      refuse(
        'volume/too-small',
        `${path} has ${source.sizeBytes} bytes, ${volume.name} only ${volume.sizeBytes}.`,
        'Grow the volume, or import a smaller file.',
        { field: 'path' },
      );
    }
    return source;
  }

  /** `opened` null: taken up again after a restart, with what the job remembers. */
  #importWork(volume: VolumeRecord, path: string, opened: UserFileReader | null, memory: JobMemory): JobWork {
    return {
      run: async (control) => {
        const source = opened ?? (await this.#openSource(volume, path));
        try {
          if (opened === null) {
            if (memory['version'] !== undefined && memory['version'] !== source.version) importChanged(path);
            await this.#serves(volume, control);
          }
          const from = Number(memory['at'] ?? 0);
          const copied = await this.#environment.workloads.foreignWrite(volume, 0, volume.sizeBytes, () =>
            this.#copyIn(volume, path, source, from, control),
          );
          return { ...copied, ...(opened === null ? { resumedFromBytes: from } : {}) };
        } finally {
          await source.close();
        }
      },
      verify: async (result) => {
        const { volumes, topology, content } = this.#environment;
        const routed = topology.volumes.get(volumes.route(volume).volumeId);
        const now = await content.checksum(routed);
        return now.sha256 === result['sha256']
          ? null
          : `${volume.name} does not hold the file: its checksum is ${now.sha256}`;
      },
    };
  }

  /** Everything is read for the checksum; what an earlier run wrote is not written again. */
  async #copyIn(
    volume: VolumeRecord,
    path: string,
    source: UserFileReader,
    from: number,
    control: JobControl,
  ): Promise<JobResult> {
    const hash = this.#environment.machine.hash.sha256Stream();
    for (let at = 0; at < volume.sizeBytes; at += CHUNK) {
      await control.checkpoint();
      const length = Math.min(CHUNK, volume.sizeBytes - at);
      const wanted = Math.max(0, Math.min(length, source.sizeBytes - at));
      const data = wanted === 0 ? new Uint8Array(0) : await source.read(at, wanted);
      if (data.byteLength !== wanted) importChanged(path);
      const whole = data.byteLength === length ? data : padded(data, length);
      hash.update(whole);
      if (at >= from) {
        await this.#writeSparse(volume, at, whole);
        control.remember({ at: at + length, version: source.version });
      }
      control.progress({
        phase: at < from ? 'reading again' : 'copying',
        done: Math.min(at + length, volume.sizeBytes),
        total: volume.sizeBytes,
      });
    }
    return { bytes: source.sizeBytes, sha256: hex(hash.digest()) };
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

  /** `opened` null: taken up again after a restart, with what the job remembers. */
  #exportWork(volume: VolumeRecord, target: ExportTarget, opened: UserFileWriter | null, memory: JobMemory): JobWork {
    return {
      run: async (control) => {
        const file = opened ?? (await this.#openDraft(target, memory));
        if ('done' in file) return file.done;
        const from = opened === null ? Math.min(Number(memory['at'] ?? 0), file.draftBytes) : 0;
        try {
          if (opened === null) await this.#serves(volume, control);
          const copied = await this.#copyOut(volume, target, file, from, control);
          const problem = await file.finish(Number(copied['bytes']));
          if (problem !== null) refuseFile(problem);
          return { ...copied, ...(opened === null ? { resumedFromBytes: from } : {}) };
        } catch (error) {
          // The first error is the one to tell.
          await (control.interrupted ? file.keep() : file.abandon()).catch(() => undefined);
          throw error;
        }
      },
      verify: (result) => this.#compareFile(target.path, result),
    };
  }

  /** The draft of an interrupted export; `done` where only its last word was missing. */
  async #openDraft(target: ExportTarget, memory: JobMemory): Promise<UserFileWriter | { readonly done: JobResult }> {
    const { userFiles, random } = this.#environment.machine;
    const draft = await userFiles.resume(target);
    if (!('problem' in draft)) return draft;
    const finishing = memory['finishing'] as JobResult | undefined;
    if (finishing !== undefined && (await this.#compareFile(target.path, finishing)) === null)
      return { done: finishing };
    if (draft.problem !== 'not-found') refuseFile(draft);
    const anew = await userFiles.create({ ...target, tag: random.id() });
    if ('problem' in anew) refuseFile(anew);
    return anew;
  }

  /** One moment of the volume. Up to `from` the draft holds an earlier moment: only what differs is written there. */
  async #copyOut(
    volume: VolumeRecord,
    { path }: ExportTarget,
    file: UserFileWriter,
    from: number,
    control: JobControl,
  ): Promise<JobResult> {
    const { content, machine } = this.#environment;
    return content.withView(volume, async (view, unit) => {
      const hash = machine.hash.sha256Stream();
      let synced = from;
      for (let at = 0; at < view.sizeBytes; at += CHUNK) {
        await control.checkpoint();
        const data = await unit.ask(() => view.read(at, Math.min(CHUNK, view.sizeBytes - at)));
        hash.update(data);
        const there = at < file.draftBytes ? await file.read(at, data.byteLength) : null;
        for (let begin = 0; begin < data.byteLength; begin += PIECE) {
          const piece = data.subarray(begin, begin + PIECE);
          const same = there === null ? allZero(piece) : equal(piece, there.subarray(begin, begin + PIECE));
          if (!same) await file.write(piece, at + begin);
        }
        const end = at + data.byteLength;
        if (end - synced >= SYNC_EVERY_BYTES) {
          await file.sync();
          synced = end;
          control.remember({ at: end }, true);
        }
        control.progress({ phase: end <= from ? 'comparing' : 'copying', done: end, total: view.sizeBytes });
      }
      const result = { bytes: view.sizeBytes, sha256: hex(hash.digest()), cp: view.cp, sequence: view.sequence, path };
      control.remember({ at: view.sizeBytes, finishing: result }, true);
      return result;
    });
  }

  /** Null when the file at the path has the size and checksum of the result. */
  async #compareFile(path: string, result: JobResult): Promise<string | null> {
    const { userFiles, hash } = this.#environment.machine;
    const written = await userFiles.open(path);
    if ('problem' in written) return `${path} is not there: ${written.message}`;
    try {
      if (written.sizeBytes !== result['bytes'])
        return `${path} has ${written.sizeBytes} bytes instead of ${String(result['bytes'])}`;
      const sum = hash.sha256Stream();
      for (let at = 0; at < written.sizeBytes; at += CHUNK) sum.update(await written.read(at, CHUNK));
      const sha256 = hex(sum.digest());
      return sha256 === result['sha256'] ? null : `${path} does not hold the volume: its checksum is ${sha256}`;
    } finally {
      await written.close();
    }
  }

  /** After a restart the servers meet first; hosts wait in the same way. */
  async #serves(volume: VolumeRecord, control: JobControl): Promise<void> {
    const { volumes, clock, topology } = this.#environment;
    for (;;) {
      await control.checkpoint();
      const routed = topology.volumes.byId(volumes.route(volume).volumeId);
      const state = routed === undefined ? undefined : volumes.status(routed)?.state;
      if (state === 'online' || state === 'secondary') return;
      control.progress({ phase: `waiting until ${volume.name} serves` });
      await clock.sleep(LOOK_AGAIN_MS);
    }
  }
}

function refuseFile(problem: UserFileProblem): never {
  const hint =
    problem.problem === 'exists'
      ? 'Choose another name, or ask for overwriting.'
      : 'Name an absolute path of a file that this program may use.';
  refuse(`file/${problem.problem}`, `${problem.message}.`, hint, { field: 'path' });
}

function importChanged(path: string): never {
  refuse(
    'volume/import-changed',
    `${path} was changed while it was imported: the volume holds a part of it as it was before.`,
    'Import it again once nobody changes it.',
  );
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

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** Volumes of the lab as hosts and administrators reach them: by name or id, wherever they are served now. */
import type { BlockTarget } from '../host/index.ts';
import type { Job, Volume, VolumeChecksum } from '../contract/index.ts';
import { assert, type Clock } from '../runtime/index.ts';
import type { UserFileProblem } from '../runtime/node/index.ts';
import { instant } from './instant.ts';
import type { Jobs } from './jobs.ts';
import type { Machine } from './machine.ts';
import type { Mirrors } from './mirrors.ts';
import { refuse } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import type { StorageServerFace, VolumeStatus } from './server/types.ts';
import type { Topology, VolumeRecord } from './topology.ts';

const BLOCK = 4096;
const CHUNK = 1024 * 1024;

export type FrozenView = Awaited<ReturnType<StorageServerFace['frozenView']>>;

export interface VolumeEnvironment {
  readonly topology: Topology;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly jobs: Jobs;
  readonly mirrors: Mirrors;
  readonly unitOf: (serverId: string) => ServerUnit;
  /** Runs a foreign write with the volume's workloads paused and the ledger told which bytes it no longer vouches for. */
  readonly foreignWrite: <T>(
    volume: VolumeRecord,
    offset: number,
    length: number,
    write: () => Promise<T>,
  ) => Promise<T>;
  readonly usersOf: (volume: VolumeRecord) => string[];
  readonly usedBytes: (status: VolumeStatus | null) => number;
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
    const { topology } = this.#environment;
    const status = this.status(volume);
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
      usedBytes: this.#environment.usedBytes(status),
      cluster: topology.clusters.nameOf(array.clusterId),
      site: topology.sites.nameOf(array.siteId),
      pool: pool.name,
      owner: unit.face === null ? null : unit.spec.name,
      state,
      cause:
        state === 'serving' || state === 'secondary' ? null : (status?.stateReason ?? refused ?? unit.cause ?? null),
      policy: mirror?.policy ?? null,
      mirror: mirror?.name ?? null,
      cp: status?.cp ?? 0,
      sequence: status?.sequence ?? 0,
      createdAt: instant(volume.createdAtMs),
      users: this.#environment.usersOf(volume),
    };
  }

  /** What a promotion now would give, as long as `use` runs. */
  async withView<T>(volume: VolumeRecord, use: (view: FrozenView, unit: ServerUnit) => Promise<T>): Promise<T> {
    const route =
      this.unit(volume).face === null ? this.route(volume) : { unit: this.unit(volume), volumeId: volume.id };
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
    this.#checkRange(volume, offset, length);
    return this.withView(volume, async (view, unit) => ({
      data: await unit.ask(() => view.read(offset, length)),
      cp: view.cp,
      sequence: view.sequence,
    }));
  }

  async write(volume: VolumeRecord, offset: number, data: Uint8Array): Promise<{ bytes: number; sequence: number }> {
    this.#checkRange(volume, offset, data.byteLength);
    const bytes = data.byteLength;
    await this.#environment.foreignWrite(volume, offset, bytes, () => this.target(volume).write(offset, data));
    const { unit, volumeId } = this.route(volume);
    const status = unit.face?.volumes().find((one) => one.id === volumeId);
    return { bytes, sequence: status?.sequence ?? 0 };
  }

  #checkRange(volume: VolumeRecord, offset: number, length: number): void {
    if (offset + length > volume.sizeBytes) {
      refuse(
        'volume/out-of-range',
        `${volume.name} has ${volume.sizeBytes} bytes; the request ends at ${offset + length}.`,
        'Stay within the volume, or grow it first.',
        { field: 'offset' },
      );
    }
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
          this.#environment
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
          const route = this.route(volume);
          const routed = this.#environment.topology.volumes.get(route.volumeId);
          const now = await this.checksum(routed);
          return now.sha256 === result['sha256']
            ? null
            : `${volume.name} does not hold the file: its checksum is ${now.sha256}`;
        },
      },
    );
  }

  /** Zeros become holes, everything else is written; runs of equal kind go as one request. */
  async #writeSparse(volume: VolumeRecord, at: number, data: Uint8Array): Promise<void> {
    const { unit, volumeId } = this.route(volume);
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
      this.withView(volume, async (view, unit) => {
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

export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 of RFC 4648 without the ambient `Buffer`. */
export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.byteLength; i += 3) {
    const a = bytes[i] ?? 0;
    const b = bytes[i + 1];
    const c = bytes[i + 2];
    parts.push(
      ALPHABET.charAt(a >> 2) +
        ALPHABET.charAt(((a & 3) << 4) | ((b ?? 0) >> 4)) +
        (b === undefined ? '=' : ALPHABET.charAt(((b & 15) << 2) | ((c ?? 0) >> 6))) +
        (c === undefined ? '=' : ALPHABET.charAt(c & 63)),
    );
  }
  return parts.join('');
}

/** Null when the text is not base64. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let to = 0;
  for (let i = 0; i < text.length; i += 4) {
    let word = 0;
    for (let k = 0; k < 4; k += 1) {
      const character = text.charAt(i + k);
      const value = character === '=' && i + k >= text.length - padding ? 0 : ALPHABET.indexOf(character);
      if (value < 0) return null;
      word = (word << 6) | value;
    }
    for (let k = 2; k >= 0 && to < bytes.byteLength; k -= 1) {
      bytes[to] = (word >> (8 * k)) & 255;
      to += 1;
    }
  }
  assert(to === bytes.byteLength, 'base64 filled its buffer');
  return bytes;
}

/**
 * `lab check`: every persistent structure of a lab, read and judged. Pools are proved by the servers that own them, on
 * committed roots; everything else is read from the files, beside the servers that write them, therefore what looks
 * damaged is read again before it is believed. Nothing is written, unless `repair` is asked for.
 */
import type { CheckReport } from '../contract/index.ts';
import { decodeEnvelope, LABEL_SLOT_BYTES, readHeader } from '../disk/index.ts';
import { Log } from '../nvlog/index.ts';
import { decodeLabel } from '../pool/index.ts';
import { FractureLog, REGION_BYTES } from '../replication/index.ts';
import { StorageError, type Clock, type Runtime, type Storage, type StorageFile } from '../runtime/index.ts';
import { readSmallFile } from './small-file.ts';
import { Refused } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import { readIdentity } from './server/index.ts';
import type { ArrayRecord, ServerRecord, Topology, VolumeRecord } from './topology.ts';
import { readTopologyCopy } from './topology-copy.ts';

type Problem = CheckReport['problems'][number];

export interface CheckEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly arrayStorage: (array: ArrayRecord) => Storage;
  readonly serverStorage: (server: ServerRecord) => Storage;
  readonly hasLedger: (volume: VolumeRecord) => Promise<boolean>;
  /** Throws `Refused` with file, offset, expected and found where it is damaged. */
  readonly readLedger: (volume: VolumeRecord) => Promise<unknown>;
  /** What opening a lab at rest would have to take from the arrays; null where the catalog is sound. */
  readonly restored: string | null;
  /** Directories under `arrays/` that no array of the lab owns. */
  readonly unknownArrays: () => Promise<readonly string[]>;
  /** Writes the topology to all arrays. */
  readonly copyTopology: () => Promise<void>;
}

/** Files that are written while they are read give a torn picture once; damage gives it every time. */
const READINGS = 4;
const AGAIN_MS = 50;
const LABEL_SLOTS = [LABEL_SLOT_BYTES, 2 * LABEL_SLOT_BYTES] as const;
/** Reserve of a log as its owner opens it; nothing is appended here. */
const LOG_RESERVE_BYTES = 64 * 1024;

export async function checkLab(environment: CheckEnvironment, repair: boolean): Promise<CheckReport> {
  const check = new Check(environment);
  for (const server of environment.topology.servers.list()) await check.server(server, repair);
  for (const array of environment.topology.arrays.list()) await check.array(array, repair);
  check.catalog();
  await check.unknownArrays();
  for (const volume of environment.topology.volumes.list()) await check.ledger(volume);
  return check.report();
}

class Check {
  readonly #environment: CheckEnvironment;
  readonly #problems: Problem[] = [];
  #repaired = 0;
  /** lab.json and the catalog were read when the lab was opened. */
  #files = 2;
  #blocks = 0;

  constructor(environment: CheckEnvironment) {
    this.#environment = environment;
  }

  report(): CheckReport {
    const left = this.#problems.length - this.#repaired;
    return {
      verdict: left > 0 ? 'damaged' : this.#repaired > 0 ? 'repaired' : 'clean',
      problems: this.#problems,
      checked: { files: this.#files, blocks: this.#blocks, bytes: this.#blocks * 4096 },
    };
  }

  #found(problem: Problem, repaired = false): void {
    if (repaired) this.#repaired += 1;
    this.#problems.push({ ...problem, ...(repaired ? { action: 'repaired' } : {}) });
  }

  async server(server: ServerRecord, repair: boolean): Promise<void> {
    const { unitOf, serverStorage, topology } = this.#environment;
    const unit = unitOf(server.id);
    const folder = `servers/${topology.servers.filesOf(server)}`;
    const storage = serverStorage(server);
    const state = unit.anyFace?.status().state;
    const serving = unit.state === 'up' && state?.kind !== 'refused';
    if (state?.kind === 'refused') {
      this.#found({
        file: folder,
        offset: null,
        expected: 'files that fit each other',
        found: `${state.code}: ${state.message}`,
        action: 'Put the named file right and power the server off and on, or fail over to the other site.',
      });
    } else if (unit.state === 'down' && unit.cause?.startsWith('boot failed') === true) {
      this.#found({ file: folder, offset: null, expected: 'a server that starts', found: unit.cause });
    }
    const identity = await this.#settled(async () => {
      const found = await readIdentity(storage);
      return found.kind === 'refused' ? found.message : found;
    });
    this.#files += 1;
    if (typeof identity === 'string') {
      this.#found({ file: `${folder}/identity.json`, offset: 0, expected: 'a server identity', found: identity });
    } else if (identity.kind === 'known') {
      const names = ['nvlog-a.log', 'nvlog-b.log'] as const;
      await this.#log(storage, folder, names, identity.identity.logId, serving);
    }
    if (!serving) return;
    for (const { file, offset, expected, found, repaired } of await unit.ask((face) => face.check(repair)))
      this.#found({ file, offset, expected, found }, repaired);
    const face = unit.need();
    for (const pool of face.status().pools) this.#blocks += pool.usedBytes / 4096;
    const owned = topology.volumes.list().filter((volume) => topology.ownerOf(volume).id === server.id);
    for (const volume of owned.filter((one) => !face.volumes().some((found) => found.id === one.id))) {
      this.#found({
        file: `arrays/${topology.arrays.filesOf(topology.arrays.get(topology.pools.get(volume.poolId).arrayId))}`,
        offset: null,
        expected: `volume ${volume.name} on pool ${topology.pools.nameOf(volume.poolId)}`,
        found: 'no such volume on the pool',
        action: 'Restore the array, or delete the volume.',
      });
    }
    for (const volume of face.volumes()) {
      if (volume.state !== 'offline' && volume.state !== 'suspended') continue;
      this.#found({
        file: folder,
        offset: null,
        expected: `${topology.nameOf(volume.id)} online`,
        found: volume.stateReason ?? volume.state,
      });
    }
  }

  async array(array: ArrayRecord, repair: boolean): Promise<void> {
    const { topology, arrayStorage, copyTopology, unitOf } = this.#environment;
    const folder = `arrays/${topology.arrays.filesOf(array)}`;
    const storage = arrayStorage(array);
    const before = this.#problems.length;
    for (let slot = 0; slot < array.disks; slot += 1) await this.#disk(storage, folder, array, slot);
    const disksWhole = this.#problems.length === before;
    for (const copy of ['a', 'b'] as const) await this.#epochs(storage, folder, `shared/epochs-${copy}`);
    for (const pool of topology.pools.list().filter((one) => one.arrayId === array.id)) {
      const status = unitOf(pool.ownerId)
        .face?.status()
        .pools.find((one) => one.id === pool.id);
      if (status === undefined || status.state === 'healthy' || !disksWhole) continue;
      this.#found({
        file: folder,
        offset: null,
        expected: `pool ${pool.name} with all its disks`,
        found: `the pool is ${status.state}: a disk is stale or failed`,
        action: 'Its data are readable as long as the RAID level allows.',
      });
    }
    for (const mirror of topology.mirrors.list()) await this.#mirror(storage, folder, array, mirror);
    const copy = await readTopologyCopy(storage);
    this.#files += 1;
    if (copy === null || !('file' in copy)) return;
    if (repair) await copyTopology();
    const after = repair ? await readTopologyCopy(storage) : copy;
    this.#found(
      {
        ...copy,
        file: `${folder}/${copy.file}`,
        action: 'It is written anew with --repair, or with the next change of the topology.',
      },
      repair && after !== null && !('file' in after),
    );
  }

  /** Identity, size and both label slots of one image. */
  async #disk(storage: Storage, folder: string, array: ArrayRecord, slot: number): Promise<void> {
    const path = `disk-${slot}.img`;
    const file = `${folder}/${path}`;
    this.#files += 1;
    await this.#reading(file, async () => {
      if (!(await storage.exists(path)))
        return { file, offset: 0, expected: `${array.diskSizeBytes} bytes`, found: 'no such file' };
      const image = await storage.open(path);
      try {
        if (image.size < array.diskSizeBytes)
          return { file, offset: image.size, expected: `${array.diskSizeBytes} bytes`, found: `${image.size} bytes` };
        const header = await readHeader(image);
        if (typeof header === 'string') return { file, offset: 0, expected: 'the header of a disk', found: header };
        if (header.arrayId !== array.id || header.slot !== slot)
          return {
            file,
            offset: 0,
            expected: `disk ${slot} of array ${array.id}`,
            found: `disk ${header.slot} of array ${header.arrayId}`,
          };
        for (const offset of LABEL_SLOTS) {
          const bytes = new Uint8Array(LABEL_SLOT_BYTES);
          await image.read(bytes, offset);
          const label = decodeLabel(bytes);
          if (label.kind === 'damaged') return { file, offset, expected: 'a label', found: label.message };
          if (label.kind === 'newer')
            return { file, offset, expected: 'a known label format', found: `format ${label.version}` };
        }
        return null;
      } finally {
        await image.close();
      }
    });
  }

  async #epochs(storage: Storage, folder: string, path: string): Promise<void> {
    const file = `${folder}/${path}`;
    this.#files += 1;
    await this.#reading(file, async () => {
      if (!(await storage.exists(path)))
        return { file, offset: 0, expected: 'ownership epochs', found: 'no such file' };
      const envelope = decodeEnvelope(await readSmallFile(storage, path), 'LSEPOCHS', 1);
      // A copy that was lost is made anew, empty, and written with the next raise.
      if (envelope.kind === 'ok' || envelope.kind === 'empty') return null;
      if (envelope.kind === 'newer')
        return { file, offset: 8, expected: 'format 1', found: `format ${envelope.version}` };
      return { file, offset: 0, expected: envelope.expected, found: envelope.found };
    });
  }

  /** Marks of the side that lies on this array, and the mirror log kept there for the other side's server. */
  async #mirror(
    storage: Storage,
    folder: string,
    array: ArrayRecord,
    mirror: { readonly id: string; readonly sourceVolumeId: string; readonly destinationVolumeId: string },
  ): Promise<void> {
    const { topology, runtime, unitOf } = this.#environment;
    const volumes = [mirror.sourceVolumeId, mirror.destinationVolumeId].map((id) => topology.volumes.get(id));
    const here = volumes.find((volume) => topology.pools.get(volume.poolId).arrayId === array.id);
    const there = volumes.find((volume) => volume !== here);
    if (here === undefined || there === undefined) return;
    const regions = Math.ceil(here.sizeBytes / REGION_BYTES);
    for (const name of [`marks-${mirror.id}`, `kept-${mirror.id}`]) {
      const file = `${folder}/shared/${name}`;
      this.#files += 1;
      await this.#reading(file, async () => {
        const opened = await FractureLog.open(
          { runtime, open: async (path) => readOnly(await storage.open(`shared/${path}`)) },
          name,
          { regions, create: false },
        );
        if (opened.kind === 'refused') return { file, offset: 0, expected: 'a bitmap of marks', found: opened.message };
        await opened.log.close();
        if (opened.damaged === 'none') return null;
        const found = opened.damaged === 'both' ? 'both copies are damaged' : 'one of its two copies is damaged';
        return { file, offset: 0, expected: 'two valid copies of every page', found };
      });
    }
    const peer = topology.ownerOf(there);
    const names = [`mirror-${peer.id}-a.log`, `mirror-${peer.id}-b.log`] as const;
    if (!(await storage.exists(`shared/${names[0]}`))) return;
    const owner = unitOf(topology.ownerOf(here).id);
    const shared = under(storage, 'shared/');
    await this.#log(shared, `${folder}/shared`, names, `mirror ${peer.id}`.slice(0, 32), owner.face !== null);
  }

  /** Headers of both halves and, where nobody writes to it, the chain of records. */
  async #log(
    storage: Pick<Storage, 'open' | 'exists'>,
    folder: string,
    names: readonly [string, string],
    logId: string,
    live: boolean,
  ): Promise<void> {
    const { runtime } = this.#environment;
    this.#files += 2;
    await this.#reading(`${folder}/${names[0]}`, async () => {
      for (const name of names) {
        if (!(await storage.exists(name)))
          return { file: `${folder}/${name}`, offset: 0, expected: 'a log half', found: 'no such file' };
      }
      const sizes = await Promise.all(names.map(async (name) => sizeOf(await storage.open(name))));
      const halfBytes = Math.floor(Math.min(...sizes) / 4096) * 4096;
      if (halfBytes <= 2 * LOG_RESERVE_BYTES)
        return { file: `${folder}/${names[0]}`, offset: 0, expected: 'a log half', found: `${halfBytes} bytes` };
      const opened = await Log.open(
        { runtime, open: async (name) => readOnly(await storage.open(name)) },
        { names, logId, halfBytes, reserveBytes: LOG_RESERVE_BYTES },
      );
      if (opened.kind === 'refused')
        return { file: folder, offset: null, expected: 'a readable log', found: `${opened.code}: ${opened.message}` };
      await opened.log.close();
      const told = opened.findings.find(
        ({ code }) =>
          code === 'half-header-damaged' || (!live && (code === 'lost-records' || code === 'predecessor-missing')),
      );
      if (told === undefined) return null;
      const name = names.find((one) => told.file.endsWith(one)) ?? names[0];
      const expected =
        told.code === 'half-header-damaged' ? 'the header of a log half' : 'an unbroken chain of records';
      return { file: `${folder}/${name}`, offset: told.offset, expected, found: told.message };
    });
  }

  catalog(): void {
    const { restored } = this.#environment;
    if (restored === null) return;
    this.#found({
      file: 'catalog.sqlite',
      offset: 0,
      expected: 'the catalog of the lab',
      found: restored,
      action: 'Opening the lab does this.',
    });
  }

  async unknownArrays(): Promise<void> {
    for (const name of await this.#environment.unknownArrays()) {
      this.#found({
        file: `arrays/${name}`,
        offset: null,
        expected: 'the files of an array of this lab',
        found: `no array is called ${name}`,
        action: 'Where nobody misses it, remove the directory while no host runs.',
      });
    }
  }

  async ledger(volume: VolumeRecord): Promise<void> {
    const { hasLedger, readLedger } = this.#environment;
    if (!(await hasLedger(volume))) return;
    this.#files += 1;
    try {
      await readLedger(volume);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const details = error.refusal.details ?? {};
      this.#found({
        file: textOr(details['file'], `ledgers/${volume.name}.ledger`),
        offset: Number(details['offset'] ?? 0),
        expected: textOr(details['expected'], 'a ledger'),
        found: textOr(details['found'], error.refusal.message),
      });
    }
  }

  /** Notes the problem that `read` finds, if it finds one every time. What the medium refuses is a finding, too. */
  async #reading(file: string, read: () => Promise<Problem | null>): Promise<void> {
    let problem: Problem | null = null;
    for (let reading = 1; reading <= READINGS; reading += 1) {
      if (reading > 1) await this.#environment.clock.sleep(AGAIN_MS);
      try {
        problem = await read();
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        problem = { file, offset: 0, expected: 'a readable file', found: error.message };
      }
      if (problem === null) return;
    }
    if (problem !== null) this.#found(problem);
  }

  async #settled<T>(read: () => Promise<T | string>): Promise<T | string> {
    let last: T | string = '';
    for (let reading = 1; reading <= READINGS; reading += 1) {
      if (reading > 1) await this.#environment.clock.sleep(AGAIN_MS);
      last = await read();
      if (typeof last !== 'string') return last;
    }
    return last;
  }
}

async function sizeOf(file: StorageFile): Promise<number> {
  const { size } = file;
  await file.close();
  return size;
}

function under(storage: Storage, prefix: string): Pick<Storage, 'open' | 'exists'> {
  return { open: (path) => storage.open(`${prefix}${path}`), exists: (path) => storage.exists(`${prefix}${path}`) };
}

/** What opening would repair stays as it is. */
function readOnly(file: StorageFile): StorageFile {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    path: file.path,
    size: file.size,
    read: (into, at) => file.read(into, at),
    write: nothing,
    sync: nothing,
    commit: nothing,
    discard: nothing,
    close: () => file.close(),
  };
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

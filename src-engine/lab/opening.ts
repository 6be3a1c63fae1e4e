/**
 * The lab's own files at opening: `lab.json` of a new lab, and the catalog. A catalog that is lost is made anew from what
 * the arrays keep of the topology, completely or not at all: nothing is opened that was only half rebuilt.
 */
import type { Storage } from '../runtime/index.ts';
import {
  COLLECTIONS,
  NOT_TOPOLOGY,
  OF_RUNNING_THINGS,
  openSqliteCatalog,
  type Catalog,
  type CatalogOpening,
} from './catalog/index.ts';
import { LAB_FORMAT, type LabFile } from './directory.ts';
import type { Machine } from './machine.ts';
import { refuse } from './refused.ts';
import { Topology } from './topology.ts';
import { bestTopologyCopy, type TopologyCopy } from './topology-copy.ts';

const CATALOG = 'catalog.sqlite';
/** A catalog in the making: nobody opens it under this name. */
const REBUILDING = 'catalog-rebuilding.sqlite';
/** Catalogs of this format and later count their changes across openings. */
const COUNTS_SINCE = 2;
/** There from the first to the last step of a lab's creation. */
const CREATING = 'lab.unfinished';

/** Refuses to make a lab where one is, or to open where none is; nothing is changed then. */
export async function refuseWrongPlace(storage: Storage, directory: string, create: boolean): Promise<void> {
  if (await storage.exists('lab.json')) {
    if (create) refuse('lab/exists', `${directory} holds a lab already.`, 'Open it, or name another directory.');
    return;
  }
  if (await storage.exists(CREATING)) {
    if (create) return;
    refuse(
      'lab/unfinished',
      `The creation of the lab in ${directory} was interrupted; it holds nothing yet.`,
      'Create it again with lab create: what is left of the first attempt is replaced.',
    );
  }
  if (await storage.exists(CATALOG)) {
    refuse(
      'lab/damaged',
      `lab.json is missing in ${directory}, but ${CATALOG} is there. Nothing was changed.`,
      'Restore lab.json from a backup; where this is the rest of an interrupted creation, empty the directory.',
      { details: { file: 'lab.json', offset: 0, expected: 'the file of a lab', found: 'no such file' } },
    );
  }
  if (!create) refuse('lab/not-found', `There is no lab in ${directory}.`, 'Create one with lab create.');
}

/** Marks the creation as begun, and clears away what an interrupted one left. */
export async function beginCreation(storage: Storage): Promise<void> {
  if (await storage.exists(CREATING)) {
    for (const prefix of ['arrays/', 'servers/', 'ledgers/', 'backups/', CATALOG, REBUILDING])
      for (const path of await storage.list(prefix)) await storage.remove(path);
  }
  const marker = await storage.open(CREATING, { create: true, size: 1 });
  await marker.sync();
  await marker.close();
}

export async function endCreation(storage: Storage): Promise<void> {
  if (await storage.exists(CREATING)) await storage.remove(CREATING);
}

export function newLabFile(
  machine: Machine,
  create: { readonly demo?: 'two-site' | undefined; readonly name?: string | undefined },
): LabFile {
  return {
    format: LAB_FORMAT,
    id: machine.random.id(),
    name: create.name ?? create.demo ?? 'lab',
    demo: create.demo ?? null,
    createdAtMs: machine.clock.wallMs(),
  };
}

export interface CatalogPlace {
  readonly storage: Storage;
  readonly machine: Machine;
  /** Of the lab, and where its catalog is: the same, but for a lab that is only looked at. */
  readonly directory: string;
  readonly catalogDirectory: string;
  readonly wallMs: number;
}

export interface OpenedCatalog {
  readonly catalog: Catalog;
  /** What had to be taken from the arrays, as a sentence; null where the catalog was as it was left. */
  readonly restored: string | null;
}

export async function openCatalog(place: CatalogPlace, fresh: boolean): Promise<OpenedCatalog> {
  const { machine, directory, catalogDirectory, wallMs } = place;
  const storage = machine.storage(catalogDirectory);
  // So that the directory exists; without room nothing will be put there either.
  await empty(storage, 'backups/keep').catch(() => undefined);
  let lost: string | null = null;
  if (!fresh) {
    lost = (await storage.exists(CATALOG)) ? null : 'missing';
    if (lost === null) {
      const opened = openAt(place, CATALOG);
      const unsound = opened.ok ? unsoundness(opened.catalog, machine) : null;
      if (opened.ok && unsound === null) return { catalog: opened.catalog, restored: await catchUp(place, opened) };
      if (opened.ok) opened.catalog.close();
      if (!opened.ok && opened.reason === 'newer') {
        refuse(
          'lab/newer-catalog',
          `The catalog has a newer format: ${opened.message}. Nothing was changed.`,
          'Open the lab with the program that made it, or a newer one.',
          { details: { file: CATALOG } },
        );
      }
      lost = `damaged (${opened.ok ? unsound : opened.message})`;
    }
    await rebuild(place, lost);
    // A write-ahead log without its database belongs to nothing.
    for (const path of [CATALOG, `${CATALOG}-wal`, `${CATALOG}-shm`]) {
      if (await storage.exists(path)) await storage.rename(path, `backups/damaged-${Math.floor(wallMs)}-${path}`);
    }
    await storage.rename(REBUILDING, CATALOG);
  } else {
    await empty(storage, CATALOG);
  }
  const opened = openAt(place, CATALOG, fresh);
  if (!opened.ok) throw new Error(`a new catalog cannot be opened in ${directory}: ${opened.message}`);
  const restored =
    lost === null
      ? null
      : `The catalog was ${lost}; it was rebuilt from the arrays. Earlier events, jobs and reports are gone`;
  return { catalog: opened.catalog, restored };
}

/** Scenario 71: a new catalog, under its own name, with the newest topology that an array holds. */
async function rebuild(place: CatalogPlace, why: string): Promise<void> {
  const { machine, directory, catalogDirectory } = place;
  const storage = machine.storage(catalogDirectory);
  const { best, arrays } = await copiesOf(place);
  if (best === null && arrays > 0) {
    refuse(
      'lab/catalog-lost',
      `The catalog is ${why}, and no array holds a readable copy of the topology. Nothing was changed.`,
      `Restore ${CATALOG} from backups/ or from a backup of your own. The data in arrays/ are untouched.`,
      { details: { file: CATALOG, offset: 0, expected: 'the catalog of the lab', found: why } },
    );
  }
  for (const path of [REBUILDING, `${REBUILDING}-wal`, `${REBUILDING}-shm`])
    if (await storage.exists(path)) await storage.remove(path);
  await empty(storage, REBUILDING);
  const opened = openAt(place, REBUILDING, true);
  if (!opened.ok) throw new Error(`a new catalog cannot be opened in ${directory}: ${opened.message}`);
  const { catalog } = opened;
  if (best !== null) {
    takeOver(catalog, machine, best);
  }
  catalog.close();
}

/** Readable, but not a catalog: a table that is gone, a record of another shape, a reference to nothing. Null when sound. */
function unsoundness(catalog: Catalog, machine: Machine): string | null {
  try {
    catalog.eventRange();
    catalog.audits(1);
    catalog.topologyNumber();
    for (const collection of OF_RUNNING_THINGS) {
      // What ran is forgotten rather than believed.
      for (const { id, body } of catalog.all(collection)) if (!isRecordOf(id, body)) catalog.remove(collection, id);
    }
    return new Topology(catalog, machine.random).dangling();
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}

const isRecordOf = (id: string, body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'id' in body && body.id === id;

/** The arrays win: a catalog that is older than their copies of the topology (restored from a backup, say) follows them. */
async function catchUp(
  place: CatalogPlace,
  { catalog, migratedFrom }: CatalogOpening & { readonly ok: true },
): Promise<string | null> {
  const { best } = await copiesOf(place);
  const number = catalog.topologyNumber();
  if (best === null || best.number <= number) return null;
  if (migratedFrom !== null && migratedFrom < COUNTS_SINCE) {
    catalog.setTopologyNumber(best.number); // catalogs of the older format counted anew at every opening
    return null;
  }
  takeOver(catalog, place.machine, best);
  return `The catalog was older (change ${number}) than what the arrays hold (change ${best.number}): what is configured was taken from the arrays`;
}

function copiesOf({ storage, machine, directory }: CatalogPlace): ReturnType<typeof bestTopologyCopy> {
  return bestTopologyCopy(storage, (name) => machine.storage(`${directory}/arrays/${name}`));
}

function takeOver(catalog: Catalog, machine: Machine, { document, number }: TopologyCopy): void {
  catalog.transaction(() => {
    for (const collection of COLLECTIONS) {
      if (NOT_TOPOLOGY.includes(collection)) continue;
      for (const { id } of catalog.all(collection)) catalog.remove(collection, id);
    }
    new Topology(catalog, machine.random).restore(document);
    catalog.setTopologyNumber(number);
  });
}

function openAt({ machine, catalogDirectory, wallMs }: CatalogPlace, name: string, fresh = false): CatalogOpening {
  return openSqliteCatalog({
    fresh,
    path: `${catalogDirectory}/${name}`,
    ...(machine.sqliteBinding === undefined ? {} : { binding: machine.sqliteBinding }),
    backup: (from, copyTo) => copyTo(`${catalogDirectory}/backups/catalog-format-${from}-${Math.floor(wallMs)}.sqlite`),
  });
}

/** Made through the storage, so that the database is for its owner's eyes only. */
async function empty(storage: Storage, path: string): Promise<void> {
  await (await storage.open(path, { create: true, size: 0 })).close();
}

/** The lab's own files at opening: `lab.json` of a new lab, and the catalog, set aside and begun anew where it is damaged. */
import type { Storage } from '../runtime/index.ts';
import { openSqliteCatalog, type Catalog } from './catalog/index.ts';
import { LAB_FORMAT, type LabFile } from './directory.ts';
import type { Machine } from './machine.ts';
import { refuse } from './refused.ts';

const CATALOG = 'catalog.sqlite';

/** Refuses to make a lab where one is, or to open where none is; nothing is changed then. */
export async function refuseWrongPlace(storage: Storage, directory: string, create: boolean): Promise<void> {
  if (create && (await storage.exists('lab.json'))) {
    refuse('lab/exists', `${directory} holds a lab already.`, 'Open it, or name another directory.');
  }
  if (!(await storage.exists('lab.json')) && (await storage.exists(CATALOG))) {
    refuse(
      'lab/damaged',
      `lab.json is missing in ${directory}, but ${CATALOG} is there. Nothing was changed.`,
      'Restore lab.json from a backup; where this is the rest of an interrupted creation, empty the directory.',
      { details: { file: 'lab.json', offset: 0, expected: 'the file of a lab', found: 'no such file' } },
    );
  }
  if (!create && !(await storage.exists('lab.json'))) {
    refuse('lab/not-found', `There is no lab in ${directory}.`, 'Create one with lab create.');
  }
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

export async function openCatalog(
  storage: Storage,
  machine: Machine,
  directory: string,
  wallMs: number,
  fresh: boolean,
): Promise<{ readonly catalog: Catalog; readonly lost: string | null }> {
  const binding = machine.sqliteBinding === undefined ? {} : { binding: machine.sqliteBinding };
  const open = () =>
    openSqliteCatalog({
      path: `${directory}/${CATALOG}`,
      ...binding,
      backup: (from, copyTo) => copyTo(`${directory}/backups/catalog-format-${from}-${Math.floor(wallMs)}.sqlite`),
    });
  let lost: string | null = null;
  if (!fresh && !(await storage.exists(CATALOG))) lost = 'missing';
  // A write-ahead log without its database belongs to nothing.
  if (lost !== null)
    for (const path of [`${CATALOG}-wal`, `${CATALOG}-shm`]) if (await storage.exists(path)) await storage.remove(path);
  await (await storage.open(CATALOG, { create: true, size: 0 })).close();
  await (await storage.open('backups/keep', { create: true, size: 0 })).close(); // so that the directory exists
  let opened = open();
  if (!opened.ok && opened.reason === 'newer') {
    refuse(
      'lab/newer-catalog',
      `The catalog has a newer format: ${opened.message}. Nothing was changed.`,
      'Open the lab with the program that made it, or a newer one.',
      { details: { file: CATALOG } },
    );
  }
  if (!opened.ok) {
    lost = `damaged (${opened.message})`;
    for (const path of [CATALOG, `${CATALOG}-wal`, `${CATALOG}-shm`]) {
      if (await storage.exists(path)) await storage.rename(path, `backups/damaged-${Math.floor(wallMs)}-${path}`);
    }
    await (await storage.open(CATALOG, { create: true, size: 0 })).close();
    opened = open();
  }
  if (!opened.ok) throw new Error(`a new catalog cannot be opened: ${opened.message}`);
  return { catalog: opened.catalog, lost };
}

/** Opening a lab only to look at it: the same machine, but nothing that is written reaches the lab's directory. */
import type { Machine } from './machine.ts';
import { OverlayStorage } from './overlay-storage.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';

export interface LookingMachine {
  readonly machine: Machine;
  /** Absolute: where the catalog's copy lies. */
  readonly catalogDirectory: string;
  /** Closes and forgets everything. */
  release(): Promise<void>;
}

export async function lookingMachine(base: Machine, directory: string): Promise<LookingMachine> {
  const overlays = new Map<string, OverlayStorage>();
  const scratch = await base.scratch();
  // SQLite writes beside what it reads: it gets a copy, with the log that an interrupted host left.
  const lab = base.storage(directory);
  const copies = base.storage(scratch.directory);
  for (const path of ['catalog.sqlite', 'catalog.sqlite-wal'])
    if (await lab.exists(path)) await writeSmallFile(copies, path, await readSmallFile(lab, path));
  const machine: Machine = {
    ...base,
    storage: (root) => {
      if (root === scratch.directory) return base.storage(root);
      const known = overlays.get(root) ?? new OverlayStorage(base.storage(root));
      overlays.set(root, known);
      return known;
    },
  };
  return {
    machine,
    catalogDirectory: scratch.directory,
    release: async () => {
      for (const overlay of overlays.values()) await overlay.release();
      await scratch.remove();
    },
  };
}

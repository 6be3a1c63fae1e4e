import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

/** Things that are made, renamed and deleted here, in the order in which a lab is built. */
export const NOUNS = ['site', 'cluster', 'server', 'link', 'array', 'pool', 'volume', 'mirror'] as const;
export type Noun = (typeof NOUNS)[number];
/** A relationship is deleted on its own page, as every action of it is. */
export type Deletable = Exclude<Noun, 'mirror'>;

export const CREATIONS = [
  'create-site',
  'create-cluster',
  'create-server',
  'create-link',
  'create-array',
  'create-pool',
  'create-volume',
  'create-mirror',
  'protect-volume',
] as const;
const CHANGES = ['grow-volume', 'set-link', 'set-lab', 'import-volume', 'export-volume'] as const;

export type Creation = (typeof CREATIONS)[number];
export type Change = (typeof CHANGES)[number];
export type SheetName = Creation | Change | `rename-${Noun}` | `delete-${Deletable}`;

const known: ReadonlySet<string> = new Set([
  ...CREATIONS,
  ...CHANGES,
  ...NOUNS.map((noun) => `rename-${noun}`),
  ...NOUNS.filter((noun) => noun !== 'mirror').map((noun) => `delete-${noun}`),
]);

export interface OpenSheet {
  name: SheetName;
  /** What it is about: the cluster of a new server, the array of a new pool, the volume that grows. */
  of: string | null;
}

export function sheetIn(search: URLSearchParams): OpenSheet | null {
  const name = search.get('sheet');
  return name !== null && known.has(name) ? { name: name as SheetName, of: search.get('of') } : null;
}

/** A sheet is part of the address, so that a reload opens it again and the palette can name it. */
export function sheetAddress(name: SheetName, of?: string): string {
  return `?${new URLSearchParams({ sheet: name, ...(of === undefined ? {} : { of }) }).toString()}`;
}

/** Opens a sheet over the present page, or closes it; everything else in the address stays. */
export function useSheet(): (name: SheetName | null, of?: string) => void {
  const [, setSearch] = useSearchParams();
  return useCallback(
    (name, of) =>
      setSearch(
        (before) => {
          const next = new URLSearchParams(before);
          next.delete('sheet');
          next.delete('of');
          if (name !== null) next.set('sheet', name);
          if (name !== null && of !== undefined) next.set('of', of);
          return next;
        },
        { replace: true },
      ),
    [setSearch],
  );
}

/** The key of the words of a sheet: renaming and deleting speak of all nouns alike. */
export function wordsKey(name: SheetName): Creation | Change | 'rename' | 'delete' {
  if (name.startsWith('rename-')) return 'rename';
  if (name.startsWith('delete-')) return 'delete';
  return name as Creation | Change;
}

/** What a row of a table offers beside its own page. */
export function sheetsOf(noun: Noun): readonly SheetName[] {
  switch (noun) {
    case 'site':
      return ['create-cluster', 'create-link', 'rename-site', 'delete-site'];
    case 'cluster':
      return ['create-server', 'create-array', 'rename-cluster', 'delete-cluster'];
    case 'server':
      return ['rename-server', 'delete-server'];
    case 'link':
      return ['set-link', 'rename-link', 'delete-link'];
    case 'array':
      return ['create-pool', 'rename-array', 'delete-array'];
    case 'pool':
      return ['create-volume', 'rename-pool', 'delete-pool'];
    case 'volume':
      return ['create-mirror', 'grow-volume', 'import-volume', 'export-volume', 'rename-volume', 'delete-volume'];
    case 'mirror':
      return ['rename-mirror'];
  }
}

import { assert } from './types.ts';

/** Suffix of a file that is still being made; no caller may use it and no listing shows it. */
export const CREATING_SUFFIX = '.creating';

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._@-]*$/;
const LONGEST_PATH = 512;

/** Whether `path` is relative, `/`-separated and made of harmless names only; such a path cannot leave its root. */
export function isStoragePath(path: string): boolean {
  if (path.length === 0 || path.length > LONGEST_PATH || path.endsWith(CREATING_SUFFIX)) return false;
  return path.split('/').every((segment) => SEGMENT.test(segment) && segment.length <= 200);
}

/** Paths are made by the engine, never by users, so a bad one is a bug and not an outcome. */
export function assertStoragePath(path: string): void {
  assert(isStoragePath(path), `storage path is relative and plain: ${JSON.stringify(path)}`);
}

/** A prefix is either empty or the beginning of a storage path, possibly ending in `/`. */
export function assertStoragePrefix(prefix: string): void {
  if (prefix === '') return;
  assertStoragePath(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

/** The directory part of a storage path; empty for the root. */
export function directoryOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? '' : path.slice(0, cut);
}

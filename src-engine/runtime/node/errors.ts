import { StorageError, type StorageErrorCode } from '../types.ts';

const CODES: Readonly<Record<string, StorageErrorCode>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EEXIST: 'exists',
  EROFS: 'read-only',
  EACCES: 'read-only',
  EPERM: 'read-only',
  ETIMEDOUT: 'timeout',
};

/** A system error as the engine knows it; what has no name of its own is `io`. Anything else passes through: a bug. */
export function storageError(error: unknown, path: string): Error {
  if (!(error instanceof Error)) return new Error(`not an error: ${String(error)}`);
  if (error instanceof StorageError || !('code' in error)) return error;
  const { code } = error;
  if (typeof code !== 'string' || code.startsWith('ERR_')) return error;
  return new StorageError(CODES[code] ?? 'io', path, error.message);
}

type Done<T> = (error: Error | null, value?: T) => void;

/** A callback function of `node:fs` as a promise, with its errors translated. Not `fs.promises`: 2.6 times slower. */
export function call<T = undefined>(path: string, start: (done: Done<T>) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => {
      if (error === null || error === undefined) resolve(value as T);
      else reject(storageError(error, path));
    });
  });
}

import type { Relationship } from './relationship.ts';

/** The destination made no progress within the relationship's `mirrorTimeoutMs`. */
export class MirrorTimeoutError extends Error {
  constructor() {
    super('the destination made no progress in time');
    this.name = 'MirrorTimeoutError';
  }
}

/** Bounds a wait for the destination by the relationship's `mirrorTimeoutMs`. */
export function withTimeout<T>(rel: Relationship, promise: Promise<T>, times = 1): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = rel.deps.runtime.clock.after(rel.deps.settings.mirrorTimeoutMs * times, () => {
      reject(new MirrorTimeoutError());
    });
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

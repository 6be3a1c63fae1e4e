import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../types.ts';

/** Longer delays overflow a Node timer, which then fires at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

function after(delayMs: number, fire: () => void): Timer {
  if (delayMs <= 0) {
    const immediate = setImmediate(fire);
    return { cancel: () => clearImmediate(immediate) };
  }
  let timeout: NodeJS.Timeout;
  const dueMs = performance.now() + delayMs;
  const arm = (leftMs: number): void => {
    timeout = setTimeout(
      () => {
        const stillMs = dueMs - performance.now();
        // Node fires up to a millisecond early; never before the moment, or a caller's deadline looks not yet reached.
        if (stillMs > 0) arm(stillMs);
        else fire();
      },
      Math.min(leftMs, LONGEST_DELAY_MS),
    );
  };
  arm(delayMs);
  return { cancel: () => clearTimeout(timeout) };
}

export const nodeClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after,
  sleep: (delayMs) => new Promise<void>((resolve) => void after(delayMs, resolve)),
};

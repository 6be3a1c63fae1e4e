import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
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

const STALL_WATCH_MS = 10;
let stalls: ReturnType<typeof monitorEventLoopDelay> | null = null;

/** The watch itself is a timer of the system that keeps no process alive. */
function longestStallMs(): number {
  if (stalls === null) {
    stalls = monitorEventLoopDelay({ resolution: STALL_WATCH_MS });
    stalls.enable();
  }
  return Math.max(0, stalls.max / 1e6 - STALL_WATCH_MS);
}

export const nodeClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after,
  longestStallMs,
  sleep: (delayMs) => new Promise<void>((resolve) => void after(delayMs, resolve)),
};

/** Clocks, queues and medians of the benchmark. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Nearest rank; the mean of the middle two for the median of an even count. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  if (share === 0.5 && sorted.length % 2 === 0) return ((sorted[sorted.length / 2 - 1] ?? 0) + (sorted[sorted.length / 2] ?? 0)) / 2;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export interface Loop {
  readonly operations: number;
  readonly ms: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Keeps `depth` operations in flight until `until` says stop; counts those that ended. */
export async function closedLoop(depth: number, until: (started: number, elapsedMs: number) => boolean, operation: (index: number) => Promise<unknown>): Promise<Loop> {
  const latencies: number[] = [];
  const startMs = performance.now();
  let started = 0;
  const lane = async (): Promise<void> => {
    for (;;) {
      const beganMs = performance.now();
      if (until(started, beganMs - startMs)) return;
      await operation(started++);
      latencies.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  const ms = performance.now() - startMs;
  return { operations: latencies.length, ms, perSecond: (latencies.length / ms) * 1000, p99Ms: percentile(latencies, 0.99) };
}

export function forMs(durationMs: number): (started: number, elapsedMs: number) => boolean {
  return (_started, elapsedMs) => elapsedMs >= durationMs;
}

export function forCount(count: number): (started: number) => boolean {
  return (started) => started >= count;
}

/** A B A B: `measure` is called once per round with both sides inside, so that both see the same neighbours. */
export async function interleaved<T>(rounds: number, measure: (round: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let round = 0; round < rounds; round++) results.push(await measure(round));
  return results;
}

const RESOLUTION_MS = 1;

/** The longest time in which the event loop of this process took nothing new, while `work` ran. */
export async function watchingStalls<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly longestMs: number }> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  try {
    const result = await work();
    // One more turn, so that a stall at the very end is seen.
    await new Promise((resolve) => setTimeout(resolve, 2));
    return { result, longestMs: Math.max(0, delays.max / 1e6 - RESOLUTION_MS) };
  } finally {
    delays.disable();
  }
}

/** Distinct blocks scattered over `blocks`: a full-period walk, the same in every run. */
export function scattered(blocks: number, start: number): (index: number) => number {
  let step = Math.floor(blocks * 0.618) | 1;
  while (gcd(step, blocks) !== 1) step += 2;
  return (index) => (start + index * step) % blocks;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** A block that no compression or zero detection takes for another: its number, then noise of a small generator. */
export function fillBlocks(bytes: Uint8Array, seed: number): Uint8Array {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  let x = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return bytes;
}

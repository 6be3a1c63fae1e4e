/** Clocks, queues and medians of the benchmark. */
import fs from 'node:fs';

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
  /** Computed when asked for: sorting a hundred thousand latencies is a stall of its own. */
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
  return {
    operations: latencies.length, ms, perSecond: (latencies.length / ms) * 1000,
    get p99Ms() {
      return percentile(latencies, 0.99);
    },
  };
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

const TICK_MS = 2;

export interface Stall {
  /** The longest time in which the event loop of this process took nothing new. */
  readonly longestMs: number;
  /** The same without the time in which its thread was ready and the machine ran others; null where that is not told. */
  readonly ownMs: number | null;
}

/** What the kernel says of the main thread: for how long it was ready to run and did not. Null where there is no such file. */
function waitedForProcessorMs(): number | null {
  try {
    return Number(fs.readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return null;
  }
}

/** Watches the event loop while `work` runs: a timer that is late by more than its interval tells a stall. */
export async function watchingStalls<T>(work: () => Promise<T>): Promise<{ readonly result: T } & Stall> {
  let longestMs = 0;
  let ownMs: number | null = waitedForProcessorMs() === null ? null : 0;
  let lastMs = performance.now();
  let lastWaitedMs = waitedForProcessorMs();
  const look = (): void => {
    const nowMs = performance.now();
    const waitedMs = waitedForProcessorMs();
    const lateMs = Math.max(0, nowMs - lastMs - TICK_MS);
    longestMs = Math.max(longestMs, lateMs);
    if (ownMs !== null && waitedMs !== null && lastWaitedMs !== null) ownMs = Math.max(ownMs, Math.max(0, lateMs - (waitedMs - lastWaitedMs)));
    lastMs = performance.now();
    lastWaitedMs = waitedMs;
  };
  const timer = setInterval(look, TICK_MS);
  try {
    const result = await work();
    // One more tick, not an event: a stall at the very end is seen by how late it comes.
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    look();
    return { result, longestMs, ownMs };
  } finally {
    clearInterval(timer);
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

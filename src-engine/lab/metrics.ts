/** Series of the last hour at one sample a second: the lab, each volume, each server. */
import type { Sample, Series } from '../contract/index.ts';

export interface Counters {
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Latencies kept per second and scope, enough for a p99. */
const LATENCIES = 4096;
const NOTHING: Counters = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 };

export class Metrics {
  readonly #keep: number;
  readonly #before = new Map<string, { readonly counters: Counters; readonly atMs: number }>();
  readonly #latencies = new Map<string, number[]>();
  readonly #samples = new Map<string, Sample[]>();

  constructor(keepSamples: number) {
    this.#keep = keepSamples;
  }

  latency(scope: string, ms: number): void {
    const known = this.#latencies.get(scope) ?? [];
    if (known.length < LATENCIES) known.push(ms);
    this.#latencies.set(scope, known);
  }

  /** Takes a scope's counters; a counter that went back began anew with its server. */
  sample(scope: string, counters: Counters, nowMs: number, wallMs: number): Sample {
    const before = this.#before.get(scope) ?? { counters, atMs: nowMs };
    const seconds = (nowMs - before.atMs) / 1000;
    const rate = (key: keyof Counters): number =>
      seconds <= 0 ? 0 : Math.max(0, counters[key] - before.counters[key]) / seconds;
    const latencies = (this.#latencies.get(scope) ?? []).sort((a, b) => a - b);
    this.#latencies.delete(scope);
    const sample: Sample = {
      at: Math.floor(wallMs),
      readsPerSecond: rate('reads'),
      writesPerSecond: rate('writes'),
      readBytesPerSecond: rate('readBytes'),
      writtenBytesPerSecond: rate('writtenBytes'),
      latencyP50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? null,
      latencyP99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? null,
    };
    this.#before.set(scope, { counters, atMs: nowMs });
    const samples = this.#samples.get(scope) ?? [];
    samples.push(sample);
    if (samples.length > this.#keep) samples.shift();
    this.#samples.set(scope, samples);
    return sample;
  }

  latest(scope: string): Sample | null {
    return this.#samples.get(scope)?.at(-1) ?? null;
  }

  series(scope: string, fromWallMs: number, marks: Series['marks'], older: readonly Sample[] = []): Series {
    const samples = [...older, ...(this.#samples.get(scope) ?? [])].filter((sample) => sample.at >= fromWallMs);
    const column = (key: Exclude<keyof Sample, 'at'>): (number | null)[] => samples.map((sample) => sample[key]);
    return {
      stepMs: 1000,
      at: samples.map((sample) => sample.at),
      readsPerSecond: column('readsPerSecond'),
      writesPerSecond: column('writesPerSecond'),
      readBytesPerSecond: column('readBytesPerSecond'),
      writtenBytesPerSecond: column('writtenBytesPerSecond'),
      latencyP50Ms: column('latencyP50Ms'),
      latencyP99Ms: column('latencyP99Ms'),
      marks,
    };
  }
}

export function add(a: Counters, b: Counters): Counters {
  return {
    reads: a.reads + b.reads,
    writes: a.writes + b.writes,
    readBytes: a.readBytes + b.readBytes,
    writtenBytes: a.writtenBytes + b.writtenBytes,
  };
}
export { NOTHING as NO_COUNTERS };

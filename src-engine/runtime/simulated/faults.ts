import type { Prng } from './prng.ts';

export type DiskOperation = 'open' | 'read' | 'write' | 'sync' | 'discard' | 'remove' | 'rename' | 'list';

/**
 * A standing fault of a domain, for every path that starts with `prefix` (empty: the whole domain).
 *
 * - `slow`: operations take `factor` times as long.
 * - `hang`: operations do not settle until the fault is healed.
 * - `failing-read`, `failing-write`, `failing-sync`: reject `io`. What a failing write leaves behind is any subset of
 *   its sectors; what was unsynced when a sync failed may be dropped although a later sync succeeds.
 * - `disk-full`: creating files and writing where nothing was allocated rejects `no-space`.
 * - `read-only`: everything that changes rejects `read-only`.
 * - `offline`: everything rejects `io`.
 * - `lost-write`: acknowledged and dropped. `misdirected-write`: acknowledged, lands elsewhere in the same file.
 *
 * `times` ends the fault after so many hits, `probability` lets some operations through, `operations` narrows
 * `slow` and `hang`.
 */
export interface DiskFault {
  readonly kind:
    | 'slow'
    | 'hang'
    | 'failing-read'
    | 'failing-write'
    | 'failing-sync'
    | 'disk-full'
    | 'read-only'
    | 'offline'
    | 'lost-write'
    | 'misdirected-write';
  readonly prefix?: string;
  readonly times?: number;
  readonly probability?: number;
  readonly factor?: number;
  readonly operations?: readonly DiskOperation[];
}

export type DiskFaultKind = DiskFault['kind'];

interface StandingFault {
  readonly fault: DiskFault;
  left: number;
}

/** The faults that stand on one domain, and how often each kind struck. */
export class FaultTable {
  readonly #standing = new Set<StandingFault>();
  readonly hits = new Map<DiskFaultKind, number>();
  readonly #random: Prng;

  constructor(random: Prng) {
    this.#random = random;
  }

  /** Returns what removes the fault again; that is idempotent. */
  add(fault: DiskFault): () => void {
    const standing: StandingFault = { fault, left: fault.times ?? Infinity };
    this.#standing.add(standing);
    return () => void this.#standing.delete(standing);
  }

  clear(): void {
    this.#standing.clear();
  }

  /** Whether a fault of this kind strikes now; counts it against `times`. */
  strikes(kind: DiskFaultKind, operation: DiskOperation, path: string): boolean {
    return this.#strike(kind, operation, path) !== undefined;
  }

  /** By how much an operation is slower. */
  slowness(operation: DiskOperation, path: string): number {
    return this.#strike('slow', operation, path)?.factor ?? 1;
  }

  #strike(kind: DiskFaultKind, operation: DiskOperation, path: string): DiskFault | undefined {
    for (const standing of this.#standing) {
      const { fault } = standing;
      if (fault.kind !== kind || !path.startsWith(fault.prefix ?? '')) continue;
      if (fault.operations !== undefined && !fault.operations.includes(operation)) continue;
      if (fault.probability !== undefined && !this.#random.chance(fault.probability)) continue;
      if (--standing.left <= 0) this.#standing.delete(standing);
      this.hits.set(kind, (this.hits.get(kind) ?? 0) + 1);
      return fault;
    }
    return undefined;
  }
}

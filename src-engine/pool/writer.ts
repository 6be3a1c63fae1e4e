import { assert } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import type { PoolCore } from './core.ts';
import type { StripeRun } from './space.ts';
import { PoolFullError } from './types.ts';

interface Segment {
  readonly run: StripeRun;
  readonly firstPbn: number;
  readonly blocks: number;
  readonly stripeBlocks: number;
  readonly baseStripe: number;
  readonly buffer: Uint8Array;
  /** Null for whole stripes; else the free block indexes of one stripe that also holds live blocks. */
  readonly holes: readonly number[] | null;
  used: number;
}

const IN_FLIGHT_SEGMENTS = 8;

/**
 * Appends blocks to whole free stripes: gathers about 1 MiB, writes it as one large write per disk, several segments in
 * flight. Holds every stripe it wrote to until `release`.
 */
export class StripeWriter {
  readonly #core: PoolCore;
  readonly #stripes: number[] = [];
  readonly #flying = new Set<{ readonly segment: Segment; readonly done: Promise<void> }>();
  readonly #parked: Segment[] = [];
  #current: Segment | null = null;
  #error: unknown = null;
  #parking = false;
  #released = false;

  constructor(core: PoolCore) {
    this.#core = core;
  }

  /** A place for one block: the caller fills `view` before its next call. Throws PoolFullError. */
  take(): { readonly pbn: number; readonly view: Uint8Array } {
    let segment = this.#current;
    if (segment === null || segment.used === segment.blocks) {
      if (segment !== null) this.#finishSegment(segment, segment.run.count);
      segment = this.#open();
    }
    const nth = segment.used++;
    const at = segment.holes === null ? nth : (segment.holes[nth] as number);
    return { pbn: segment.firstPbn + at, view: segment.buffer.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES) };
  }

  /** Copies the block and answers its PBN. */
  append(block: Uint8Array): number {
    const { pbn, view } = this.take();
    view.set(block);
    return pbn;
  }

  /** Copies as many of these blocks as fit into one place: their PBNs are successive. At least one. */
  appendRun(data: Uint8Array): { readonly pbn: number; readonly blocks: number } {
    const { pbn, view } = this.take();
    const segment = this.#current;
    assert(segment !== null, 'a place lies in the current segment');
    // The blocks of a partial stripe lie anywhere.
    const more = segment.holes === null ? Math.min(segment.blocks - segment.used, data.length / BLOCK_BYTES - 1) : 0;
    if (more === 0) view.set(data.subarray(0, BLOCK_BYTES));
    else segment.buffer.set(data.subarray(0, (more + 1) * BLOCK_BYTES), (segment.used - 1) * BLOCK_BYTES);
    segment.used += more;
    return { pbn, blocks: more + 1 };
  }

  /** From now on full segments wait for `flush`, so that views stay writable. */
  park(): void {
    this.#parking = true;
  }

  /** A promise to await before appending more, when too much is in flight. */
  pressure(): Promise<void> | undefined {
    if (this.#flying.size < IN_FLIGHT_SEGMENTS) return undefined;
    for (const { done } of this.#flying) return done;
    return undefined;
  }

  /** Writes what is left, the last stripe padded with zeros, and waits for everything. Rejects with the first error. */
  async flush(): Promise<void> {
    const last = this.#current;
    this.#current = null;
    this.#parking = false;
    for (const segment of this.#parked.splice(0)) this.#launch(segment, segment.run.count);
    if (last !== null) {
      const stripes = Math.ceil(last.used / last.stripeBlocks);
      if (last.holes === null) last.buffer.fill(0, last.used * BLOCK_BYTES, stripes * last.stripeBlocks * BLOCK_BYTES);
      for (let s = stripes; s < last.run.count; s++) this.#giveBack(last.baseStripe + last.run.firstStripe + s);
      this.#launch(last, stripes);
    }
    await this.settle();
    if (this.#error !== null) throw this.#error as Error;
  }

  /** Waits until nothing is in flight; never rejects. */
  async settle(): Promise<void> {
    while (this.#flying.size > 0) for (const { done } of this.#flying) await done;
  }

  /** The block if its segment is still in memory. */
  inMemory(pbn: number): Uint8Array | null {
    const find = (segment: Segment | null): Uint8Array | null => {
      if (segment === null) return null;
      const index = pbn - segment.firstPbn;
      const nth = segment.holes === null ? index : segment.holes.indexOf(index);
      if (nth < 0 || nth >= segment.used) return null;
      const at = index * BLOCK_BYTES;
      return segment.buffer.slice(at, at + BLOCK_BYTES);
    };
    const current = find(this.#current);
    if (current !== null) return current;
    for (const segment of this.#parked) {
      const hit = find(segment);
      if (hit !== null) return hit;
    }
    for (const { segment } of this.#flying) {
      const hit = find(segment);
      if (hit !== null) return hit;
    }
    return null;
  }

  /** Lets go of all stripes: after the commit that made their blocks live, or after `settle` when abandoned. */
  release(): void {
    assert(this.#flying.size === 0 && !this.#released, 'released once, when nothing is in flight');
    this.#released = true;
    const current = this.#current;
    if (current !== null) this.#core.giveBuffer(current.buffer);
    for (const segment of this.#parked) this.#core.giveBuffer(segment.buffer);
    for (const stripe of this.#stripes) this.#core.space.unhold(stripe);
    this.#stripes.length = 0;
  }

  #open(): Segment {
    const space = this.#core.space;
    const run = space.allocate();
    if (run === null) return this.#openPartial();
    const group = space.groups[run.group];
    assert(group !== undefined, 'group exists');
    const stripeBlocks = group.geometry.stripeBlocks;
    for (let s = 0; s < run.count; s++) this.#stripes.push(group.baseStripe + run.firstStripe + s);
    const blocks = run.count * stripeBlocks;
    this.#current = {
      run,
      firstPbn: group.basePbn + run.firstStripe * stripeBlocks,
      blocks,
      stripeBlocks,
      baseStripe: group.baseStripe,
      buffer: this.#core.takeBuffer(blocks * BLOCK_BYTES),
      holes: null,
      used: 0,
    };
    return this.#current;
  }

  /** No whole stripe is left: fill the holes of one, through the journal. */
  #openPartial(): Segment {
    const { space, journals } = this.#core;
    const partial = space.allocatePartial((g) => journals[g]?.usable === true);
    if (partial === null) throw new PoolFullError();
    const group = space.groups[partial.group];
    assert(group !== undefined, 'group exists');
    const { stripeBlocks } = group.geometry;
    this.#stripes.push(group.baseStripe + partial.stripe);
    this.#current = {
      run: { group: partial.group, firstStripe: partial.stripe, count: 1 },
      firstPbn: group.basePbn + partial.stripe * stripeBlocks,
      blocks: partial.free.length,
      stripeBlocks,
      baseStripe: group.baseStripe,
      buffer: this.#core.takeBuffer(stripeBlocks * BLOCK_BYTES),
      holes: partial.free,
      used: 0,
    };
    return this.#current;
  }

  #giveBack(stripe: number): void {
    const at = this.#stripes.lastIndexOf(stripe);
    assert(at >= 0, 'only held stripes are given back');
    this.#stripes.splice(at, 1);
    this.#core.space.unhold(stripe);
  }

  #finishSegment(segment: Segment, stripes: number): void {
    this.#current = null;
    if (this.#parking) this.#parked.push(segment);
    else this.#launch(segment, stripes);
  }

  #launch(segment: Segment, stripes: number): void {
    const entry = {
      segment,
      done: this.#write(segment, stripes)
        .catch((error: unknown) => {
          this.#error ??= error;
        })
        .then(() => {
          this.#flying.delete(entry);
          this.#core.giveBuffer(segment.buffer);
        }),
    };
    this.#flying.add(entry);
  }

  #write(segment: Segment, stripes: number): Promise<void> {
    const { run, holes, buffer } = segment;
    if (holes === null) {
      const data = buffer.subarray(0, stripes * segment.stripeBlocks * BLOCK_BYTES);
      return this.#core.group(run.group).writeStripes(run.firstStripe, stripes, data);
    }
    const blocks = holes.slice(0, segment.used).map((index) => ({ index, data: buffer.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES) }));
    return this.#core.writePartial(run.group, run.firstStripe, blocks);
  }
}

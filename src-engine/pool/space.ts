import { assert } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import type { Geometry } from '../raid/index.ts';
import type { PointerList } from './page.ts';

/** One bitmap block of the space map covers this many PBNs. */
export const BITS_PER_BLOCK = BLOCK_BYTES * 8;
/** Writes are gathered into runs of whole stripes of about 1 MiB of data. */
const SEGMENT_BLOCKS = 256;

export interface StripeRun {
  readonly group: number;
  readonly firstStripe: number;
  readonly count: number;
}

export interface SpaceGroup {
  readonly geometry: Geometry;
  readonly stripes: number;
  /** PBN of the group's block 0. A multiple of 32, never 0. */
  readonly basePbn: number;
  /** Index of the group's stripe 0 among all stripes of the pool. */
  readonly baseStripe: number;
}

/**
 * Which blocks are live: one bit per PBN (as the next label will say) and a live count per stripe (as it may be
 * allocated: a block freed by a commit is counted until its label is durable). Stripes that a stage or a commit in
 * progress writes to are held.
 */
export class Space {
  readonly bits: Uint32Array;
  readonly dirty: Uint8Array;
  /** Freed by a label that is not settled yet: neither live nor to be used. */
  readonly #pending: Uint32Array;
  readonly totalBlocks: number;
  readonly groups: readonly SpaceGroup[];
  readonly #live: Uint16Array;
  readonly #held: Uint16Array;
  readonly #cursors: number[];
  readonly #ignoreHolds: () => boolean;
  readonly #avoided = new Set<number>();
  #nextGroup = 0;
  #freeStripes = 0;
  #used = 0;
  /** Blocks not counted live, in stripes that nobody holds. */
  #available = 0;

  constructor(groups: readonly SpaceGroup[], ignoreHolds: () => boolean) {
    this.groups = groups;
    const last = groups.at(-1);
    assert(last !== undefined, 'a pool has a group');
    const end = last.basePbn + last.stripes * last.geometry.stripeBlocks;
    const blocks = Math.ceil(end / BITS_PER_BLOCK);
    this.bits = new Uint32Array((blocks * BITS_PER_BLOCK) / 32);
    this.#pending = new Uint32Array(this.bits.length);
    this.dirty = new Uint8Array(blocks);
    const stripes = last.baseStripe + last.stripes;
    this.#live = new Uint16Array(stripes);
    this.#held = new Uint16Array(stripes);
    this.#cursors = groups.map(() => 0);
    this.#freeStripes = stripes;
    this.totalBlocks = groups.reduce((sum, group) => sum + group.stripes * group.geometry.stripeBlocks, 0);
    this.#ignoreHolds = ignoreHolds;
    this.#available = this.totalBlocks;
  }

  get usedBlocks(): number {
    return this.#used;
  }

  /** Stripes without live blocks, not held. */
  get wholeFreeStripes(): number {
    return this.#freeStripes;
  }

  /** Free blocks of stripes that nobody holds, whole or partial; without partial ones when `wholeOnly` (a scan). */
  allocatableBlocks(wholeOnly: boolean): number {
    if (!wholeOnly) return this.#available;
    let sum = 0;
    for (const group of this.groups) {
      for (let s = group.baseStripe; s < group.baseStripe + group.stripes; s++) if (this.#isFree(s)) sum += group.geometry.stripeBlocks;
    }
    return sum;
  }

  /** Recomputes live counts after `bits` was loaded. */
  recount(): void {
    this.#live.fill(0);
    this.#used = 0;
    for (let word = 0; word < this.bits.length; word++) {
      let value = this.bits[word] as number;
      while (value !== 0) {
        const low = value & -value;
        const stripe = this.stripeOf(word * 32 + (31 - Math.clz32(low)));
        this.#live[stripe] = (this.#live[stripe] as number) + 1;
        this.#used++;
        value = (value ^ low) >>> 0;
      }
    }
    this.#available = this.totalBlocks - this.#used;
    this.#freeStripes = 0;
    for (let stripe = 0; stripe < this.#live.length; stripe++) if (this.#isFree(stripe)) this.#freeStripes++;
  }

  groupOf(pbn: number): number {
    for (let g = this.groups.length - 1; g >= 0; g--) if (pbn >= (this.groups[g] as SpaceGroup).basePbn) return g;
    assert(false, `PBN ${pbn} is below the first group`);
  }

  /** Index among all stripes of the pool. */
  stripeOf(pbn: number): number {
    const group = this.groups[this.groups.length === 1 ? 0 : this.groupOf(pbn)] as SpaceGroup;
    return group.baseStripe + Math.floor((pbn - group.basePbn) / group.geometry.stripeBlocks);
  }

  contains(pbn: number): boolean {
    if (pbn < (this.groups[0] as SpaceGroup).basePbn) return false;
    const group = this.groups[this.groupOf(pbn)] as SpaceGroup;
    return pbn < group.basePbn + group.stripes * group.geometry.stripeBlocks;
  }

  isLive(pbn: number): boolean {
    return ((this.bits[pbn >>> 5] as number) & (1 << (pbn & 31))) !== 0;
  }

  liveOf(stripe: number): number {
    return this.#live[stripe] as number;
  }

  isHeld(stripe: number): boolean {
    return this.#held[stripe] !== 0;
  }

  get stripeCount(): number {
    return this.#live.length;
  }

  markLive(pbn: number): void {
    assert(!this.isLive(pbn) && !this.#isPending(pbn), `PBN ${pbn} is used twice`);
    this.bits[pbn >>> 5] = ((this.bits[pbn >>> 5] as number) | (1 << (pbn & 31))) >>> 0;
    this.dirty[Math.floor(pbn / BITS_PER_BLOCK)] = 1;
    const stripe = this.stripeOf(pbn);
    const was = this.#isFree(stripe);
    this.#live[stripe] = (this.#live[stripe] as number) + 1;
    if (was) this.#freeStripes--;
    if (this.#held[stripe] === 0) this.#available--;
    this.#used++;
  }

  /** Free in the next label; allocatable only after `settle`. */
  markFree(pbn: number): void {
    assert(this.isLive(pbn), `PBN ${pbn} is freed twice`);
    this.bits[pbn >>> 5] = ((this.bits[pbn >>> 5] as number) & ~(1 << (pbn & 31))) >>> 0;
    this.#pending[pbn >>> 5] = ((this.#pending[pbn >>> 5] as number) | (1 << (pbn & 31))) >>> 0;
    this.dirty[Math.floor(pbn / BITS_PER_BLOCK)] = 1;
  }

  /** The label that freed these is durable and nobody reads them any more. */
  settle(freed: PointerList): void {
    for (let i = 0; i < freed.length; i++) {
      const pbn = freed.pbn(i);
      const stripe = this.stripeOf(pbn);
      this.#pending[pbn >>> 5] = ((this.#pending[pbn >>> 5] as number) & ~(1 << (pbn & 31))) >>> 0;
      this.#live[stripe] = (this.#live[stripe] as number) - 1;
      this.#used--;
      if (this.#held[stripe] === 0) this.#available++;
      if (this.#isFree(stripe)) this.#freeStripes++;
    }
  }

  /** Takes and holds a run of whole free stripes, at most about a segment; null when there is none. */
  allocate(): StripeRun | null {
    for (let tried = 0; tried < this.groups.length; tried++) {
      const g = this.#nextGroup;
      this.#nextGroup = (g + 1) % this.groups.length;
      const group = this.groups[g] as SpaceGroup;
      const wanted = Math.max(1, Math.floor(SEGMENT_BLOCKS / group.geometry.stripeBlocks));
      let cursor = this.#cursors[g] as number;
      for (let seen = 0; seen < group.stripes; seen++, cursor++) {
        if (cursor >= group.stripes) cursor = 0;
        if (!this.#mayTake(group.baseStripe + cursor)) continue;
        let count = 1;
        while (count < wanted && cursor + count < group.stripes && this.#mayTake(group.baseStripe + cursor + count)) count++;
        for (let s = 0; s < count; s++) this.#hold(group.baseStripe + cursor + s);
        this.#cursors[g] = cursor + count;
        return { group: g, firstStripe: cursor, count };
      }
    }
    return null;
  }

  /**
   * Takes and holds the stripe with the most free blocks among those that also hold live ones; null when none has any.
   * What a label in progress frees is not free yet: it may still be read.
   */
  allocatePartial(usable: (group: number) => boolean): { readonly group: number; readonly stripe: number; readonly free: readonly number[] } | null {
    let best: { group: number; stripe: number; live: number } | null = null;
    for (let g = 0; g < this.groups.length; g++) {
      const group = this.groups[g] as SpaceGroup;
      if (!usable(g)) continue;
      for (let stripe = 0; stripe < group.stripes; stripe++) {
        const live = this.#live[group.baseStripe + stripe] as number;
        if (live >= (best?.live ?? group.geometry.stripeBlocks) || this.#held[group.baseStripe + stripe] !== 0) continue;
        if (this.#avoided.has(group.baseStripe + stripe)) continue;
        best = { group: g, stripe, live };
      }
    }
    if (best === null) return null;
    const group = this.groups[best.group] as SpaceGroup;
    this.#hold(group.baseStripe + best.stripe);
    return { group: best.group, stripe: best.stripe, free: this.#freeIn(group, best.stripe) };
  }

  /** A stripe that must not be written in part until the pool is opened again. */
  avoid(stripe: number): void {
    this.#avoided.add(stripe);
  }

  #freeIn(group: SpaceGroup, stripe: number): number[] {
    const free: number[] = [];
    const first = group.basePbn + stripe * group.geometry.stripeBlocks;
    for (let i = 0; i < group.geometry.stripeBlocks; i++) if (!this.isLive(first + i) && !this.#isPending(first + i)) free.push(i);
    return free;
  }

  /** Holds a stripe that has live blocks (a partial stripe being filled, a stripe being cleaned). */
  hold(stripe: number): void {
    this.#hold(stripe);
  }

  unhold(stripe: number): void {
    assert((this.#held[stripe] as number) > 0, 'stripe is held');
    this.#held[stripe] = (this.#held[stripe] as number) - 1;
    if (this.#held[stripe] !== 0) return;
    this.#available += this.#blocksOf(stripe) - (this.#live[stripe] as number);
    if (this.#live[stripe] === 0) this.#freeStripes++;
  }

  #blocksOf(stripe: number): number {
    for (let g = this.groups.length - 1; g > 0; g--) {
      const group = this.groups[g] as SpaceGroup;
      if (stripe >= group.baseStripe) return group.geometry.stripeBlocks;
    }
    return (this.groups[0] as SpaceGroup).geometry.stripeBlocks;
  }

  #hold(stripe: number): void {
    if (this.#held[stripe] === 0) this.#available -= this.#blocksOf(stripe) - (this.#live[stripe] as number);
    if (this.#isFree(stripe)) this.#freeStripes--;
    this.#held[stripe] = (this.#held[stripe] as number) + 1;
  }

  #isPending(pbn: number): boolean {
    return ((this.#pending[pbn >>> 5] as number) & (1 << (pbn & 31))) !== 0;
  }

  #isFree(stripe: number): boolean {
    return this.#live[stripe] === 0 && this.#held[stripe] === 0;
  }

  #mayTake(stripe: number): boolean {
    return this.#live[stripe] === 0 && (this.#held[stripe] === 0 || this.#ignoreHolds());
  }
}

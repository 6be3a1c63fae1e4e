import { assert } from '../runtime/index.ts';

/** Unit of change tracking: 64 KiB, 16 blocks. */
export const REGION_BYTES = 64 * 1024;
export const REGION_BLOCKS = 16;

/** Regions that a volume of this size has; the last one may be partial. */
export function regionsOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / REGION_BYTES);
}

export interface RegionRun {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** A set of regions of one volume, as a bitmap; the count is kept up to date. */
export class RegionSet {
  /** Regions 0..size-1 exist. */
  readonly size: number;
  readonly #words: Uint32Array;
  #count = 0;

  constructor(size: number) {
    assert(Number.isSafeInteger(size) && size >= 0, 'a set has a whole number of regions');
    this.size = size;
    this.#words = new Uint32Array(Math.ceil(size / 32));
  }

  static full(size: number): RegionSet {
    const set = new RegionSet(size);
    set.addRange(0, size);
    return set;
  }

  /** The inverse of `toBytes`. Bits beyond `size` are ignored; missing bytes are empty regions. */
  static fromBytes(size: number, bytes: Uint8Array): RegionSet {
    const set = new RegionSet(size);
    set.addBits(0, bytes);
    return set;
  }

  get count(): number {
    return this.#count;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  has(region: number): boolean {
    this.#check(region, region + 1);
    return ((this.#word(region >>> 5) >>> (region & 31)) & 1) === 1;
  }

  add(region: number): void {
    this.addRange(region, region + 1);
  }

  delete(region: number): void {
    this.deleteRange(region, region + 1);
  }

  addRange(from: number, to: number): void {
    this.#check(from, to);
    for (let at = from; at < to;) {
      const end = Math.min(to, (at | 31) + 1);
      this.#put(at >>> 5, this.#word(at >>> 5) | mask(at & 31, end - at));
      at = end;
    }
  }

  deleteRange(from: number, to: number): void {
    this.#check(from, to);
    for (let at = from; at < to;) {
      const end = Math.min(to, (at | 31) + 1);
      this.#put(at >>> 5, this.#word(at >>> 5) & ~mask(at & 31, end - at));
      at = end;
    }
  }

  /** Adds every region that the byte range of the volume touches. */
  addByteRange(offset: number, length: number): void {
    if (length > 0) this.addRange(Math.floor(offset / REGION_BYTES), Math.ceil((offset + length) / REGION_BYTES));
  }

  addBlocks(vbn: number, blocks: number): void {
    if (blocks > 0) this.addRange(Math.floor(vbn / REGION_BLOCKS), Math.ceil((vbn + blocks) / REGION_BLOCKS));
  }

  /** This becomes the union of both. */
  unite(other: RegionSet): void {
    this.#checkSame(other);
    for (let i = 0; i < this.#words.length; i += 1) this.#put(i, this.#word(i) | other.#word(i));
  }

  subtract(other: RegionSet): void {
    this.#checkSame(other);
    for (let i = 0; i < this.#words.length; i += 1) this.#put(i, this.#word(i) & ~other.#word(i));
  }

  clear(): void {
    this.#words.fill(0);
    this.#count = 0;
  }

  clone(): RegionSet {
    const copy = new RegionSet(this.size);
    copy.unite(this);
    return copy;
  }

  /** The same members among more regions. */
  grown(size: number): RegionSet {
    assert(size >= this.size, 'a set of regions only grows');
    const larger = new RegionSet(size);
    larger.#words.set(this.#words);
    larger.#count = this.#count;
    return larger;
  }

  equals(other: RegionSet): boolean {
    return this.size === other.size && this.#words.every((word, i) => word === other.#word(i));
  }

  /** The first member at or after `from`; -1 when there is none. */
  next(from: number): number {
    return this.#find(from, 0);
  }

  /** Runs of members in ascending order. The set must not change meanwhile. */
  *runs(): Generator<RegionRun> {
    for (let from = this.#find(0, 0); from >= 0;) {
      const gap = this.#find(from, 0xffffffff);
      const to = gap < 0 ? this.size : gap;
      yield { from, to };
      from = this.#find(to, 0);
    }
  }

  /** Bit i of byte b is region 8 b + i. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.size / 8));
    this.readBits(0, bytes);
    return bytes;
  }

  /** Copies the bits from region `firstRegion` on, a multiple of 8, into `into`; beyond the end they are 0. */
  readBits(firstRegion: number, into: Uint8Array): void {
    assert(firstRegion % 8 === 0, 'bits are read from whole bytes');
    const firstByte = firstRegion / 8;
    for (let i = 0; i < into.length; i += 1) {
      const byte = firstByte + i;
      into[i] = byte >>> 2 < this.#words.length ? (this.#word(byte >>> 2) >>> ((byte & 3) * 8)) & 0xff : 0;
    }
  }

  /** Adds the regions whose bits are set; the inverse of `readBits`. Bits beyond the end are ignored. */
  addBits(firstRegion: number, bits: Uint8Array): void {
    assert(firstRegion % 8 === 0, 'bits are added from whole bytes');
    for (let i = 0; i < bits.length; i += 1) {
      const region = firstRegion + i * 8;
      const byte = bits[i] ?? 0;
      if (byte === 0 || region >= this.size) continue;
      const valid = this.size - region >= 8 ? byte : byte & ((1 << (this.size - region)) - 1);
      this.#put(region >>> 5, this.#word(region >>> 5) | (valid << (region & 31)));
    }
  }

  /** First region at or after `from` whose bit differs from the corresponding bit of `skip`. */
  #find(from: number, skip: number): number {
    if (from >= this.size) return -1;
    let index = from >>> 5;
    let word = (this.#word(index) ^ skip) & (0xffffffff << (from & 31));
    while (word === 0) {
      index += 1;
      if (index >= this.#words.length) return -1;
      word = this.#word(index) ^ skip;
    }
    const region = index * 32 + (31 - Math.clz32(word & -word));
    return region < this.size ? region : -1;
  }

  #word(index: number): number {
    return this.#words[index] ?? 0;
  }

  #put(index: number, value: number): void {
    const before = this.#word(index);
    if (before === value >>> 0) return;
    this.#count += popcount(value) - popcount(before);
    this.#words[index] = value;
  }

  #check(from: number, to: number): void {
    assert(from >= 0 && to <= this.size && from <= to, 'a region lies within its volume');
  }

  #checkSame(other: RegionSet): void {
    assert(this.size === other.size, 'only sets of equal size are combined');
  }
}

function mask(from: number, length: number): number {
  return length >= 32 ? 0xffffffff : ((1 << length) - 1) << from;
}

function popcount(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

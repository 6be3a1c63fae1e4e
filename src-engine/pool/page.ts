import { assert } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import type { BlockPointer } from './types.ts';

/**
 * A page of a block tree: 256 pointers of four little-endian words: PBN low 32; PBN high 16 | birth low 16 << 16;
 * birth high 32; CRC. Pages are handled as Uint32Array so that scanning them allocates nothing.
 */
export type Page = Uint32Array;
export const RADIX = 256;

export function pageBytes(page: Page): Uint8Array {
  return new Uint8Array(page.buffer, page.byteOffset, BLOCK_BYTES);
}

export function emptyPage(birth: number): Page {
  const page = new Uint32Array(BLOCK_BYTES / 4);
  if (birth !== 0) for (let slot = 0; slot < RADIX; slot++) setPointer(page, slot, 0, birth, 0);
  return page;
}

export function pbnAt(page: Page, slot: number): number {
  return (page[slot * 4] as number) + ((page[slot * 4 + 1] as number) & 0xffff) * 0x100000000;
}

export function birthAt(page: Page, slot: number): number {
  return ((page[slot * 4 + 1] as number) >>> 16) + (page[slot * 4 + 2] as number) * 0x10000;
}

export function crcAt(page: Page, slot: number): number {
  return page[slot * 4 + 3] as number;
}

export function pointerAt(page: Page, slot: number): BlockPointer {
  return { pbn: pbnAt(page, slot), birth: birthAt(page, slot), crc: crcAt(page, slot) };
}

export function setPointer(page: Page, slot: number, pbn: number, birth: number, crc: number): void {
  assert(pbn < 0x1000000000000 && birth < 0x1000000000000, 'PBN and birth have 48 bits');
  page[slot * 4] = pbn >>> 0;
  page[slot * 4 + 1] = Math.floor(pbn / 0x100000000) | ((birth & 0xffff) << 16);
  page[slot * 4 + 2] = Math.floor(birth / 0x10000);
  page[slot * 4 + 3] = crc;
}

/** Newest birth of the page's pointers, and whether all of them are holes. */
export function summarize(page: Page): { readonly birth: number; readonly allHoles: boolean } {
  let birth = 0;
  let allHoles = true;
  for (let slot = 0; slot < RADIX; slot++) {
    const own = birthAt(page, slot);
    if (own > birth) birth = own;
    if (allHoles && pbnAt(page, slot) !== 0) allHoles = false;
  }
  return { birth, allHoles };
}

/** Growable list of (PBN, birth) without an object per entry. */
export class PointerList {
  #pbns = new Float64Array(64);
  #births = new Float64Array(64);
  length = 0;

  push(pbn: number, birth: number): void {
    if (this.length === this.#pbns.length) {
      this.#pbns = grown(this.#pbns);
      this.#births = grown(this.#births);
    }
    this.#pbns[this.length] = pbn;
    this.#births[this.length] = birth;
    this.length++;
  }

  pbn(i: number): number {
    return this.#pbns[i] as number;
  }

  birth(i: number): number {
    return this.#births[i] as number;
  }

  addAll(other: PointerList): void {
    for (let i = 0; i < other.length; i++) this.push(other.pbn(i), other.birth(i));
  }
}

function grown(array: Float64Array): Float64Array<ArrayBuffer> {
  const next = new Float64Array(array.length * 2);
  next.set(array);
  return next;
}

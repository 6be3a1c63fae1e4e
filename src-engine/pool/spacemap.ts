import { assert } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import { crcOfBlock } from './block.ts';
import type { PoolCore } from './core.ts';
import { birthAt, pageBytes, pbnAt, RADIX, setPointer, summarize } from './page.ts';
import type { Page, PointerList } from './page.ts';
import { BITS_PER_BLOCK } from './space.ts';
import { levelsFor } from './tree.ts';
import type { TreeRoot } from './types.ts';
import type { StripeWriter } from './writer.ts';

/**
 * The durable free map. Its own blocks move with every commit, which changes the map again; so which of its blocks must
 * be written is first brought to a fixed point in memory (places taken, old places freed, until no further block gets
 * dirty), then each is written once. Its pages stay in memory: 1/8,000,000 of the pool.
 */
export class SpaceMap {
  readonly #core: PoolCore;
  readonly #blocks: number;
  /** Levels from the leaf pages (0) up; `levels[l][i]` is page i. */
  readonly #pages: Page[][];
  root: TreeRoot;

  private constructor(core: PoolCore, root: TreeRoot, pages: Page[][]) {
    this.#core = core;
    this.#blocks = core.space.dirty.length;
    this.root = root;
    this.#pages = pages;
  }

  static create(core: PoolCore): SpaceMap {
    const levels = levelsFor(core.space.dirty.length);
    core.space.dirty.fill(1);
    return new SpaceMap(core, { pointer: null, levels }, emptyPages(core.space.dirty.length, levels));
  }

  /** Loads map and bits and recounts. Rejects MediaError when the map is lost. */
  static async load(core: PoolCore, root: TreeRoot): Promise<SpaceMap> {
    const map = new SpaceMap(core, root, emptyPages(core.space.dirty.length, root.levels));
    const { pointer, levels } = root;
    assert(pointer !== null, 'a labelled pool has a space map');
    const load = async (pbn: number, crc: number, level: number, index: number): Promise<void> => {
      const page = (await core.page(pbn, crc)).slice();
      const at = map.#pages[level];
      assert(at !== undefined, 'level exists');
      at[index] = page;
      const jobs: Promise<void>[] = [];
      for (let slot = 0; slot < RADIX; slot++) {
        const child = pbnAt(page, slot);
        if (child === 0) continue;
        const childCrc = page[slot * 4 + 3] as number;
        const childIndex = index * RADIX + slot;
        if (level > 0) await load(child, childCrc, level - 1, childIndex);
        else jobs.push(core.readVerified(child, [childCrc], map.#bits(childIndex), null));
      }
      await Promise.all(jobs);
    };
    await load(pointer.pbn, pointer.crc, levels - 1, 0);
    core.space.recount();
    return map;
  }

  /** Writes all dirty blocks of the map for label `number`. Takes its places from `writer`; freed places go to `freed`. */
  write(number: number, writer: StripeWriter, freed: PointerList): TreeRoot {
    const space = this.#core.space;
    writer.park();
    const done = new Uint8Array(this.#blocks);
    const pageDone = this.#pages.map((level) => new Uint8Array(level.length));
    const places: { pbn: number; view: Uint8Array }[] = [];
    const take = (old: number, birth: number): void => {
      if (old !== 0) {
        space.markFree(old);
        freed.push(old, birth);
      }
      const place = writer.take();
      space.markLive(place.pbn);
      places.push(place);
    };
    for (let again = true; again; ) {
      again = false;
      for (let block = 0; block < this.#blocks; block++) {
        if (space.dirty[block] === 0 || done[block] !== 0) continue;
        again = true;
        done[block] = 1;
        const leaf = this.#page(0, Math.floor(block / RADIX));
        take(pbnAt(leaf, block % RADIX), birthAt(leaf, block % RADIX));
        let index = block;
        for (let level = 0; level < this.#pages.length; level++) {
          index = Math.floor(index / RADIX);
          const flags = pageDone[level] as Uint8Array;
          if (flags[index] !== 0) break;
          flags[index] = 1;
          const [old, birth] = this.#pointerTo(level, index);
          take(old, birth);
        }
      }
    }
    let next = 0;
    const emit = (bytes: Uint8Array): { pbn: number; crc: number } => {
      const place = places[next++];
      assert(place !== undefined, 'as many places as blocks');
      place.view.set(bytes);
      return { pbn: place.pbn, crc: crcOfBlock(bytes) };
    };
    for (let block = 0; block < this.#blocks; block++) {
      if (done[block] === 0) continue;
      const { pbn, crc } = emit(this.#bits(block));
      setPointer(this.#page(0, Math.floor(block / RADIX)), block % RADIX, pbn, number, crc);
    }
    for (let level = 0; level < this.#pages.length; level++) {
      const flags = pageDone[level] as Uint8Array;
      for (let index = 0; index < flags.length; index++) {
        if (flags[index] === 0) continue;
        const page = this.#page(level, index);
        const { pbn, crc } = emit(pageBytes(page));
        const birth = summarize(page).birth;
        if (level + 1 < this.#pages.length) setPointer(this.#page(level + 1, Math.floor(index / RADIX)), index % RADIX, pbn, birth, crc);
        else this.root = { pointer: { pbn, birth, crc }, levels: this.root.levels };
      }
    }
    assert(next === places.length, 'every place is filled');
    space.dirty.fill(0);
    return this.root;
  }

  /** Has the blocks of the map that lie at such PBNs written anew by the next label; answers how many. */
  dirtyWhere(chosen: (pbn: number) => boolean): number {
    const { dirty } = this.#core.space;
    let count = 0;
    const mark = (block: number): void => {
      if (dirty[block] === 0) count++;
      dirty[block] = 1;
    };
    for (let block = 0; block < this.#blocks; block++) if (chosen(pbnAt(this.#page(0, Math.floor(block / RADIX)), block % RADIX))) mark(block);
    for (let level = 0; level < this.#pages.length; level++) {
      const span = RADIX ** (level + 1);
      for (let index = 0; index * span < this.#blocks; index++) if (chosen(this.#pointerTo(level, index)[0])) mark(index * span);
    }
    return count;
  }

  #bits(block: number): Uint8Array {
    const { bits } = this.#core.space;
    return new Uint8Array(bits.buffer, bits.byteOffset + (block * BITS_PER_BLOCK) / 8, BLOCK_BYTES);
  }

  #pointerTo(level: number, index: number): [pbn: number, birth: number] {
    if (level + 1 < this.#pages.length) {
      const parent = this.#page(level + 1, Math.floor(index / RADIX));
      return [pbnAt(parent, index % RADIX), birthAt(parent, index % RADIX)];
    }
    return [this.root.pointer?.pbn ?? 0, this.root.pointer?.birth ?? 0];
  }

  #page(level: number, index: number): Page {
    const page = this.#pages[level]?.[index];
    assert(page !== undefined, 'page exists');
    return page;
  }
}

function emptyPages(blocks: number, levels: number): Page[][] {
  const pages: Page[][] = [];
  let count = blocks;
  for (let level = 0; level < levels; level++) {
    count = Math.ceil(count / RADIX);
    pages.push(Array.from({ length: count }, () => new Uint32Array(BLOCK_BYTES / 4)));
  }
  return pages;
}

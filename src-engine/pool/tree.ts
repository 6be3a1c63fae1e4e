import { assert } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import { crcOfBlock } from './block.ts';
import type { PoolCore } from './core.ts';
import { birthAt, crcAt, emptyPage, pageBytes, pbnAt, pointerAt, RADIX, setPointer, summarize } from './page.ts';
import type { Page, PointerList } from './page.ts';
import type { BlockPointer, TreeRoot } from './types.ts';

/**
 * Block trees: radix 256. A subtree of holes is collapsed into a hole pointer of its parent that keeps the newest birth
 * among them, so holes can be found by birth too (then for the whole collapsed range: a superset, never less).
 */
export function capacityOf(levels: number): number {
  return RADIX ** levels;
}

export function levelsFor(blocks: number): number {
  let levels = 1;
  while (capacityOf(levels) < blocks) levels++;
  return levels;
}

/** Where new pages go. */
export interface BlockSink {
  append(block: Uint8Array): number;
  pressure(): Promise<void> | undefined;
}

/** Changes to apply to a tree, indexes ascending and unique. PBN 0 makes a hole. */
export interface Changes {
  readonly length: number;
  index(i: number): number;
  pbn(i: number): number;
  birth(i: number): number;
  crc(i: number): number;
}

/** By how many blocks more (or fewer) than before a tree maps to content. */
export interface MappedTally {
  mapped: number;
}

/** Applies changes: new pages go to `writer`, superseded blocks and pages to `freed`. Old pages are read, never written. */
export async function updateTree(core: PoolCore, root: TreeRoot, changes: Changes, writer: BlockSink, freed: PointerList, tally: MappedTally = { mapped: 0 }): Promise<TreeRoot> {
  if (changes.length === 0) return root;
  const last = changes.index(changes.length - 1);
  const levels = Math.max(root.levels, levelsFor(last + 1));
  const old = root.pointer ?? { pbn: 0, birth: 0, crc: 0 };
  const update = async (page: Page, level: number, base: number, lo: number, hi: number): Promise<BlockPointer> => {
    const span = RADIX ** (level - 1);
    if (level === 1) {
      for (let i = lo; i < hi; i++) {
        const slot = changes.index(i) - base;
        const old = pbnAt(page, slot);
        if (old !== 0) {
          freed.push(old, birthAt(page, slot));
          tally.mapped--;
        }
        if (changes.pbn(i) !== 0) tally.mapped++;
        setPointer(page, slot, changes.pbn(i), changes.birth(i), changes.crc(i));
      }
    } else {
      const parts: { slot: number; lo: number; hi: number }[] = [];
      for (let i = lo; i < hi; ) {
        const slot = Math.floor((changes.index(i) - base) / span);
        const end = base + (slot + 1) * span;
        const from = i;
        while (i < hi && changes.index(i) < end) i++;
        parts.push({ slot, lo: from, hi: i });
      }
      // A taller tree keeps the old root under slot 0, level by level.
      if (base === 0 && level > root.levels + 1 && parts[0]?.slot !== 0 && root.pointer !== null) parts.unshift({ slot: 0, lo, hi: lo });
      const one = async (part: { slot: number; lo: number; hi: number }): Promise<void> => {
        const childBase = base + part.slot * span;
        const child = childBase === 0 && level > root.levels ? await topPage(level - 1) : await editable(pointerAt(page, part.slot));
        const next = await update(child, level - 1, childBase, part.lo, part.hi);
        setPointer(page, part.slot, next.pbn, next.birth, next.crc);
      };
      // Leaves of one parent are read together (at most 256); upper levels one after the other, so memory stays bounded.
      if (level === 2) {
        await Promise.all(parts.map(one));
        const pressure = writer.pressure();
        if (pressure !== undefined) await pressure;
      } else {
        for (const part of parts) await one(part);
      }
    }
    return writePage(core, page, writer, changes.birth(0));
  };
  const editable = async (old: BlockPointer): Promise<Page> => {
    if (old.pbn === 0) return emptyPage(old.birth);
    const loaded = core.page(old.pbn, old.crc);
    const page = loaded instanceof Promise ? await loaded : loaded;
    freed.push(old.pbn, old.birth);
    return page.slice();
  };
  /** The page at the left edge, at or above the old root. */
  const topPage = async (level: number): Promise<Page> => {
    if (level === root.levels) return editable(old);
    const page = emptyPage(0);
    if (level === root.levels + 1) setPointer(page, 0, old.pbn, old.birth, old.crc);
    return page;
  };
  return { pointer: await update(await topPage(levels), levels, 0, 0, changes.length), levels };
}

/**
 * Appends a page, or collapses it when it holds nothing but holes. Its birth is that of its newest child, at least
 * `leastBirth`: a page must never look older than a kept root that does not contain it, or its end would be put on that
 * root's deadlist.
 */
export function writePage(core: PoolCore, page: Page, writer: BlockSink, leastBirth: number): BlockPointer {
  const { birth: newestChild, allHoles } = summarize(page);
  const birth = Math.max(newestChild, leastBirth);
  if (allHoles) return { pbn: 0, birth, crc: 0 };
  const bytes = pageBytes(page);
  const crc = crcOfBlock(bytes);
  const pbn = writer.append(bytes);
  core.cachePage(pbn, crc, page);
  return { pbn, birth, crc };
}

/** The leaf page that holds `index`, or the hole pointer above it. */
async function leafOf(core: PoolCore, root: TreeRoot, index: number): Promise<Page | BlockPointer> {
  let pointer: BlockPointer = root.pointer ?? { pbn: 0, birth: 0, crc: 0 };
  if (index >= capacityOf(root.levels)) return { pbn: 0, birth: 0, crc: 0 };
  for (let level = root.levels; ; level--) {
    if (pointer.pbn === 0) return pointer;
    const loaded = core.page(pointer.pbn, pointer.crc);
    const page = loaded instanceof Promise ? await loaded : loaded;
    if (level === 1) return page;
    pointer = pointerAt(page, Math.floor(index / RADIX ** (level - 1)) % RADIX);
  }
}

export async function lookup(core: PoolCore, root: TreeRoot, index: number): Promise<BlockPointer> {
  const leaf = await leafOf(core, root, index);
  return leaf instanceof Uint32Array ? pointerAt(leaf, index % RADIX) : leaf;
}

/** Pointers of successive indexes without an object per entry. A hole has PBN 0 and the birth of what made it (0: never written). */
export interface PointerRun {
  readonly pbns: Float64Array;
  readonly births: Float64Array;
  readonly crcs: Uint32Array;
}

export async function readPointers(core: PoolCore, root: TreeRoot, first: number, count: number): Promise<PointerRun> {
  const run = { pbns: new Float64Array(count), births: new Float64Array(count), crcs: new Uint32Array(count) };
  for (let done = 0; done < count; ) {
    const inLeaf = Math.min(count - done, RADIX - ((first + done) % RADIX));
    const leaf = await leafOf(core, root, first + done);
    const slot = (first + done) % RADIX;
    for (let i = 0; i < inLeaf; i++) {
      const page = leaf instanceof Uint32Array;
      run.pbns[done + i] = page ? pbnAt(leaf, slot + i) : 0;
      run.births[done + i] = page ? birthAt(leaf, slot + i) : leaf.birth;
      run.crcs[done + i] = page ? crcAt(leaf, slot + i) : 0;
    }
    done += inLeaf;
  }
  return run;
}

/** Reads and verifies `blockCount` blocks; holes are zeros. Runs of adjacent PBNs are one read each, all in parallel. */
export async function readTree(core: PoolCore, root: TreeRoot, first: number, blockCount: number, into: Uint8Array, verify = true): Promise<void> {
  assert(into.length === blockCount * BLOCK_BYTES, 'the buffer fits the range');
  const reads: Promise<void>[] = [];
  for (let done = 0; done < blockCount; ) {
    const index = first + done;
    const inLeaf = Math.min(blockCount - done, RADIX - (index % RADIX));
    const leaf = await leafOf(core, root, index);
    if (!(leaf instanceof Uint32Array)) {
      into.fill(0, done * BLOCK_BYTES, (done + inLeaf) * BLOCK_BYTES);
      done += inLeaf;
      continue;
    }
    const base = index % RADIX;
    for (let i = 0; i < inLeaf; ) {
      const pbn = pbnAt(leaf, base + i);
      let run = 1;
      if (pbn === 0) {
        while (i + run < inLeaf && pbnAt(leaf, base + i + run) === 0) run++;
        into.fill(0, (done + i) * BLOCK_BYTES, (done + i + run) * BLOCK_BYTES);
      } else {
        const group = core.space.groupOf(pbn);
        while (i + run < inLeaf && pbnAt(leaf, base + i + run) === pbn + run && core.space.groupOf(pbn + run) === group) run++;
        const part = into.subarray((done + i) * BLOCK_BYTES, (done + i + run) * BLOCK_BYTES);
        if (verify) {
          const crcs = new Array<number>(run);
          for (let k = 0; k < run; k++) crcs[k] = crcAt(leaf, base + i + k);
          const at = index + i;
          reads.push(core.readVerified(pbn, crcs, part, (k) => at + k));
        } else reads.push(core.readRun(pbn, part));
      }
      i += run;
    }
    done += inLeaf;
  }
  // All settle before the first error is reported: the buffer is the caller's again only then.
  const results = await Promise.allSettled(reads);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

export interface WalkStep {
  readonly index: number;
  /** Blocks covered: 1, except for collapsed holes. */
  readonly count: number;
  readonly pointer: BlockPointer;
}

/**
 * All pointers in [from, to) born after `bornAfter` (default: every written block and every hole that was made), in
 * order; subtrees not born after it are not read. `onPage` sees each page pointer that is entered.
 */
export async function* walkTree(
  core: PoolCore,
  root: TreeRoot,
  from: number,
  to: number,
  bornAfter: number,
  onPage?: (pointer: BlockPointer, level: number, index: number) => unknown,
): AsyncGenerator<WalkStep> {
  const visit = async function* (pointer: BlockPointer, level: number, base: number): AsyncGenerator<WalkStep> {
    if (pointer.birth <= bornAfter) return;
    const span = RADIX ** level;
    if (pointer.pbn === 0 || level === 0) {
      const start = Math.max(base, from);
      const end = Math.min(base + span, to);
      if (start < end) yield { index: start, count: end - start, pointer };
      return;
    }
    if (onPage?.(pointer, level, base) === false) return;
    const loaded = core.page(pointer.pbn, pointer.crc);
    const page = loaded instanceof Promise ? await loaded : loaded;
    const childSpan = span / RADIX;
    const firstSlot = Math.max(0, Math.floor((from - base) / childSpan));
    for (let slot = firstSlot; slot < RADIX; slot++) {
      const start = base + slot * childSpan;
      if (start >= to) return;
      if (birthAt(page, slot) <= bornAfter) continue;
      if (level === 1) {
        if (start >= from) yield { index: start, count: 1, pointer: pointerAt(page, slot) };
      } else {
        yield* visit(pointerAt(page, slot), level - 1, start);
      }
    }
  };
  if (root.pointer !== null) yield* visit(root.pointer, root.levels, 0);
}

/** So many pages an outline reads at most. */
const OUTLINE_PAGES = 4096;

/**
 * Every stretch that is mapped to content, with the newest birth in it. Stretches are single blocks (exact) as long as the
 * tree can have no more pages than an outline may read, else what one pointer above them covers.
 */
export async function outlineTree(
  core: PoolCore,
  root: TreeRoot,
  sizeBlocks: number,
  visit: (index: number, count: number, birth: number) => void,
): Promise<boolean> {
  let lowest = 1;
  while (lowest < root.levels && sizeBlocks / RADIX ** lowest > OUTLINE_PAGES) lowest++;
  const enter = async (pbn: number, crc: number, level: number, base: number): Promise<void> => {
    const page = await core.page(pbn, crc);
    const span = RADIX ** (level - 1);
    for (let slot = 0; slot < RADIX; slot++) {
      const start = base + slot * span;
      if (start >= sizeBlocks) return;
      const child = pbnAt(page, slot);
      if (child === 0) continue;
      if (level === lowest) visit(start, Math.min(span, sizeBlocks - start), birthAt(page, slot));
      else await enter(child, crcAt(page, slot), level - 1, start);
    }
  };
  if (root.pointer !== null && root.pointer.pbn !== 0) await enter(root.pointer.pbn, root.pointer.crc, root.levels, 0);
  return lowest === 1;
}

/** How many blocks the tree maps to content: reads every page of it. */
export async function mappedBlocks(core: PoolCore, root: TreeRoot): Promise<number> {
  let blocks = 0;
  for await (const { pointer } of walkTree(core, root, 0, Infinity, 0)) if (pointer.pbn !== 0) blocks++;
  return blocks;
}

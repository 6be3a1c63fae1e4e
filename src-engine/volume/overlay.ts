import { BLOCK_BYTES, type BlockContent, type FrozenBlock } from './frozen.ts';

/** Blocks that one page of a block map describes. */
const MAP_PAGE_BLOCKS = 256;

/** A change of a volume: `payload` null means zeros (trim and write-zeroes become holes). */
export interface Change {
  readonly offset: number;
  readonly length: number;
  readonly payload: Uint8Array | null;
  readonly sequence: number;
}

export function firstVbn(offset: number): number {
  return Math.floor(offset / BLOCK_BYTES);
}

/** Exclusive end of the blocks that a range touches. */
export function endVbn(offset: number, length: number): number {
  return Math.ceil((offset + length) / BLOCK_BYTES);
}

/** The blocks that a change touches only in part: at most two. Their old content is needed to merge. */
export function partialBlocks(offset: number, length: number): readonly number[] {
  const first = firstVbn(offset);
  const last = endVbn(offset, length) - 1;
  const headPartial = offset % BLOCK_BYTES !== 0;
  const tailPartial = (offset + length) % BLOCK_BYTES !== 0;
  if (first === last) return headPartial || tailPartial ? [first] : [];
  const partial: number[] = [];
  if (headPartial) partial.push(first);
  if (tailPartial) partial.push(last);
  return partial;
}

/**
 * Blocks of room a change needs in the pool. A hole needs none but for its edges and the map pages it changes; that way
 * a full pool can be trimmed.
 */
export function roomFor(change: Pick<Change, 'offset' | 'length' | 'payload'>): number {
  const blocks = endVbn(change.offset, change.length) - firstVbn(change.offset);
  if (change.payload !== null) return blocks;
  return Math.min(blocks, partialBlocks(change.offset, change.length).length + Math.ceil(blocks / MAP_PAGE_BLOCKS) + 1);
}

/**
 * Lays a change over `blocks`. Whole blocks are views of the payload (nothing is copied); partial ones are merged over
 * what `base` says the block held at this moment.
 */
export function applyChange(blocks: Map<number, FrozenBlock>, change: Change, base: (vbn: number) => BlockContent): void {
  const end = change.offset + change.length;
  const lastVbn = endVbn(change.offset, change.length);
  for (let vbn = firstVbn(change.offset); vbn < lastVbn; vbn++) {
    const blockStart = vbn * BLOCK_BYTES;
    const from = Math.max(change.offset, blockStart);
    const to = Math.min(end, blockStart + BLOCK_BYTES);
    const part = change.payload?.subarray(from - change.offset, to - change.offset) ?? null;
    if (to - from === BLOCK_BYTES) {
      blocks.set(vbn, { content: part, sequence: change.sequence });
      continue;
    }
    const merged = new Uint8Array(BLOCK_BYTES);
    const old = base(vbn);
    if (old !== null) merged.set(old);
    if (part === null) merged.fill(0, from - blockStart, to - blockStart);
    else merged.set(part, from - blockStart);
    blocks.set(vbn, { content: merged, sequence: 0 });
  }
}

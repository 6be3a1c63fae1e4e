import type { Space } from './space.ts';
import { levelsFor } from './tree.ts';
import { RADIX } from './page.ts';
import { RECORD_BLOCKS } from './records.ts';

/** All map pages that a tree over `blocks` blocks can have. */
function mapPages(blocks: number): number {
  let pages = 0;
  for (let level = blocks; level > 1; ) {
    level = Math.ceil(level / RADIX);
    pages += level;
  }
  return Math.max(1, pages);
}

/**
 * Blocks that staging and committing `dataBlocks` scattered blocks can take, worst case, with what must always remain:
 * room to write all records, deadlists of a snapshot's deletion and the space map twice (old and new live together).
 */
export function worstCaseBlocks(dataBlocks: number, volumeSizes: readonly number[], space: Space): number {
  let allPages = 0;
  let deepest = 1;
  for (const size of volumeSizes) {
    allPages += mapPages(size);
    deepest = Math.max(deepest, levelsFor(size));
  }
  const pages = Math.min(dataBlocks * deepest, allPages);
  const stripe = Math.max(...space.groups.map((group) => group.geometry.stripeBlocks));
  // Every superseded block can become a deadlist entry: 1/256 block each, and as much again to rewrite its pages.
  const deadlists = Math.ceil((dataBlocks + pages) / 128);
  const padding = stripe * (volumeSizes.length + 1);
  const records = (volumeSizes.length + 1) * RECORD_BLOCKS + mapPages((volumeSizes.length + 1) * RECORD_BLOCKS);
  const headroom = 2 * (records + space.dirty.length + mapPages(space.dirty.length)) + 2 * stripe;
  return dataBlocks + pages + deadlists + padding + headroom;
}

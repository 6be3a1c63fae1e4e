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

/** What does not depend on how much is staged; computed once per set of volumes. */
export interface ReserveModel {
  readonly allPages: number;
  readonly deepest: number;
  readonly fixed: number;
}

export function reserveModel(volumeSizes: readonly number[], space: Space): ReserveModel {
  let allPages = 0;
  let deepest = 1;
  for (const size of volumeSizes) {
    allPages += mapPages(size);
    deepest = Math.max(deepest, levelsFor(size));
  }
  const stripe = Math.max(...space.groups.map((group) => group.geometry.stripeBlocks));
  const padding = stripe * (volumeSizes.length + 1);
  const records = (volumeSizes.length + 1) * RECORD_BLOCKS + mapPages((volumeSizes.length + 1) * RECORD_BLOCKS);
  const headroom = 2 * (records + space.dirty.length + mapPages(space.dirty.length)) + 2 * stripe;
  return { allPages, deepest, fixed: padding + headroom };
}

/**
 * Blocks that staging and committing `dataBlocks` scattered blocks can take, worst case, with what must always remain:
 * room to write all records, deadlists of a snapshot's deletion and the space map twice (old and new live together).
 */
export function worstCaseBlocks(dataBlocks: number, model: ReserveModel): number {
  const pages = Math.min(dataBlocks * model.deepest, model.allPages);
  // Every superseded block can become a deadlist entry: 1/256 block each, and as much again to rewrite its pages.
  const deadlists = Math.ceil((dataBlocks + pages) / 128);
  return dataBlocks + pages + deadlists + model.fixed;
}

import { BLOCK_BYTES, DISK_HEAD_BYTES } from '../disk/index.ts';
import { geometryOf, type RaidLevel } from '../raid/index.ts';
import { JOURNAL_BLOCKS, MINIMUM_STRIPES } from './create.ts';
import { reserveModel, worstCaseBlocks } from './reserve.ts';
import { BITS_PER_BLOCK } from './space.ts';

/** What a pool of one group gives before anything is in it; blocks of 4096 bytes. */
export interface BlankCapacity {
  readonly usableBlocks: number;
  /** Parity, or the further copies. */
  readonly redundancyBlocks: number;
  /** Of the usable ones: what is always left to finish a consistency point. */
  readonly reserveBlocks: number;
}

/** By arithmetic alone; null where the disks are too small. The level must be possible with so many disks. */
export function blankCapacity(layout: {
  readonly level: RaidLevel;
  readonly disks: number;
  readonly unitBlocks: number;
  readonly diskSizeBytes: number;
}): BlankCapacity | null {
  const { level, disks, unitBlocks, diskSizeBytes } = layout;
  const geometry = geometryOf({ level, members: disks, unitBlocks });
  const blocks = Math.floor((diskSizeBytes - DISK_HEAD_BYTES) / BLOCK_BYTES);
  const stripes = Math.floor((blocks - JOURNAL_BLOCKS) / unitBlocks);
  if (stripes < MINIMUM_STRIPES) return null;
  const usableBlocks = stripes * geometry.stripeBlocks;
  const space = {
    groups: [{ geometry, stripes, basePbn: 32, baseStripe: 0 }],
    dirty: { length: Math.ceil((32 + usableBlocks) / BITS_PER_BLOCK) },
  };
  return {
    usableBlocks,
    redundancyBlocks: stripes * unitBlocks * disks - usableBlocks,
    reserveBlocks: Math.min(usableBlocks, worstCaseBlocks(0, reserveModel([], space))),
  };
}

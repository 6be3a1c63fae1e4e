import { assert } from '../runtime/index.ts';
import type { ShelfHandle } from '../disk/index.ts';
import { geometryOf } from '../raid/index.ts';
import type { Label } from './label.ts';
import { EMPTY_ROOT } from './types.ts';
import type { PoolMember, PoolSpec } from './types.ts';

/** Blocks at the front of every disk that belong to the stripe journal. */
export const JOURNAL_BLOCKS = 256;
export const MINIMUM_STRIPES = 4;

/** What the pool is before its first label: its groups laid out on the disks, nothing in it. */
export function blankLabel(handle: ShelfHandle, spec: PoolSpec): Label {
  const journalBlocks = spec.journalBlocks ?? JOURNAL_BLOCKS;
  const slots = spec.groups.flatMap((group) => group.slots);
  assert(new Set(slots).size === slots.length && slots.length > 0, 'a slot is used once');
  const groups = spec.groups.map((group) => {
    const geometry = geometryOf({ level: group.level, members: group.slots.length, unitBlocks: group.unitBlocks });
    const blocks = Math.min(...group.slots.map((slot) => handle.disk(slot).blocks));
    const stripes = Math.floor((blocks - journalBlocks) / geometry.unitBlocks);
    assert(stripes >= MINIMUM_STRIPES, 'the disks are large enough for a pool');
    return { ...group, stripes };
  });
  const members: PoolMember[] = spec.groups.flatMap((group, g) => group.slots.map((slot): PoolMember => ({ slot, group: g, state: 'active', completeLabel: 0 })));
  return {
    poolId: spec.id,
    name: spec.name,
    number: 0,
    predecessor: 0,
    epoch: handle.epoch,
    groups,
    journalBlocks,
    journalFrom: groups.map(() => 1),
    members,
    table: EMPTY_ROOT,
    space: EMPTY_ROOT,
  };
}

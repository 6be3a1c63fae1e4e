import { assert } from '../runtime/index.ts';

export const RAID_LEVELS = ['raid0', 'raid1', 'raid10', 'raid5', 'raid6'] as const;
export type RaidLevel = (typeof RAID_LEVELS)[number];

export interface GroupSpec {
  readonly level: RaidLevel;
  readonly members: number;
  /** Stripe unit in blocks; 16 (64 KiB) is the default of pools. */
  readonly unitBlocks: number;
}

/** Where the units of a stripe live. All pure. */
export interface Geometry {
  readonly level: RaidLevel;
  readonly members: number;
  readonly unitBlocks: number;
  readonly dataUnits: number;
  /** Data blocks of one stripe. */
  readonly stripeBlocks: number;
  /** Member that holds data unit `unit` of `stripe` (for mirrors: the first of its copies). */
  dataMember(stripe: number, unit: number): number;
  /** Members that hold a copy of the data unit: one, or all sides of the mirror. */
  copies(stripe: number, unit: number): readonly number[];
  /** Members of P and Q; empty for levels without parity. */
  parityMembers(stripe: number): readonly number[];
}

export function minimumMembers(level: RaidLevel): number {
  return { raid0: 1, raid1: 2, raid10: 4, raid5: 3, raid6: 4 }[level];
}

/** How many members may be lost whatever they are. RAID-1+0 may survive more. */
export function redundancyOf(level: RaidLevel, members: number): number {
  return { raid0: 0, raid1: members - 1, raid10: 1, raid5: 1, raid6: 2 }[level];
}

export function geometryOf(spec: GroupSpec): Geometry {
  const { level, members, unitBlocks } = spec;
  assert(members >= minimumMembers(level), `${level} needs at least ${minimumMembers(level)} disks, got ${members}`);
  assert(level !== 'raid10' || members % 2 === 0, 'raid10 needs an even number of disks');
  assert(level !== 'raid6' || members <= 257, 'raid6 has at most 255 data disks');
  assert(Number.isInteger(unitBlocks) && unitBlocks >= 1, 'a unit is at least one block');
  const dataUnits = { raid0: members, raid1: 1, raid10: members / 2, raid5: members - 1, raid6: members - 2 }[level];
  const parity = level === 'raid5' ? 1 : level === 'raid6' ? 2 : 0;
  const all = Array.from({ length: members }, (_, i) => i);
  // Parity rotates from the last member backwards, and data follow behind it (left symmetric), so that reads of
  // successive units keep all members busy.
  const firstParity = (stripe: number): number => members - 1 - (stripe % members);
  const dataMember = (stripe: number, unit: number): number => {
    if (parity > 0) return (firstParity(stripe) + parity + unit) % members;
    return level === 'raid10' ? unit * 2 : unit;
  };
  return {
    level,
    members,
    unitBlocks,
    dataUnits,
    stripeBlocks: dataUnits * unitBlocks,
    dataMember,
    copies: (stripe, unit) => {
      if (level === 'raid1') return all;
      if (level === 'raid10') return [unit * 2, unit * 2 + 1];
      return [dataMember(stripe, unit)];
    },
    parityMembers: (stripe) => {
      if (parity === 0) return [];
      const p = firstParity(stripe);
      return parity === 1 ? [p] : [p, (p + 1) % members];
    },
  };
}

/** Stripe, unit and block inside the unit of a group block number. */
export function locate(geometry: Geometry, gbn: number): { stripe: number; unit: number; offset: number } {
  const stripe = Math.floor(gbn / geometry.stripeBlocks);
  const inside = gbn - stripe * geometry.stripeBlocks;
  const unit = Math.floor(inside / geometry.unitBlocks);
  return { stripe, unit, offset: inside - unit * geometry.unitBlocks };
}

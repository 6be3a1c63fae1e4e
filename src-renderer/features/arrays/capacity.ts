import type { Pool, StorageArray, Volume } from '../../../src-engine/contract/index.ts';

export type Use = 'used' | 'reserve' | 'free' | 'redundancy' | 'unknown' | 'unused';

export interface Share {
  use: Use;
  /** Null for disks that no pool has. */
  pool: string | null;
  bytes: number;
}

export function rawBytes(array: StorageArray, slots?: readonly number[]): number {
  return array.disks
    .filter((disk) => slots === undefined || slots.includes(disk.slot))
    .reduce((sum, disk) => sum + disk.sizeBytes, 0);
}

/** Where every raw byte goes, pool by pool, what nobody has bound last. All shares add up to the raw capacity. */
export function sharesOf(array: StorageArray, pools: readonly Pool[]): readonly Share[] {
  const of = pools.flatMap((pool): Share[] => {
    const raw = rawBytes(array, pool.slots);
    if (pool.sizeBytes === 0) return [{ use: 'unknown', pool: pool.name, bytes: raw }];
    return [
      { use: 'used', pool: pool.name, bytes: pool.usedBytes },
      { use: 'reserve', pool: pool.name, bytes: pool.reserveBytes },
      { use: 'free', pool: pool.name, bytes: pool.freeBytes },
      { use: 'redundancy', pool: pool.name, bytes: Math.max(0, raw - pool.sizeBytes) },
    ];
  });
  const unused = array.disks.filter((disk) => disk.pool === null).reduce((sum, disk) => sum + disk.sizeBytes, 0);
  return [...of, { use: 'unused' as const, pool: null, bytes: unused }].filter((share) => share.bytes > 0);
}

/** What a pool's used bytes are: its volumes, largest first, then what no volume's present image accounts for. */
export function contentOf(pool: Pool, volumes: readonly Volume[]): { volumes: readonly Volume[]; otherBytes: number } {
  const own = volumes.filter((volume) => volume.pool === pool.name).toSorted((a, b) => b.usedBytes - a.usedBytes);
  const byVolumes = own.reduce((sum, volume) => sum + volume.usedBytes, 0);
  return { volumes: own, otherBytes: Math.max(0, pool.usedBytes - byVolumes) };
}

/** The place of a slot in its RAID group. Mirrored stripes bind neighbours of the group in pairs. */
export interface Member {
  at: number;
  of: number;
  pair: number | null;
}

export function memberOf(pool: Pool, slot: number): Member | null {
  const index = pool.slots.indexOf(slot);
  if (index === -1) return null;
  const pair = pool.level === 'raid10' ? Math.floor(index / 2) + 1 : null;
  return { at: pair === null ? index + 1 : (index % 2) + 1, of: pool.slots.length, pair };
}

/** One of the group colours, by the place of the pool in its array. */
export const GROUP_COLOURS = 6;

export function groupOf(array: StorageArray, pool: string | null): number | null {
  const index = pool === null ? -1 : array.pools.indexOf(pool);
  return index === -1 ? null : index % GROUP_COLOURS;
}

export type Reason =
  | { kind: 'disk'; state: 'failed' | 'missing'; slot: number; pool: string | null }
  | { kind: 'pool'; pool: string; health: 'degraded' | 'failed' | 'unknown'; owned: boolean };

/** What keeps the array from being healthy, in the engine's states: disks first, then pools that say no more by a disk. */
export function reasonsOf(array: StorageArray, pools: readonly Pool[]): readonly Reason[] {
  const disks = array.disks.flatMap((disk): Reason[] =>
    disk.state === 'failed' || disk.state === 'missing'
      ? [{ kind: 'disk', state: disk.state, slot: disk.slot, pool: disk.pool }]
      : [],
  );
  const ill = pools.flatMap((pool): Reason[] =>
    pool.health === 'ok' ? [] : [{ kind: 'pool', pool: pool.name, health: pool.health, owned: pool.owner !== null }],
  );
  return [...disks, ...ill];
}

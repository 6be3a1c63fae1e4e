import { screen, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import type { Live, Pool, StorageArray } from '../../src-engine/contract/index.ts';
import { contentOf, memberOf, rawBytes, reasonsOf, sharesOf } from '../../src-renderer/features/arrays/capacity.ts';
import { calm, disaster } from './lab/data.ts';
import { MemoryLab } from './lab/router.ts';
import { renderConsole } from './render.tsx';

const find = (role: string, name: string | RegExp): Promise<HTMLElement> => screen.findByRole(role, { name });

const first = (live: Live): { array: StorageArray; pool: Pool } => {
  const array = live.arrays?.[0];
  const pool = live.pools?.find((one) => one.array === array?.name);
  if (array === undefined || pool === undefined) throw new Error('the lab has no array with a pool');
  return { array, pool };
};

/** The calm lab with two more disks in the first array, one of its own gone and one failed. */
function ill(): Live {
  const live = calm();
  const { array, pool } = first(live);
  const sizeBytes = array.disks[0]?.sizeBytes ?? 0;
  const disks: StorageArray['disks'] = [
    ...array.disks.map((disk) =>
      disk.slot === 1
        ? { ...disk, state: 'failed' as const }
        : disk.slot === 2
          ? { ...disk, state: 'missing' as const }
          : disk,
    ),
    ...[array.disks.length, array.disks.length + 1].map((slot) => ({
      slot,
      state: 'unused' as const,
      sizeBytes,
      pool: null,
    })),
  ];
  return {
    ...live,
    arrays: [{ ...array, health: 'degraded' as const, disks }, ...(live.arrays ?? []).slice(1)],
    pools: [{ ...pool, health: 'degraded' as const }, ...(live.pools ?? []).filter((one) => one.id !== pool.id)],
  };
}

describe('the list of arrays', () => {
  test('counts disks in order and says in words why an array is not healthy', async () => {
    renderConsole(new MemoryLab(ill()), '/arrays');
    const { array, pool } = first(ill());
    const row =
      within(await find('table', 'Arrays'))
        .getByText(array.name)
        .closest('tr') ?? document.body;
    expect(within(row).getByText(`${array.disks.length - 2} of ${array.disks.length} in order`)).toBeDefined();
    expect(within(row).getByText(new RegExp(`slot 1 has failed; ${pool.name} reads around it`))).toBeDefined();
    expect(await find('img', '1 array is not healthy')).toBeDefined();
  });

  test('without an array it teaches what one is for and offers to create one', async () => {
    renderConsole(new MemoryLab({ ...calm(), arrays: [], pools: [] }), '/arrays');
    expect(await find('heading', 'There is no array yet')).toBeDefined();
    expect(screen.getAllByRole('button', { name: /array/i }).length).toBeGreaterThan(0);
  });
});

describe('an array', () => {
  test('its shelf says of every slot its state, its pool and its place in the RAID group, in words', async () => {
    const { array, pool } = first(ill());
    renderConsole(new MemoryLab(ill()), `/arrays/${array.name}`);
    const slots = within(await find('list', `Slots of ${array.name}`)).getAllByRole('listitem');
    expect(slots).toHaveLength(array.disks.length);
    expect(slots[0]?.textContent).toContain('In order');
    expect(slots[0]?.textContent).toContain(pool.name);
    expect(slots[0]?.textContent).toContain(`Disk 1 of ${pool.slots.length}`);
    expect(slots[1]?.textContent).toContain('Failed');
    expect(slots[2]?.textContent).toContain('Missing');
    expect(slots.at(-1)?.textContent).toContain('UnusedIn no pool');
  });

  test('its pools say level, owner and what their bytes are', async () => {
    const { array, pool } = first(calm());
    renderConsole(new MemoryLab(calm()), `/arrays/${array.name}`);
    const card = await find('region', pool.name);
    expect(within(card).getByRole('link', { name: 'north-1' }).getAttribute('href')).toContain('/servers/north-1');
    expect(within(card).getByText('payroll')).toBeDefined();
    expect(within(card).getByText('Reserve')).toBeDefined();
    expect(within(card).getByRole('img', { name: new RegExp(`^Capacity of ${pool.name}`) })).toBeDefined();
  });

  test('of a pool that nobody has open no figure is shown as if it were known', async () => {
    const live = disaster();
    const { array, pool } = first(live);
    const closed = {
      ...pool,
      health: 'unknown' as const,
      owner: null,
      sizeBytes: 0,
      usedBytes: 0,
      freeBytes: 0,
      reserveBytes: 0,
    };
    const pools = [closed, ...(live.pools ?? []).filter((one) => one.id !== pool.id)];
    const arrays = [{ ...array, health: 'unknown' as const }, ...(live.arrays ?? []).slice(1)];
    renderConsole(new MemoryLab({ ...live, pools, arrays }), `/arrays/${array.name}`);
    expect(await screen.findByText('Not known while no server has it open.')).toBeDefined();
    expect(within(await find('list', 'What is wrong')).getByText(/no server has it open now/)).toBeDefined();
    expect(within(await find('list', 'Faults that hit it')).getByText('Site loss')).toBeDefined();
    expect(screen.getByRole('img', { name: /: not known/ })).toBeDefined();
  });

  test('an unknown array is said to be unknown', async () => {
    renderConsole(new MemoryLab(calm()), '/arrays/nothing');
    expect(await find('link', 'All arrays')).toBeDefined();
  });
});

describe('capacity', () => {
  test('the shares of an array add up to its raw capacity', () => {
    const { array, pool } = first(ill());
    const shares = sharesOf(array, [pool]);
    expect(shares.reduce((sum, share) => sum + share.bytes, 0)).toBe(rawBytes(array));
    expect(shares.map((share) => share.use)).toEqual(['used', 'reserve', 'free', 'redundancy', 'unused']);
    expect(sharesOf(array, [{ ...pool, sizeBytes: 0 }]).map((share) => share.use)).toEqual(['unknown', 'unused']);
  });

  test('what no volume accounts for is named apart, and never negative', () => {
    const live = calm();
    const { pool } = first(live);
    const { volumes, otherBytes } = contentOf(pool, live.volumes ?? []);
    const byVolumes = volumes.reduce((sum, one) => sum + one.usedBytes, 0);
    expect(volumes.map((one) => one.pool)).toEqual(volumes.map(() => pool.name));
    expect(otherBytes).toBe(Math.max(0, pool.usedBytes - byVolumes));
    expect(contentOf({ ...pool, usedBytes: 0 }, live.volumes ?? []).otherBytes).toBe(0);
  });

  test('RAID-1+0 binds neighbours of the group in pairs; other levels count through', () => {
    const { pool } = first(calm());
    const striped = { ...pool, level: 'raid10' as const, slots: [2, 3, 5, 7] };
    expect([2, 3, 5, 7].map((slot) => memberOf(striped, slot))).toEqual([
      { at: 1, of: 4, pair: 1 },
      { at: 2, of: 4, pair: 1 },
      { at: 1, of: 4, pair: 2 },
      { at: 2, of: 4, pair: 2 },
    ]);
    expect(memberOf(striped, 4)).toBeNull();
    expect(memberOf({ ...striped, level: 'raid5' }, 5)).toEqual({ at: 3, of: 4, pair: null });
  });

  test('reasons name the disks first and then the pools', () => {
    const { array, pool } = first(ill());
    expect(reasonsOf(array, [pool]).map((reason) => reason.kind)).toEqual(['disk', 'disk', 'pool']);
    const well = first(calm());
    expect(reasonsOf(well.array, [well.pool])).toEqual([]);
  });
});

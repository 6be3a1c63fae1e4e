import { describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../src-engine/disk/index.ts';
import { decodeRecord } from '../../src-engine/pool/records.ts';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { block, expectContent, newPool, reopen, writeCp } from './fixture.ts';
import { mulberry } from './memory.ts';

describe('a pool', () => {
  const levels: [RaidLevel, number][] = [['raid0', 1], ['raid0', 3], ['raid1', 2], ['raid10', 4], ['raid5', 3], ['raid5', 5], ['raid6', 6]];
  it.each(levels)('keeps what was committed over reopening, on %s with %i disks', async (level, disks) => {
    const { pool, storage } = await newPool({ level, disks });
    const content = new Map<number, number | null>([[3, 30], [700, 7], [1999, 9], [4, null]]);
    await writeCp(pool, content);
    await expectContent(pool, pool.volume('v1').root, content, 2048);
    expect(await pool.check()).toEqual([]);
    const again = await reopen(storage);
    await expectContent(again.pool, again.pool.volume('v1').root, content, 2048);
    expect(again.pool.lastLabel).toBe(pool.lastLabel);
    expect(await again.pool.check()).toEqual([]);
  });

  it('forgets a stage that was never committed, and its space is free again', async () => {
    const { pool } = await newPool();
    await writeCp(pool, [[1, 1]]);
    const before = pool.capacity();
    const stage = pool.stage('v1');
    for (let vbn = 0; vbn < 600; vbn++) await stage.write(vbn, block(vbn));
    expect(await stage.read(599)).toEqual(block(599));
    await stage.finish();
    expect(await stage.read(5)).toEqual(block(5));
    expect(pool.capacity().wholeFreeStripes).toBeLessThan(before.wholeFreeStripes);
    await stage.abandon();
    expect(pool.capacity()).toEqual(before);
    await expectContent(pool, pool.volume('v1').root, new Map([[1, 1]]), 2048);
  });

  it('takes the last write when a block is staged twice, in any order of blocks', async () => {
    const { pool } = await newPool();
    await writeCp(pool, [[9, 1], [2, 2], [9, 3], [5, 5], [2, null]]);
    await expectContent(pool, pool.volume('v1').root, new Map([[9, 3], [5, 5]]), 2048);
    expect(await pool.check()).toEqual([]);
  });

  it('lists exactly what changed after a CP, holes included', async () => {
    const { pool } = await newPool();
    const cp1 = await writeCp(pool, [[1, 1], [300, 2], [900, 3]]);
    await writeCp(pool, [[300, null], [2, 4]]);
    const changed: [number, boolean][] = [];
    for await (const { vbn, pointer } of pool.walk(pool.volume('v1').root, { fromVbn: 0, toVbn: 2048, bornAfter: cp1 })) changed.push([vbn, pointer.pbn === 0]);
    expect(changed.filter(([, hole]) => !hole)).toEqual([[2, false]]);
    expect(changed.some(([vbn, hole]) => vbn === 300 && hole)).toBe(true);
    expect(changed.some(([vbn]) => vbn === 1 || vbn === 900)).toBe(false);
    const written: number[] = [];
    for await (const { vbn } of pool.walk(pool.volume('v1').root, { fromVbn: 0, toVbn: 2048 })) written.push(vbn);
    expect(written).toEqual([1, 2, 900]);
  });

  it('shares one label among commits that arrive together and refuses the impossible one alone', async () => {
    const { pool, runtime } = await newPool();
    const volume = { name: 'x', sizeBlocks: 10, policy: 'logged', attributes: {} } as const;
    const first = pool.commit({});
    const results = await Promise.allSettled([
      pool.commit({ create: [{ ...volume, id: 'a' }] }),
      pool.commit({ create: [{ ...volume, id: 'v1' }] }),
      pool.commit({ create: [{ ...volume, id: 'b' }] }),
      first,
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(runtime.marks.has('pool/label-shared')).toBe(true);
    expect(pool.volumes().map((record) => record.id)).toEqual(['v1', 'a', 'b']);
    expect(await pool.check()).toEqual([]);
  });

  it('keeps roots unchanged until they are released, in any order, and leaks nothing', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = mulberry(seed);
      const { pool, storage } = await newPool({ diskMiB: 10 });
      const content = new Map<number, number | null>();
      const kept = new Map<string, Map<number, number | null>>();
      let tag = 0;
      for (let round = 0; round < 14; round++) {
        const changes = Array.from({ length: 20 }, () => [Math.floor(random() * 1500), random() < 0.2 ? null : ++tag] as const);
        const request: Parameters<typeof pool.commit>[0] = random() < 0.5 ? { keep: [{ volumeId: 'v1', name: `k${round}`, purpose: 'snapshot', which: random() < 0.5 ? 'before' : 'after' }] } : {};
        const before = new Map(content);
        for (const [vbn, value] of changes) content.set(vbn, value);
        await writeCp(pool, changes, 'v1', request);
        for (const keep of request.keep ?? []) kept.set(keep.name, keep.which === 'before' ? before : new Map(content));
        const names = [...kept.keys()];
        if (names.length > 2) {
          const name = names[Math.floor(random() * names.length)] ?? '';
          await pool.commit({ release: [{ volumeId: 'v1', name }] });
          kept.delete(name);
        }
        const newest = pool.volume('v1').keptRoots.at(-1);
        if (newest !== undefined && random() < 0.2) {
          await pool.commit({ rollback: [{ volumeId: 'v1', to: newest.name }] });
          content.clear();
          for (const [vbn, value] of kept.get(newest.name) ?? []) content.set(vbn, value);
          expect(pool.volume('v1').lineStart).toBe(pool.lastLabel);
        }
        expect(await pool.check()).toEqual([]);
      }
      const again = await reopen(storage);
      await expectContent(again.pool, again.pool.volume('v1').root, content, 2048);
      for (const root of again.pool.volume('v1').keptRoots) await expectContent(again.pool, root.root, kept.get(root.name) ?? new Map(), 2048);
      await again.pool.commit({ remove: ['v1'] });
      expect(await again.pool.check()).toEqual([]);
      expect(again.pool.capacity().usedBlocks).toBeLessThan(8);
    }
  });
});

describe('the count of mapped blocks', () => {
  it('is exact through writes, overwrites, holes, kept roots, rollback and reopening, and check compares it with a walk', async () => {
    const random = mulberry(77);
    const { pool, storage } = await newPool({ level: 'raid5', disks: 4, diskMiB: 6, sizeBlocks: 70000 });
    const mapped = new Set<number>();
    let kept: Set<number> | null = null;
    for (let round = 0; round < 24; round++) {
      const changes = new Map<number, number | null>();
      for (let i = 0; i < 12; i++) changes.set(Math.floor(random() * (round < 12 ? 200 : 70000)), random() < 0.35 ? null : round);
      await writeCp(pool, changes);
      for (const [vbn, value] of changes) {
        if (value === null) mapped.delete(vbn);
        else mapped.add(vbn);
      }
      expect(pool.volume('v1').usedBlocks).toBe(mapped.size);
      if (round === 9) {
        await pool.commit({ keep: [{ volumeId: 'v1', name: 'k', purpose: 'snapshot', which: 'after' }] });
        kept = new Set(mapped);
      }
      if (round === 14 && kept !== null) {
        await pool.commit({ rollback: [{ volumeId: 'v1', to: 'k' }] });
        mapped.clear();
        for (const vbn of kept) mapped.add(vbn);
        expect(pool.volume('v1').usedBlocks).toBe(mapped.size);
        expect(pool.volume('v1').keptRoots[0]?.usedBlocks).toBe(mapped.size);
      }
      if (round % 6 === 5) await pool.clean({ maxStripes: 50 });
    }
    expect(await pool.check()).toEqual([]);
    const again = await reopen(storage);
    expect(again.pool.volume('v1').usedBlocks).toBe(mapped.size);
    await pool.commit({ release: [{ volumeId: 'v1', name: 'k' }] });
    expect(await pool.check()).toEqual([]);
    await pool.commit({ create: [{ id: 'v2', name: '', sizeBlocks: 10, policy: 'logged', attributes: {} }] });
    expect(pool.volume('v2').usedBlocks).toBe(0);
    // A record as version 1 wrote it: whoever opens the pool counts.
    Object.assign(pool.volume('v1'), { usedBlocks: undefined });
    await pool.commit({ attributes: [{ volumeId: 'v1', update: () => ({ old: true }) }] });
    expect((await reopen(storage)).pool.volume('v1').usedBlocks).toBe(mapped.size);
    // A count that is wrong is found.
    Object.assign(pool.volume('v1'), { usedBlocks: 5 });
    expect((await pool.check()).map(({ kind }) => kind)).toEqual(['count']);
  });
});

describe('volume records', () => {
  it('scenario 74: of version 1, without counts, are read and counted; of a newer version they are refused', async () => {
    const record = { id: 'v', name: 'n', sizeBlocks: 9, policy: 'logged', root: { pointer: null, levels: 1 }, cp: 1, lineStart: 0, attributes: {}, keptRoots: [], tableSlot: 0 };
    const payload = new TextEncoder().encode(JSON.stringify(record));
    expect(decodeRecord(encodeEnvelope('LSVOLUME', 1, payload, 4096))).toEqual(record);
    expect(decodeRecord(encodeEnvelope('LSVOLUME', 3, payload, 4096))).toMatchObject({ problem: expect.stringMatching(/version 3 is newer/) as string });
  });
});

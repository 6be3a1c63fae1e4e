import { describe, expect, it } from 'vitest';
import { expectContent, newPool, reopen, writeCp } from './fixture.ts';
import { mulberry } from './memory.ts';

describe('the cleaner', () => {
  it('lets random overwrites go on for ever in a half full pool, and no block loses its content or birth', async () => {
    const { pool, storage, runtime } = await newPool({ level: 'raid5', disks: 4, diskMiB: 7, sizeBlocks: 2048 });
    const random = mulberry(5);
    const content = new Map<number, number | null>();
    const births = new Map<number, number>();
    let tag = 0;
    const total = pool.capacity().totalBlocks;
    for (let round = 0; round < 120; round++) {
      const changes = Array.from({ length: 60 }, () => [Math.floor(random() * 2048), ++tag] as const);
      if (round === 0) for (let vbn = 0; vbn < 2048; vbn++) changes.push([vbn, ++tag]);
      const birth = await writeCp(pool, changes);
      for (const [vbn, value] of changes) {
        content.set(vbn, value);
        births.set(vbn, birth);
      }
    }
    expect(120 * 60 + 2048).toBeGreaterThan(total);
    expect(runtime.marks.has('pool/cleaner-moved-live-block')).toBe(true);
    expect(await pool.check()).toEqual([]);
    const again = await reopen(storage);
    await expectContent(again.pool, again.pool.volume('v1').root, content, 2048);
    for await (const { vbn, pointer } of again.pool.walk(again.pool.volume('v1').root, { fromVbn: 0, toVbn: 2048 })) expect(pointer.birth).toBe(births.get(vbn));
    expect(await again.pool.check()).toEqual([]);
  });

  it('leaves kept roots alone, and does not clean the same stripes again and again for nothing', async () => {
    const { pool, storage } = await newPool({ level: 'raid5', disks: 4, diskMiB: 10, sizeBlocks: 2048 });
    const random = mulberry(6);
    const content = new Map<number, number | null>();
    const snapshots = new Map<string, Map<number, number | null>>();
    let tag = 0;
    for (let round = 0; round < 24; round++) {
      const changes = Array.from({ length: 40 }, () => [Math.floor(random() * 700), ++tag] as const);
      await writeCp(pool, changes);
      for (const [vbn, value] of changes) content.set(vbn, value);
      if (round % 6 === 0) {
        await pool.commit({ keep: [{ volumeId: 'v1', name: `s${round}`, purpose: 'snapshot', which: 'after' }] });
        snapshots.set(`s${round}`, new Map(content));
      }
    }
    const before = pool.capacity().wholeFreeStripes;
    const { movedBlocks, freedStripes } = await pool.clean({ maxStripes: 100 });
    expect(movedBlocks).toBeGreaterThan(0);
    expect(freedStripes).toBeGreaterThan(0);
    expect(pool.capacity().wholeFreeStripes).toBeGreaterThan(before);
    expect(await pool.check()).toEqual([]);
    let rounds = 0;
    while ((await pool.clean({ maxStripes: 100 })).movedBlocks > 0) expect(++rounds).toBeLessThan(10);
    const again = await reopen(storage);
    await expectContent(again.pool, again.pool.volume('v1').root, content, 2048);
    for (const kept of again.pool.volume('v1').keptRoots) await expectContent(again.pool, kept.root, snapshots.get(kept.name) ?? new Map(), 2048);
    expect(await again.pool.check()).toEqual([]);
  });

  it('passes over a volume whose stage waits for its commit, and the stage still commits afterwards', async () => {
    const { pool } = await newPool({ level: 'raid5', disks: 4, diskMiB: 10, sizeBlocks: 2048 });
    const content = new Map<number, number | null>();
    for (let round = 0; round < 12; round++) {
      await writeCp(pool, [[round, round], [round + 500, round]]);
      content.set(round, round).set(round + 500, round);
    }
    const stage = pool.stage('v1');
    await stage.write(3, new Uint8Array(4096).fill(9));
    await stage.finish();
    await pool.clean({ maxStripes: 100 });
    await pool.commit({ stages: [stage] });
    const into = new Uint8Array(4096);
    await pool.read(pool.volume('v1').root, 3, 1, into);
    expect(into).toEqual(new Uint8Array(4096).fill(9));
    expect(await pool.check()).toEqual([]);
  });

  it('answers a reservation with no instead of letting a consistency point run out of room', async () => {
    const { pool } = await newPool({ level: 'raid5', disks: 4, diskMiB: 5, sizeBlocks: 4096 });
    let vbn = 0;
    while (pool.reserve(64)) {
      await writeCp(pool, Array.from({ length: 64 }, () => [vbn, vbn++] as const));
      pool.unreserve(64);
    }
    expect(vbn).toBeGreaterThan(500);
    // Deleting and fracturing still work.
    await pool.commit({ keep: [{ volumeId: 'v1', name: 's', purpose: 'snapshot', which: 'after' }] });
    await pool.commit({ release: [{ volumeId: 'v1', name: 's' }], attributes: [{ volumeId: 'v1', update: () => ({ fractured: true }) }] });
    expect(pool.volume('v1').attributes).toEqual({ fractured: true });
    expect(await pool.check()).toEqual([]);
    await pool.commit({ remove: ['v1'] });
    await pool.commit({ create: [{ id: 'v2', name: '', sizeBlocks: 100, policy: 'logged', attributes: {} }] });
    expect(pool.reserve(64)).toBe(true);
  });
});

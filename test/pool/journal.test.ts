import { describe, expect, it } from 'vitest';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { expectContent, newPool, reopen, writeCp } from './fixture.ts';
import { mulberry, testRuntime } from './memory.ts';

/** A pool whose every stripe holds live blocks: the next CP must fill holes. Null content of `content` never occurs. */
async function fragmented(level: RaidLevel, disks: number, diskMiB = 2) {
  const rig = await newPool({ level, disks, diskMiB, sizeBlocks: 4096 });
  const content = new Map<number, number>();
  const { pool } = rig;
  let vbn = 0;
  // Fill to the brim, keeping a root so that the cleaner can move nothing, then free scattered blocks.
  while (pool.capacity().wholeFreeStripes > 4) {
    const changes = Array.from({ length: 24 }, () => [vbn, vbn++] as const);
    await writeCp(pool, changes);
    for (const [at, tag] of changes) content.set(at, tag);
  }
  await pool.commit({ keep: [{ volumeId: 'v1', name: 'k', purpose: 'snapshot', which: 'after' }] });
  return { ...rig, content, vbn };
}

describe('partial stripes', () => {
  // A mirror of two small disks has no more holes than what writers must leave for trims: it needs larger ones.
  it.each<[RaidLevel, number, number]>([['raid5', 4, 2], ['raid6', 5, 2], ['raid1', 2, 4], ['raid10', 4, 2]])('take new blocks when no whole stripe is left, on %s with %i disks of %i MiB', async (level, disks, diskMiB) => {
    const { pool, storage, runtime, content, vbn } = await fragmented(level, disks, diskMiB);
    const kept = new Map(content);
    let next = vbn;
    while (pool.reserve(4)) {
      const changes = Array.from({ length: 4 }, () => [next, next++ + 10000] as const);
      await writeCp(pool, changes);
      pool.unreserve(4);
      for (const [at, tag] of changes) content.set(at, tag);
    }
    expect(runtime.marks.has('pool/partial-stripe')).toBe(true);
    expect(await pool.check()).toEqual([]);
    const again = await reopen(storage);
    await expectContent(again.pool, again.pool.volume('v1').root, content, 4096);
    const root = again.pool.volume('v1').keptRoots[0]?.root;
    if (root !== undefined) await expectContent(again.pool, root, kept, 4096);
    expect(await again.pool.check()).toEqual([]);
  });

  it('scenario 54: lose no live block in a crash at any I/O, even when a disk is lost in the same crash', async () => {
    const base = await fragmented('raid5', 4);
    let next = base.vbn;
    while (base.pool.capacity().wholeFreeStripes > 0) {
      await writeCp(base.pool, [[next, next]]);
      base.content.set(next, next++);
    }
    const image = base.storage.restart(() => false);
    let replays = 0;
    for (let point = 1; ; point++) {
      const random = mulberry(point);
      const first = await reopen(image.restart(() => false));
      const label = first.pool.lastLabel;
      first.storage.operations = 0;
      first.storage.crashAt = point;
      const crash = new Promise<false>((resolve) => (first.storage.onCrash = () => resolve(false)));
      const ended = await Promise.race([writeCp(first.pool, [[3, 555], [next, 556]]).then(() => true), crash]);
      first.storage.crashAt = Infinity;
      expect(first.runtime.marks.has('pool/partial-stripe') || !ended).toBe(true);
      const left = first.storage.restart(() => random() < 0.5);
      if (point % 2 === 0) await left.remove(`disk-${point % 4}.img`);
      const runtime = testRuntime();
      const second = await reopen(left, runtime, label);
      if (runtime.marks.has('pool/partial-stripe-replayed')) replays++;
      const root = second.pool.volume('v1').root;
      const isNew = second.pool.volume('v1').cp > base.pool.volume('v1').cp;
      const expected = new Map(base.content);
      if (isNew) expected.set(3, 555).set(next, 556);
      await expectContent(second.pool, root, expected, 4096);
      expect(await second.pool.check()).toEqual([]);
      // Opening again replays nothing that is newer since.
      await writeCp(second.pool, [[4, 600]]);
      expected.set(4, 600);
      const third = await reopen(second.storage.restart(() => false));
      await expectContent(third.pool, third.pool.volume('v1').root, expected, 4096);
      expect(await third.pool.check()).toEqual([]);
      if (ended) break;
    }
    expect(replays).toBeGreaterThan(2);
  }, 120_000);
});

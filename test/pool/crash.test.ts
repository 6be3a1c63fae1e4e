import { describe, expect, it } from 'vitest';
import { Pool } from '../../src-engine/pool/index.ts';
import { Shelf } from '../../src-engine/disk/index.ts';
import { StorageError } from '../../src-engine/runtime/index.ts';
import type { PlantedBug } from '../../src-engine/runtime/index.ts';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { expectContent, newPool, reopen, writeCp } from './fixture.ts';
import type { Rig } from './fixture.ts';
import { mulberry, testRuntime } from './memory.ts';

type Content = Map<number, number | null>;
const SIZE = 1024;

/** Runs `work` until it ends or the storage crashes; true when it ended. */
async function untilCrash(rig: Rig, crashAt: number, work: () => Promise<unknown>): Promise<boolean> {
  rig.storage.operations = 0;
  rig.storage.crashAt = crashAt;
  const crash = new Promise<false>((resolve) => {
    rig.storage.onCrash = () => resolve(false);
  });
  const done = await Promise.race([work().then(() => true as const), crash]);
  rig.storage.crashAt = Infinity;
  return done;
}

/** Crashes one CP at every I/O and opens what is left. Returns how many crash points there were. */
async function campaign(level: RaidLevel, disks: number, bugs: readonly PlantedBug[] = [], step = 1): Promise<{ points: number; relabelled: number; before: number; after: number }> {
  const base = await newPool({ level, disks, diskMiB: 4, sizeBlocks: SIZE });
  const old: Content = new Map([[1, 1], [300, 2], [301, 3], [900, 4]]);
  await writeCp(base.pool, old, 'v1', { keep: [{ volumeId: 'v1', name: 's', purpose: 'snapshot', which: 'before' }] });
  const changes: [number, number | null][] = [[1, 11], [300, null], [500, 12], [902, 13]];
  const next: Content = new Map([...old, ...changes]);
  const image = base.storage.restart(() => false);
  const tally = { points: 0, relabelled: 0, before: 0, after: 0 };
  for (let point = 1; ; point += step) {
    const random = mulberry(point);
    const first = await reopen(image.restart(() => false));
    for (const bug of bugs) first.runtime.bugs.add(bug);
    const label = first.pool.lastLabel;
    const ended = await untilCrash(first, point, () => writeCp(first.pool, changes, 'v1', { release: [{ volumeId: 'v1', name: 's' }] }));
    tally.points++;
    const second = await reopen(first.storage.restart(() => random() < 0.5), testRuntime(), label);
    if (second.runtime.marks.has('pool/relabel')) tally.relabelled++;
    expect([label, label + 1]).toContain(second.pool.lastLabel);
    if (ended) expect(second.pool.lastLabel).toBe(label + 1);
    const isNew = second.pool.lastLabel === label + 1;
    tally[isNew ? 'after' : 'before']++;
    await expectContent(second.pool, second.pool.volume('v1').root, isNew ? next : old, SIZE);
    expect(await second.pool.check()).toEqual([]);
    await writeCp(second.pool, [[7, 77]]);
    expect(await second.pool.check()).toEqual([]);
    if (ended) return tally;
  }
}

describe('a crash', () => {
  it.each<[RaidLevel, number]>([['raid1', 2], ['raid5', 4], ['raid6', 5], ['raid0', 2]])('at any I/O of a CP leaves label n-1 or n, whole, on %s with %i disks', async (level, disks) => {
    const tally = await campaign(level, disks);
    expect(tally.points).toBeGreaterThan(10);
    expect(tally.before).toBeGreaterThan(3);
    expect(tally.after).toBeGreaterThan(0);
    expect(tally.relabelled).toBeGreaterThan(0);
  });

  it('campaign notices a label that is written before its data are synced', async () => {
    let noticed = 0;
    for (const disks of [2, 3]) await campaign('raid0', disks, ['skip-data-sync-before-label']).catch(() => noticed++);
    expect(noticed).toBeGreaterThan(0);
  });

  it('between the labels of two disks is completed on open, so that losing the first disk later loses no CP', async () => {
    for (const skip of [false, true]) {
      const { pool, storage } = await newPool({ level: 'raid1', disks: 2, sizeBlocks: SIZE });
      await writeCp(pool, [[1, 1]]);
      storage.fault = (path, kind, at) => (path === 'disk-1.img' && kind === 'write' && at < 65536 ? new StorageError('fenced', path, 'power lost here') : null);
      await expect(writeCp(pool, [[1, 2]])).rejects.toThrow();
      storage.fault = () => null;
      const second = testRuntime();
      if (skip) second.bugs.add('skip-relabel-on-open');
      const opened = await reopen(storage.restart(() => false), second);
      await expectContent(opened.pool, opened.pool.volume('v1').root, new Map([[1, 2]]), SIZE);
      const later = opened.storage.restart(() => false);
      await later.remove('disk-0.img');
      const third = await Pool.open({ runtime: testRuntime(), handle: (await Shelf.open(later)).handle({ poolId: 'p1', serverId: 's1', epoch: 0 }) }, { poolId: 'p1', minimumLabel: opened.pool.lastLabel });
      if (skip) {
        expect(third).toMatchObject({ kind: 'refused', code: 'pool/older-than-log' });
        continue;
      }
      expect(second.marks.has('pool/relabel')).toBe(true);
      if (third.kind !== 'open') throw new Error(third.message);
      await expectContent(third.pool, third.pool.volume('v1').root, new Map([[1, 2]]), SIZE);
      // The missing disk may hold one label more than was seen: its number is never used again.
      expect(third.pool.lastLabel).toBe(opened.pool.lastLabel + 3);
    }
  });
});

describe('a disk', () => {
  it('that fails at any of its writes or syncs during a CP is failed in the label that confirms the CP', async () => {
    const base = await newPool({ level: 'raid5', disks: 4, diskMiB: 4, sizeBlocks: SIZE });
    await writeCp(base.pool, [[1, 1], [2, 2]]);
    const image = base.storage.restart(() => false);
    const marks = new Set<string>();
    for (let failAt = 1; failAt < 9; failAt++) {
      const { pool, storage, runtime } = await reopen(image.restart(() => false));
      let seen = 0;
      storage.fault = (path, kind) => (path === 'disk-2.img' && kind !== 'read' && ++seen >= failAt ? new StorageError('io', path, 'dead') : null);
      await writeCp(pool, [[1, 10], [700, 5]]);
      const failed = seen >= failAt;
      expect(pool.members().find((member) => member.slot === 2)?.state).toBe(failed ? 'failed' : 'active');
      expect(pool.state).toBe(failed ? 'degraded' : 'healthy');
      for (const mark of runtime.marks) marks.add(mark);
      storage.fault = () => null;
      const again = await reopen(storage.restart(() => false), testRuntime(), pool.lastLabel);
      expect(again.pool.state).toBe(pool.state);
      expect(again.pool.lastLabel).toBe(pool.lastLabel);
      await expectContent(again.pool, again.pool.volume('v1').root, new Map([[1, 10], [2, 2], [700, 5]]), SIZE);
      expect(await again.pool.check()).toEqual([]);
    }
    expect(marks.has('pool/member-failed-during-label')).toBe(true);
  });

  it('that lies is found by checksum, answered from the others and repaired; check sees what nobody read', async () => {
    const { pool, storage, runtime } = await newPool({ level: 'raid5', disks: 4, sizeBlocks: SIZE });
    const content: Content = new Map(Array.from({ length: 200 }, (_, i) => [i * 3, i]));
    await writeCp(pool, content);
    storage.files.get('disk-1.img')?.bytes.fill(0x5a, 65536 + 256 * 4096);
    const problems = await pool.check();
    expect(problems.some((problem) => problem.kind === 'checksum')).toBe(true);
    expect(problems.some((problem) => problem.kind === 'parity')).toBe(true);
    const opened = await reopen(storage);
    await expectContent(opened.pool, opened.pool.volume('v1').root, content, SIZE);
    expect(opened.runtime.marks.has('pool/self-heal')).toBe(true);
    expect((await opened.pool.check()).filter((problem) => problem.kind === 'checksum')).toEqual([]);
    expect(runtime.marks.has('pool/self-heal')).toBe(false);
  });

  it('that is lost beyond redundancy makes exactly the unreadable block an error', async () => {
    const { pool, storage } = await newPool({ level: 'raid0', disks: 2, sizeBlocks: SIZE });
    await writeCp(pool, Array.from({ length: 40 }, (_, i) => [i, i] as const));
    const pointer = await pool.lookup(pool.volume('v1').root, 20);
    const image = storage.files.get('disk-0.img');
    const stripe = Math.floor(((pointer?.pbn ?? 0) - 32) / 32);
    const at = ((pointer?.pbn ?? 0) - 32) % 32;
    const file = at < 16 ? image : storage.files.get('disk-1.img');
    file?.bytes.fill(1, 65536 + (256 + stripe * 16 + (at % 16)) * 4096, 65536 + (256 + stripe * 16 + (at % 16) + 1) * 4096);
    const into = new Uint8Array(40 * 4096);
    await expect(pool.read(pool.volume('v1').root, 0, 40, into)).rejects.toMatchObject({ name: 'MediaError', vbn: 20 });
    await pool.read(pool.volume('v1').root, 0, 20, into.subarray(0, 20 * 4096));
    await pool.read(pool.volume('v1').root, 21, 19, into.subarray(0, 19 * 4096));
  });
});

describe('opening', () => {
  it('refuses two sets of disks that call each other failed', async () => {
    const { pool, storage } = await newPool({ level: 'raid1', disks: 2, sizeBlocks: SIZE });
    await writeCp(pool, [[1, 1]]);
    const left = storage.restart(() => false);
    const right = storage.restart(() => false);
    await left.remove('disk-1.img');
    await right.remove('disk-0.img');
    await writeCp((await reopen(left)).pool, [[1, 2]]);
    const own = await reopen(right);
    await writeCp(own.pool, [[1, 3]]);
    const disk = right.files.get('disk-1.img');
    if (disk !== undefined) left.files.set('disk-1.img', disk);
    await expect(reopen(left)).rejects.toThrow('pool/two-histories');
  });

  it('leaves a disk that missed labels out and says so', async () => {
    const { pool, storage } = await newPool({ level: 'raid5', disks: 4, sizeBlocks: SIZE });
    await writeCp(pool, [[1, 1]]);
    const old = storage.restart(() => false).files.get('disk-3.img');
    await writeCp(pool, [[1, 2]]);
    await writeCp(pool, [[2, 3]]);
    if (old !== undefined) storage.files.set('disk-3.img', old);
    const shelf = await Shelf.open(storage);
    const handle = shelf.handle({ poolId: 'p1', serverId: 's1', epoch: 0 });
    const result = await Pool.open({ runtime: testRuntime(), handle }, { poolId: 'p1' });
    if (result.kind !== 'open') throw new Error(result.message);
    expect(result.findings.map((finding) => [finding.kind, finding.slot])).toEqual([['stale-member', 3]]);
    expect(result.pool.lastLabel).toBe(pool.lastLabel + 1);
    await expectContent(result.pool, result.pool.volume('v1').root, new Map([[1, 2], [2, 3]]), SIZE);
    expect(await result.pool.check()).toEqual([]);
  });

  it('refuses a pool that is older than the log, and one without enough disks', async () => {
    const { pool, storage } = await newPool({ level: 'raid5', disks: 4, sizeBlocks: SIZE });
    await expect(reopen(storage, testRuntime(), pool.lastLabel + 1)).rejects.toThrow('pool/older-than-log');
    await storage.remove('disk-0.img');
    await storage.remove('disk-1.img');
    await expect(reopen(storage)).rejects.toThrow('pool/failed');
  });

  it('raises the epoch in a label of its own; the older owner is fenced and its pool fails', async () => {
    const { pool, shelf } = await newPool({ sizeBlocks: SIZE });
    await writeCp(pool, [[1, 1]]);
    await shelf.raiseEpoch('p1', 5);
    const result = await Pool.open({ runtime: testRuntime(), handle: shelf.handle({ poolId: 'p1', serverId: 's2', epoch: 5 }) }, { poolId: 'p1' });
    if (result.kind !== 'open') throw new Error(result.message);
    expect(result.pool.epoch).toBe(5);
    expect(result.pool.lastLabel).toBe(pool.lastLabel + 1);
    await expect(pool.commit({})).rejects.toMatchObject({ name: 'PoolFailedError' });
    expect(pool.state).toBe('failed');
    expect(result.pool.state).toBe('healthy');
  });
});

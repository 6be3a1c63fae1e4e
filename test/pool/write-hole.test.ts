import { describe, expect, it } from 'vitest';
import { StorageError } from '../../src-engine/runtime/index.ts';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { expectContent, newPool, reopen, writeCp } from './fixture.ts';
import type { MemoryStorage } from './memory.ts';
import { mulberry, testRuntime } from './memory.ts';

const SIZE = 512;
const KIB = 1024;
/** Every combination instead of a spread of them: minutes instead of seconds. */
const EVERY = process.env['LOCKSTEP_EXHAUSTIVE'] === '1';

interface Base {
  readonly storage: MemoryStorage;
  readonly content: ReadonlyMap<number, number>;
  readonly disks: number;
  readonly fresh: number;
}

/**
 * A pool without whole free stripes, its live blocks scattered, nothing for the cleaner to move; its stripe journal has
 * two entries, so that a few partial stripes use each entry several times within one consistency point.
 */
async function scattered(level: RaidLevel, disks: number): Promise<Base> {
  const { pool, storage } = await newPool({ level, disks, unitBlocks: 4, journalBlocks: 16 + 2 * 4, diskMiB: (64 + (24 + 4 * 28) * 4) / KIB, sizeBlocks: SIZE });
  const content = new Map<number, number>();
  let vbn = 0;
  const write = async (count: number): Promise<void> => {
    const changes = Array.from({ length: count }, () => [vbn, vbn++] as const);
    await writeCp(pool, changes);
    for (const [at, tag] of changes) content.set(at, tag);
  };
  while (pool.capacity().wholeFreeStripes > 3) await write(3);
  await pool.commit({ keep: [{ volumeId: 'v1', name: 'k', purpose: 'snapshot', which: 'after' }] });
  while (pool.capacity().wholeFreeStripes > 0) await write(1);
  return { storage: storage.restart(() => false), content, disks, fresh: vbn };
}

interface Run {
  readonly crashAt: number;
  /** This member rejects all that changes something, from its `failAt`-th such I/O until the crash. */
  readonly failing: number;
  readonly failAt: number;
  readonly coin: () => boolean;
  /** Gone for good in the crash, or -1. */
  readonly lost: number;
}

/** One run: a CP of partial stripes, a member that fails on the way, a crash, what is found afterwards. */
async function attempt(base: Base, run: Run): Promise<{ ended: boolean; operations: number; failed: boolean; reused: boolean; refused: boolean }> {
  const first = await reopen(base.storage.restart(() => false));
  const label = first.pool.lastLabel;
  const cp = first.pool.volume('v1').cp;
  const { storage } = first;
  let seen = 0;
  storage.operations = 0;
  storage.crashAt = run.crashAt;
  storage.fault = (path, kind) => (kind !== 'read' && path === `disk-${run.failing}.img` && ++seen >= run.failAt ? new StorageError('io', path, 'does not answer for a while') : null);
  // Labels are slow here, so that much happens between a failure and the label that tells of it.
  storage.turns = (_path, kind, at) => (kind === 'write' && at < 65536 ? 400 : 1);
  const crash = new Promise<false>((resolve) => (storage.onCrash = () => resolve(false)));
  const changes = [[3, 900], [40, 901], ...Array.from({ length: 40 }, (_, i) => [base.fresh + i, 902 + i] as const)] as const;
  const ended = await Promise.race([writeCp(first.pool, changes).then(() => true, () => true), crash]);
  const { operations } = storage;
  storage.crashAt = Infinity;
  storage.fault = () => null;
  storage.turns = () => 1;
  const left = storage.restart(run.coin);
  if (run.lost >= 0) await left.remove(`disk-${run.lost}.img`);
  const marks = first.runtime.marks;
  const result = { ended, operations, failed: seen >= run.failAt, reused: marks.has('pool/journal-entry-reused'), refused: false };
  const second = await reopen(left, testRuntime(), label).catch((error: unknown) => {
    // The failure was durable, or the restart lost one disk more than the level allows; never anything else.
    if (run.lost < 0 || !/pool\/failed/.test(String(error))) throw error;
    return null;
  });
  if (second === null) return { ...result, refused: true };
  const { pool } = second;
  const expected = new Map(base.content);
  if (pool.volume('v1').cp > cp) for (const [vbn, tag] of changes) expected.set(vbn, tag);
  expect(await pool.check()).toEqual([]);
  await expectContent(pool, pool.volume('v1').root, expected, SIZE);
  const kept = pool.volume('v1').keptRoots[0];
  if (kept !== undefined) for (const vbn of expected.keys()) if (vbn < 40 && vbn !== 3) expect(await pool.lookup(kept.root, vbn)).not.toBeNull();
  // What was recovered has to bear the next loss: every disk that is left, one after the other.
  if (pool.state === 'healthy') {
    for (let disk = 0; disk < base.disks; disk++) {
      const worse = second.storage.restart(() => false);
      await worse.remove(`disk-${disk}.img`);
      const third = await reopen(worse);
      await expectContent(third.pool, third.pool.volume('v1').root, expected, SIZE);
    }
  }
  return result;
}

describe('the write hole', () => {
  it.each<[RaidLevel, number, number]>([['raid5', 4, 1], ['raid6', 5, 2], ['raid1', 3, 2]])(
    'scenario 54: on %s with %i disks a member that fails in a partial stripe, the reuse of its journal entry and a crash cost no untouched block',
    async (level, disks, redundancy) => {
      const base = await scattered(level, disks);
      const whole = await attempt(base, { crashAt: Infinity, failing: -1, failAt: 1, coin: () => true, lost: -1 });
      expect(whole.ended).toBe(true);
      expect(whole.reused).toBe(true);
      let runs = 0;
      let reused = 0;
      let refused = 0;
      const perMember = Math.ceil(whole.operations / disks);
      const stepFail = EVERY ? 1 : 3;
      const stepCrash = EVERY ? 1 : 13;
      for (let failAt = 1; failAt <= perMember; failAt += stepFail) {
        for (let failing = failAt % disks; failing < disks; failing += EVERY ? 1 : disks) {
          for (let crashAt = (failAt - 1) * disks + 1 + (failAt % stepCrash); crashAt <= whole.operations + 1; crashAt += stepCrash) {
            const random = mulberry(runs + 1);
            const lost = runs % 3 === 0 && redundancy > 1 ? (failing + 1 + (runs % (disks - 1))) % disks : -1;
            const result = await attempt(base, { crashAt, failing, failAt, coin: () => random() < 0.5, lost });
            runs++;
            if (result.reused && result.failed) reused++;
            if (result.refused) refused++;
          }
        }
      }
      expect(runs).toBeGreaterThan(30);
      expect(reused).toBeGreaterThan(10);
      expect(refused).toBe(0);
    },
    EVERY ? 3_600_000 : 180_000,
  );

  it.each<[RaidLevel, number]>([['raid5', 4], ['raid6', 5]])('scenario 54: on %s with %i disks a crash at any I/O and the loss of any one disk in it cost no untouched block', async (level, disks) => {
    const base = await scattered(level, disks);
    for (let crashAt = 1, runs = 0; ; crashAt += EVERY ? 1 : 5) {
      let ended = false;
      for (let lost = crashAt % disks; lost < disks; lost += EVERY ? 1 : disks) {
        const random = mulberry(++runs);
        const result = await attempt(base, { crashAt, failing: -1, failAt: 1, coin: () => random() < 0.5, lost });
        expect(result.refused).toBe(false);
        ended = result.ended;
      }
      if (ended) break;
    }
  }, EVERY ? 3_600_000 : 180_000);

  it.each<[RaidLevel, number]>([['raid5', 4], ['raid6', 5]])('scenario 54: on degraded %s with %i disks readers of untouched blocks do not notice that the stripe is between two contents', async (level, disks) => {
    for (let lost = 0; lost < disks; lost++) {
      const base = await scattered(level, disks);
      const left = base.storage.restart(() => false);
      await left.remove(`disk-${lost}.img`);
      const { pool, storage, runtime } = await reopen(left);
      // Each member takes its own time.
      storage.turns = (path, kind) => (kind === 'read' ? 1 : 20 * Number(/\d+/.exec(path)?.[0] ?? 0));
      let writing = true;
      const writer = writeCp(pool, Array.from({ length: 40 }, (_, i) => [base.fresh + i, 902 + i] as const)).finally(() => (writing = false));
      const root = pool.volume('v1').root;
      while (writing) await expectContent(pool, root, base.content, SIZE);
      await writer;
      expect(runtime.marks.has('pool/partial-stripe')).toBe(true);
      expect(await pool.check()).toEqual([]);
    }
  }, 180_000);
});

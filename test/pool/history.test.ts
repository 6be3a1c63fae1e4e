import { describe, expect, it } from 'vitest';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { expectContent, newPool, reopen, writeCp } from './fixture.ts';
import { mulberry } from './memory.ts';

type Content = Map<number, number | null>;
const LEVELS: [RaidLevel, number][] = [['raid5', 3], ['raid6', 5], ['raid1', 2], ['raid10', 4], ['raid0', 2]];

/** One random life of a pool: CPs, snapshots, releases, rollbacks, growth, cleaning, a crash now and then. */
async function life(seed: number): Promise<void> {
  const random = mulberry(seed);
  const pick = (n: number): number => Math.floor(random() * n);
  const [level, disks] = LEVELS[seed % LEVELS.length] ?? ['raid5', 3];
  let rig = await newPool({ level, disks, diskMiB: 5, sizeBlocks: 250 });
  let content: Content = new Map();
  const kept = new Map<string, { content: Content; sizeBlocks: number }>();
  let size = 250;
  let tag = 0;
  for (let round = 0; round < 40; round++) {
    const { pool } = rig;
    const dice = random();
    const newest = pool.volume('v1').keptRoots.at(-1);
    if (dice < 0.55) {
      const changes = Array.from({ length: 1 + pick(40) }, () => [pick(size), random() < 0.2 ? null : ++tag] as const);
      if (pool.reserve(40)) {
        await writeCp(pool, changes);
        pool.unreserve(40);
        for (const [vbn, value] of changes) content.set(vbn, value);
      }
    } else if (dice < 0.67) {
      const name = `k${round}`;
      await pool.commit({ keep: [{ volumeId: 'v1', name, purpose: 'snapshot', which: 'after' }] });
      kept.set(name, { content: new Map(content), sizeBlocks: size });
    } else if (dice < 0.77 && kept.size > 0) {
      const name = [...kept.keys()][pick(kept.size)] ?? '';
      await pool.commit({ release: [{ volumeId: 'v1', name }] });
      kept.delete(name);
    } else if (dice < 0.82 && newest !== undefined) {
      await pool.commit({ rollback: [{ volumeId: 'v1', to: newest.name }] });
      content = new Map(kept.get(newest.name)?.content);
    } else if (dice < 0.86) {
      size *= 1 + pick(3);
      await pool.commit({ resize: [{ volumeId: 'v1', sizeBlocks: size }] });
    } else if (dice < 0.94) {
      await pool.clean({ maxStripes: 20 });
    } else {
      rig = await reopen(rig.storage.restart(() => random() < 0.5));
    }
    expect(await rig.pool.check()).toEqual([]);
  }
  const { pool } = await reopen(rig.storage.restart(() => false));
  const read = Math.min(size, 4096);
  await expectContent(pool, pool.volume('v1').root, content, read);
  for (const root of pool.volume('v1').keptRoots) await expectContent(pool, root.root, kept.get(root.name)?.content ?? new Map(), Math.min(root.sizeBlocks, 4096));
  await pool.commit({ remove: ['v1'] });
  expect(await pool.check()).toEqual([]);
}

const SEEDS = Number(process.env['POOL_SEEDS'] ?? 10);

describe('any history of a pool', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('leaves every root as it was and no block lost or used twice (seed %i)', async (seed) => {
    await life(seed);
  });
});

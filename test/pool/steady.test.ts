import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { expectContent, newPool, reopen, writeCp } from './fixture.ts';
import type { Rig } from './fixture.ts';
import { mulberry, testRuntime } from './memory.ts';

const SHAPES: readonly (readonly [RaidLevel, number])[] = [['raid0', 3], ['raid1', 2], ['raid10', 4], ['raid5', 4], ['raid6', 5]];
const figures: string[] = [];
afterAll(() => {
  console.log(['blocks written to disks per block of the host, steady random overwrites:', ...figures].join('\n  '));
});

/** Blocks that reach the disks behind their heads from now on. */
function counting(rig: Rig): () => number {
  let blocks = 0;
  for (const file of rig.storage.files.values()) {
    if (!file.path.startsWith('disk-')) continue;
    const write = file.write.bind(file);
    file.write = async (buffers, at) => {
      if (at >= 65536) for (const buffer of buffers) blocks += buffer.length / 4096;
      return write(buffers, at);
    };
  }
  return () => blocks;
}

describe('a pool that is nearly full', () => {
  // A host's writes are reserved one by one as they come and released by the consistency point; a mirror's come in bulk.
  for (const policy of ['each write', 'whole batch'] as const) {
    it(`takes random overwrites for ever, whatever its size, when ${policy} is reserved: what fits once fits always`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...SHAPES),
          fc.constantFrom(4, 8, 16),
          fc.integer({ min: 60, max: 110 }),
          fc.integer({ min: 85, max: 90 }),
          fc.constantFrom(4, 16, 40),
          fc.nat(),
          async ([level, disks], unitBlocks, stripes, percent, batch, seed) => {
            const rig = await newPool({ level, disks, unitBlocks, diskMiB: (64 + (256 + stripes * unitBlocks) * 4) / 1024, sizeBlocks: 8192 });
            const { pool } = rig;
            const random = mulberry(seed);
            const content = new Map<number, number>();
            const reserve = (count: number): boolean => {
              if (policy === 'whole batch') return pool.reserve(count);
              for (let i = 0; i < count; i++) {
                if (pool.reserve(1)) continue;
                pool.unreserve(i);
                return false;
              }
              return true;
            };
            const write = async (vbns: readonly number[], tag: number): Promise<boolean> => {
              if (!reserve(batch)) return false;
              await writeCp(pool, new Map(vbns.map((vbn) => [vbn, tag])));
              for (const vbn of vbns) content.set(vbn, tag);
              pool.unreserve(batch);
              return true;
            };
            const live = Math.floor((pool.capacity().totalBlocks * percent) / 100);
            let end = 0;
            // To the wanted fill, or as far as there is room for the overwrites.
            while (end + batch <= live && pool.reserve(3 * batch)) {
              pool.unreserve(3 * batch);
              const first = end;
              expect(await write(Array.from({ length: batch }, (_, i) => first + i), 1)).toBe(true);
              end += batch;
            }
            const blocks = counting(rig);
            const rounds = Math.ceil(600 / batch);
            for (let round = 0; round < rounds; round++) {
              const vbns = Array.from({ length: batch }, () => Math.floor(random() * end));
              expect(await write(vbns, round + 2)).toBe(true);
            }
            figures.push(`${(blocks() / (rounds * batch)).toFixed(1)}: ${level} of ${disks}, unit ${unitBlocks}, ${stripes} stripes, ${((100 * end) / pool.capacity().totalBlocks).toFixed(0)} % full, ${batch} blocks a point`);
            expect(pool.state).toBe('healthy');
            expect(await pool.check()).toEqual([]);
            const again = await reopen(rig.storage);
            await expectContent(again.pool, again.pool.volume('v1').root, content, 8192);
            expect(again.pool.capacity()).toMatchObject({ usedBlocks: pool.capacity().usedBlocks, wholeFreeStripes: pool.capacity().wholeFreeStripes });
          },
        ),
        { numRuns: 8, seed: policy.length, endOnFailure: true },
      );
    }, 120_000);
  }
});

describe('the cleaner', () => {
  it.each<[RaidLevel, number]>([['raid5', 4], ['raid6', 5]])('cut off at any I/O, with a consistency point behind it, on %s with %i disks: contents, kept roots and free space are right', async (level, disks) => {
    const base = await newPool({ level, disks, unitBlocks: 4, diskMiB: (64 + (256 + 40 * 4) * 4) / 1024, sizeBlocks: 512 });
    const old = new Map<number, number | null>();
    for (let round = 0; round < 6; round++) {
      const changes = [[round * 3, round], [round * 3 + 100, round], [round * 3 + 200, round]] as const;
      await writeCp(base.pool, changes);
      for (const [vbn, tag] of changes) old.set(vbn, tag);
      if (round === 2) await base.pool.commit({ keep: [{ volumeId: 'v1', name: 'k', purpose: 'snapshot', which: 'after' }] });
    }
    const kept = new Map([...old].filter(([vbn]) => vbn % 100 < 9));
    const image = base.storage.restart(() => false);
    const changes = [[1, 90], [100, 91], [207, null]] as const;
    const next = new Map<number, number | null>([...old, ...changes]);
    let moved = 0;
    for (let point = 1, ended = false; !ended; point++) {
      const random = mulberry(point);
      const first = await reopen(image.restart(() => false));
      const { storage, pool } = first;
      const { cp } = pool.volume('v1');
      storage.operations = 0;
      storage.crashAt = point;
      const crash = new Promise<false>((resolve) => (storage.onCrash = () => resolve(false)));
      const work = async (): Promise<true> => {
        const cleaning = pool.clean({ maxStripes: 50 });
        await writeCp(pool, changes);
        if ((await cleaning).movedBlocks > 0) moved++;
        return true;
      };
      ended = await Promise.race([work(), crash]);
      const left = storage.restart(() => random() < 0.5);
      if (point % 3 === 0) await left.remove(`disk-${point % disks}.img`);
      const { pool: second } = await reopen(left, testRuntime());
      const isNew = second.volume('v1').cp > cp;
      if (ended) expect(isNew).toBe(true);
      await expectContent(second, second.volume('v1').root, isNew ? next : old, 512);
      const root = second.volume('v1').keptRoots[0]?.root;
      if (root !== undefined) await expectContent(second, root, kept, 512);
      expect(await second.check()).toEqual([]);
      // Nothing leaked: without the volume the pool is as empty as a new one.
      if (point % 5 !== 0) continue;
      await second.commit({ remove: ['v1'] });
      expect(await second.check()).toEqual([]);
      expect(second.capacity().usedBlocks).toBeLessThan(12);
    }
    expect(moved).toBeGreaterThan(0);
  }, 180_000);
});

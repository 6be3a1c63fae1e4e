import { describe, expect, test } from 'vitest';
import { fc } from '@fast-check/vitest';
import { StorageError } from '../../src-engine/runtime/index.ts';
import { FractureLog, REGIONS_PER_PAGE, type FractureLogDependencies } from '../../src-engine/replication/fracture-log.ts';
import { RegionSet } from '../../src-engine/replication/region-set.ts';
import { MemoryFile } from '../nvlog/memory-files.ts';

const ONE_PAGE = 1000;
const TWO_PAGES = REGIONS_PER_PAGE + 500;

/** An array's shared files, by name. */
class Shared {
  files = new Map<string, MemoryFile>();

  deps(): FractureLogDependencies {
    return {
      runtime: { planted: () => false, covered: () => undefined },
      open: (name, sizeBytes, create) => {
        const there = this.files.get(name);
        if (there !== undefined) return Promise.resolve(there);
        if (!create) return Promise.reject(new StorageError('not-found', name, 'no such file'));
        const file = new MemoryFile(name, sizeBytes);
        this.files.set(name, file);
        return Promise.resolve(file);
      },
    };
  }

  async open(regions: number, create = false): Promise<FractureLog> {
    const result = await FractureLog.open(this.deps(), 'r1', { regions, create, initial: 'clear' });
    if (result.kind !== 'open') throw new Error(result.message);
    expect(result.damaged).toBe('none');
    return result.log;
  }

  /** What a power loss now would leave. */
  afterCrash(keep: () => boolean): Shared {
    const next = new Shared();
    for (const [name, file] of this.files) {
      const copy = new MemoryFile(name, file.size);
      copy.durable = file.afterCrash(keep);
      next.files.set(name, copy);
    }
    return next;
  }
}

function marked(size: number, ...regions: readonly number[]): RegionSet {
  const set = new RegionSet(size);
  for (const region of regions) set.add(region);
  return set;
}

describe('growth', () => {
  test.each([
    ['in its pages', ONE_PAGE, ONE_PAGE + 77],
    ['to more pages', ONE_PAGE, TWO_PAGES],
    ['to more pages twice', TWO_PAGES, 3 * REGIONS_PER_PAGE],
  ])('%s: a power loss before the label finds the old size, one after it the new one, both with every flushed mark', async (_, from, to) => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.boolean()), async (choices) => {
        const keep = (): boolean => choices.next().value ?? false;
        const shared = new Shared();
        const log = await shared.open(from, true);
        log.mark(marked(from, 3, from - 1));
        await log.flush();
        let before: Shared | null = null;
        await log.grow(to, () => {
          before = shared.afterCrash(keep);
          return Promise.resolve();
        });
        const after = shared.afterCrash(keep);
        log.mark(marked(to, to - 1));
        await log.flush();
        const later = shared.afterCrash(keep);
        if (before === null) throw new Error('no label');
        expect((await (before as Shared).open(from)).regions.equals(marked(from, 3, from - 1))).toBe(true);
        expect((await after.open(to)).regions.equals(marked(to, 3, from - 1))).toBe(true);
        expect((await later.open(to)).regions.equals(marked(to, 3, from - 1, to - 1))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('a growth that was broken off before its label is repeated over what it left', async () => {
    const shared = new Shared();
    const log = await shared.open(ONE_PAGE, true);
    log.mark(marked(ONE_PAGE, 1));
    await log.flush();
    let left: Shared | null = null;
    await log.grow(TWO_PAGES, () => {
      left = shared.afterCrash(() => true);
      return Promise.resolve();
    });
    if (left === null) throw new Error('no label');
    const again = await (left as Shared).open(ONE_PAGE);
    again.clear(marked(ONE_PAGE, 1));
    again.mark(marked(ONE_PAGE, 2));
    await again.grow(TWO_PAGES, () => Promise.resolve());
    await again.flush();
    expect((await (left as Shared).afterCrash(() => false).open(TWO_PAGES)).regions.equals(marked(TWO_PAGES, 2))).toBe(true);
  });

  test('flushes that are asked for meanwhile wait for the label and are durable in the file that counts then', async () => {
    const shared = new Shared();
    const log = await shared.open(ONE_PAGE, true);
    let flushed = false;
    let flush: Promise<void> = Promise.resolve();
    await log.grow(TWO_PAGES, async () => {
      log.mark(marked(TWO_PAGES, 9));
      flush = log.flush().then(() => { flushed = true; });
      for (let i = 0; i < 20; i++) await Promise.resolve();
      expect(flushed).toBe(false);
    });
    await flush;
    expect((await shared.afterCrash(() => false).open(TWO_PAGES)).regions.equals(marked(TWO_PAGES, 9))).toBe(true);
  });

  test('when nobody knows whether the label is durable no flush is promised any more', async () => {
    const shared = new Shared();
    const log = await shared.open(ONE_PAGE, true);
    await expect(log.grow(TWO_PAGES, () => Promise.reject(new Error('the pool failed')))).rejects.toThrow('the pool failed');
    log.mark(marked(TWO_PAGES, 4));
    await expect(log.flush()).rejects.toMatchObject({ code: 'io' });
    expect(log.state).toBe('failed');
  });

  test('a file that cannot be made changes nothing: marks go on in the old one', async () => {
    const shared = new Shared();
    const log = await shared.open(ONE_PAGE, true);
    const result = await FractureLog.open(
      { ...shared.deps(), open: (name, sizeBytes, create) => (name === 'r1.2' && create ? Promise.reject(new StorageError('no-space', name, 'full')) : shared.deps().open(name, sizeBytes, create)) },
      'r1', { regions: ONE_PAGE, create: false },
    );
    if (result.kind !== 'open') throw new Error(result.message);
    await log.close();
    let labelled = false;
    await expect(result.log.grow(TWO_PAGES, () => { labelled = true; return Promise.resolve(); })).rejects.toMatchObject({ code: 'no-space' });
    expect(labelled).toBe(false);
    result.log.mark(marked(ONE_PAGE, 5));
    await result.log.flush();
    expect((await shared.afterCrash(() => false).open(ONE_PAGE)).regions.equals(marked(ONE_PAGE, 5))).toBe(true);
  });
});

import { describe, expect, test } from 'vitest';
import { fc } from '@fast-check/vitest';
import { StorageError } from '../../src-engine/runtime/index.ts';
import { FractureLog, type FractureLogDependencies } from '../../src-engine/replication/fracture-log.ts';
import { RegionSet } from '../../src-engine/replication/region-set.ts';
import { MemoryFile } from '../nvlog/memory-files.ts';

const REGIONS = 40_000;

class Medium {
  file: MemoryFile | null = null;
  readonly planted = new Set<string>();

  deps(): FractureLogDependencies {
    return {
      runtime: { planted: (bug) => this.planted.has(bug), covered: () => undefined },
      open: (name, sizeBytes, create) => {
        if (create) this.file = new MemoryFile(name, sizeBytes);
        if (this.file === null) return Promise.reject(new StorageError('not-found', name, 'no such file'));
        return Promise.resolve(this.file);
      },
    };
  }

  get there(): MemoryFile {
    if (this.file === null) throw new Error('no file');
    return this.file;
  }

  async open(create = false): Promise<{ log: FractureLog; damaged: string }> {
    const result = await FractureLog.open(this.deps(), 'r1', { regions: REGIONS, create, initial: 'clear' });
    if (result.kind !== 'open') throw new Error(result.message);
    return result;
  }

  crash(keep: () => boolean = () => false): void {
    const next = new MemoryFile('r1', this.there.size);
    next.durable = this.there.afterCrash(keep);
    this.file = next;
  }
}

const set = (...ranges: readonly (readonly [number, number])[]): RegionSet => {
  const regions = new RegionSet(REGIONS);
  for (const [from, to] of ranges) regions.addRange(from, to);
  return regions;
};

describe('durability', () => {
  test('a new log is all marked unless the caller says otherwise', async () => {
    const result = await FractureLog.open(new Medium().deps(), 'r1', { regions: REGIONS, create: true });
    expect(result.kind === 'open' && result.log.regions.count).toBe(REGIONS);
  });

  test('scenario 18: flushed marks are found after a crash, unflushed ones need not be', async () => {
    const medium = new Medium();
    const { log } = await medium.open(true);
    log.mark(set([5, 9], [33_000, 33_100]));
    await log.flush();
    log.mark(set([100, 101]));
    medium.crash();
    const again = await medium.open();
    expect(again.damaged).toBe('none');
    expect(again.log.regions.equals(set([5, 9], [33_000, 33_100]))).toBe(true);
  });

  test('a flush is one sync, and a flush without changes none', async () => {
    const medium = new Medium();
    const { log } = await medium.open(true);
    const before = medium.there.syncs;
    log.mark(set([5, 9], [33_000, 33_100]));
    await log.flush();
    await log.flush();
    expect(medium.there.syncs - before).toBe(1);
  });

  test('marks made while a flush runs are durable after the next flush that was asked for', async () => {
    const medium = new Medium();
    const { log } = await medium.open(true);
    log.mark(set([1, 2]));
    const first = log.flush();
    log.mark(set([3, 4]));
    await Promise.all([first, log.flush()]);
    medium.crash();
    expect((await medium.open()).log.regions.equals(set([1, 2], [3, 4]))).toBe(true);
  });

  test('cleared regions stay cleared after a flush, and clean means clean on the medium', async () => {
    const medium = new Medium();
    const { log } = await medium.open(true);
    log.markAll();
    await log.flush();
    log.clearAll();
    expect(log.clean).toBe(false);
    await log.flush();
    expect(log.clean).toBe(true);
    medium.crash();
    expect((await medium.open()).log.clean).toBe(true);
  });

  test('a crash inside a flush, with any sectors written, never loses a mark of the flush before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.boolean()), async (bits) => {
        const medium = new Medium();
        const { log } = await medium.open(true);
        log.mark(set([5, 9], [39_999, 40_000]));
        await log.flush();
        log.mark(set([7, 4_500]));
        medium.there.sync = () => new Promise(() => undefined);
        void log.flush();
        for (let i = 0; i < 20; i += 1) await Promise.resolve();
        const stream = bits[Symbol.iterator]();
        medium.crash(() => stream.next().value ?? false);
        const { log: again, damaged } = await medium.open();
        expect(damaged).toBe('none');
        for (const region of [5, 6, 7, 8, 39_999]) expect(again.regions.has(region)).toBe(true);
        expect(again.regions.has(4_500)).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  test('the planted bug drops a mark', async () => {
    const medium = new Medium();
    medium.planted.add('drop-fracture-bit');
    const { log } = await medium.open(true);
    log.mark(set([5, 9]));
    await log.flush();
    medium.crash();
    expect((await medium.open()).log.regions.equals(set([6, 9]))).toBe(true);
  });
});

describe('damage', () => {
  const pages = 2;
  const copyBytes = (1 + pages) * 4096;

  async function marked(): Promise<Medium> {
    const medium = new Medium();
    const { log } = await medium.open(true);
    log.mark(set([5, 9], [33_000, 33_100]));
    await log.flush();
    return medium;
  }

  test('scenario 69: with one copy damaged anywhere the other is used, and repaired', async () => {
    for (let at = 0; at < 2 * copyBytes; at += 97) {
      const medium = await marked();
      const { durable } = medium.there;
      durable[at] = (durable[at] ?? 0) ^ 1;
      const { log, damaged } = await medium.open();
      expect(damaged).toBe('one-copy');
      expect(log.regions.equals(set([5, 9], [33_000, 33_100]))).toBe(true);
      expect((await medium.open()).damaged).toBe('none');
    }
  });

  test('where both copies are damaged the regions are marked, the others keep their state', async () => {
    const medium = await marked();
    for (const copy of [0, copyBytes]) medium.there.durable.fill(0, copy + 4096, copy + 4096 + 512);
    const { log, damaged } = await medium.open();
    expect(damaged).toBe('both');
    expect(log.regions.equals(set([0, 504 * 8], [33_000, 33_100]))).toBe(true);
  });

  test('without any valid header everything is marked', async () => {
    const medium = await marked();
    for (const copy of [0, copyBytes]) medium.there.durable.fill(0, copy, copy + 4096);
    const { log, damaged } = await medium.open();
    expect(damaged).toBe('both');
    expect(log.regions.count).toBe(REGIONS);
    expect((await medium.open()).log.regions.count).toBe(REGIONS);
  });

  test('a copy that missed the last flush loses against the newer one', async () => {
    const medium = await marked();
    const old = medium.there.durable.slice(copyBytes);
    const { log } = await medium.open();
    log.mark(set([50, 60]));
    await log.flush();
    medium.there.durable.set(old, copyBytes);
    expect((await medium.open()).log.regions.equals(set([5, 9], [50, 60], [33_000, 33_100]))).toBe(true);
  });

  test('missing, cut, foreign and resized logs are refused with a reason, never made silently', async () => {
    const open = (medium: Medium, name = 'r1', regions = REGIONS) =>
      FractureLog.open(medium.deps(), name, { regions, create: false });
    expect(await open(new Medium())).toMatchObject({ kind: 'refused', code: 'missing' });
    const medium = await marked();
    expect(await open(medium, 'r2')).toMatchObject({ kind: 'refused', code: 'other-log' });
    expect(await open(medium, 'r1', REGIONS + 1)).toMatchObject({ kind: 'refused', code: 'wrong-size' });
    medium.there.durable = medium.there.durable.slice(0, 4096);
    expect(await open(medium)).toMatchObject({ kind: 'refused', code: 'wrong-size' });
  });

  test('scenario 21: after a failed sync the log is not clean, and the next flush writes all of it anew before it calls it durable', async () => {
    const medium = new Medium();
    const { log } = await medium.open(true);
    medium.there.failSyncs = 1;
    log.mark(set([5, 9]));
    await expect(log.flush()).rejects.toBeInstanceOf(StorageError);
    expect(log.state).toBe('failed');
    log.clearAll();
    expect(log.clean).toBe(false);
    log.mark(set([20, 21]));
    await log.flush();
    expect(log.state).toBe('open');
    const again = await medium.open(false);
    expect(again.log.regions.has(20)).toBe(true);
    expect(again.log.regions.has(5)).toBe(false);
  });
});

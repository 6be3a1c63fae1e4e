import { describe, expect, it } from 'vitest';
import { Shelf } from '../../src-engine/disk/index.ts';
import { StorageError } from '../../src-engine/runtime/index.ts';
import { MemoryStorage } from '../pool/memory.ts';

async function oneDisk() {
  const storage = new MemoryStorage();
  const shelf = await Shelf.create(storage, { arrayId: 'a', disks: [{ slot: 0, sizeBytes: 1048576 }] });
  const disk = shelf.handle({ poolId: 'p', serverId: 's', epoch: 0 }).disk(0);
  const releases: (() => void)[] = [];
  const step = storage.step.bind(storage);
  storage.step = async (path, kind, at) => {
    if (kind === 'sync') await new Promise<void>((resolve) => releases.push(resolve));
    await step(path, kind, at);
  };
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const release = async (): Promise<void> => {
    releases.shift()?.();
    await turns();
  };
  return { storage, disk, releases, release, turns };
}

describe('syncs of a disk', () => {
  it('that come while one runs share the next one, which begins after they came', async () => {
    const { disk, releases, release, turns } = await oneDisk();
    const before = disk.counters.syncs;
    const order: string[] = [];
    const first = disk.sync().then(() => order.push('first'));
    await turns();
    const others = [1, 2, 3].map((n) => disk.sync().then(() => order.push(`other ${String(n)}`)));
    await turns();
    expect(releases.length).toBe(1);
    await release();
    expect(order).toEqual(['first']);
    expect(releases.length).toBe(1);
    // The shared one runs already: it does not cover what is written now.
    const late = disk.sync().then(() => order.push('late'));
    await release();
    await Promise.all(others);
    expect(order).toEqual(['first', 'other 1', 'other 2', 'other 3']);
    await release();
    await Promise.all([first, late]);
    expect(disk.counters.syncs - before).toBe(3);
  });

  it('that would follow one that failed fail with it: what it dropped must not look durable', async () => {
    const { storage, disk, release, turns } = await oneDisk();
    const before = disk.counters.syncs;
    let fail = true;
    storage.fault = (path, kind) => (fail && kind === 'sync' ? new StorageError('io', path, 'planted') : null);
    const failing = expect(disk.sync()).rejects.toMatchObject({ code: 'io' });
    await turns();
    const following = expect(disk.sync()).rejects.toMatchObject({ code: 'io' });
    await release();
    fail = false;
    await Promise.all([failing, following]);
    expect(disk.counters.syncs - before).toBe(1);
  });
});

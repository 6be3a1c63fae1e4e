import { describe, expect, it } from 'vitest';
import { StorageError } from '../../src-engine/runtime/index.ts';
import type { MediaError } from '../../src-engine/pool/index.ts';
import { block, expectContent, newPool, reopen, writeCp } from './fixture.ts';
import { mulberry, testRuntime } from './memory.ts';

const SIZE = 1024;

/** What a CP with kept roots changes: blocks, map pages, deadlists, records, space map, label. */
async function base() {
  const { pool, storage } = await newPool({ level: 'raid5', disks: 4, diskMiB: 4, sizeBlocks: SIZE });
  await writeCp(pool, [[1, 1], [300, 2], [900, 4]], 'v1', { keep: [{ volumeId: 'v1', name: 's', purpose: 'snapshot', which: 'after' }] });
  await writeCp(pool, [[2, 20], [300, 21]]);
  return { image: storage.restart(() => false), old: new Map([[1, 1], [2, 20], [300, 21], [900, 4]]) };
}
const CHANGES: readonly (readonly [number, number])[] = [[1, 11], [300, 12], [500, 13]];

describe('a full file system under a pool', () => {
  it('scenario 68: at any write of a CP lets it wait and go on, and says so meanwhile', async () => {
    const { image, old } = await base();
    const next = new Map([...old, ...CHANGES]);
    for (let at = 1; ; at++) {
      const { pool, storage } = await reopen(image.restart(() => false));
      const heard: (string | null)[] = [];
      pool.waitForRoom((reason) => heard.push(reason));
      let seen = 0;
      let tries = 0;
      storage.fault = (path, kind) => (kind === 'write' && ++seen >= at && tries++ < 7 ? new StorageError('no-space', path, 'no space left on the device') : null);
      const label = pool.lastLabel;
      await writeCp(pool, CHANGES, 'v1', { release: [{ volumeId: 'v1', name: 's' }] });
      expect(pool.lastLabel).toBe(label + 1);
      expect(pool.state).toBe('healthy');
      expect(await pool.check()).toEqual([]);
      await expectContent(pool, pool.volume('v1').root, next, SIZE);
      const again = await reopen(storage.restart(() => false));
      await expectContent(again.pool, again.pool.volume('v1').root, next, SIZE);
      expect(await again.pool.check()).toEqual([]);
      if (tries === 0) {
        expect(at).toBe(4 * 3 + 1);
        break;
      }
      expect(heard.at(-1)).toBeNull();
      expect(heard[0]).toBe('no space left on the device');
      expect(heard.filter((reason) => reason === null).length).toBe(heard.length / 2);
    }
  });

  it('scenario 68: a crash while it waits leaves label n-1 or n, whole', async () => {
    const { image, old } = await base();
    const next = new Map([...old, ...CHANGES]);
    let before = 0;
    for (let at = 1, ended = false; !ended; at++) {
      const random = mulberry(at);
      const first = await reopen(image.restart(() => false));
      const { pool, storage } = first;
      const crash = new Promise<false>((resolve) => (storage.onCrash = () => resolve(false)));
      pool.waitForRoom(() => undefined);
      let seen = 0;
      storage.fault = (path, kind) => {
        if (kind !== 'write' || ++seen < at) return null;
        // The power goes some tries later.
        if (seen > at + 12) storage.crashAt = 0;
        return new StorageError('no-space', path, 'no space left on the device');
      };
      ended = await Promise.race([writeCp(pool, CHANGES, 'v1', { release: [{ volumeId: 'v1', name: 's' }] }).then(() => true), crash]);
      const second = await reopen(storage.restart(() => random() < 0.5), testRuntime(), pool.lastLabel);
      const isNew = second.pool.lastLabel > pool.lastLabel || ended;
      if (!isNew) before++;
      await expectContent(second.pool, second.pool.volume('v1').root, isNew ? next : old, SIZE);
      expect(await second.pool.check()).toEqual([]);
    }
    expect(before).toBeGreaterThan(5);
  });

  it('ends the wait when the pool is closed: the commit is rejected and the last label stands', async () => {
    const { image, old } = await base();
    const { pool, storage } = await reopen(image.restart(() => false));
    const waits = new Promise<void>((resolve) => {
      pool.waitForRoom((reason) => {
        if (reason !== null) resolve();
      });
    });
    storage.turns = () => 50;
    storage.fault = (path, kind) => (kind === 'write' ? new StorageError('no-space', path, 'full') : null);
    const commit = writeCp(pool, CHANGES).catch((error: unknown) => error);
    await waits;
    await pool.close();
    expect(await commit).toBeInstanceOf(Error);
    storage.fault = () => null;
    const again = await reopen(storage.restart(() => true));
    await expectContent(again.pool, again.pool.volume('v1').root, old, SIZE);
    expect(await again.pool.check()).toEqual([]);
  });
});

describe('lost blocks', () => {
  it('in a deadlist refuse the release that needs it, alone: the label is shared by the others, and the pool goes on', async () => {
    const { pool, storage, runtime } = await newPool({ level: 'raid0', disks: 2, diskMiB: 4, sizeBlocks: SIZE });
    await writeCp(pool, [[1, 1], [2, 2]], 'v1', { keep: [{ volumeId: 'v1', name: 's', purpose: 'snapshot', which: 'after' }] });
    await writeCp(pool, [[1, 10]]);
    const opened = await reopen(storage);
    const kept = opened.pool.volume('v1').keptRoots[0] as unknown as { deadlist: { root: { pointer: { pbn: number } } } };
    const { pbn } = kept.deadlist.root.pointer;
    const at = pbn - 32;
    const file = storage.files.get(at % 32 < 16 ? 'disk-0.img' : 'disk-1.img');
    const offset = 65536 + (256 + Math.floor(at / 32) * 16 + (at % 16)) * 4096;
    file?.bytes.fill(0x5a, offset, offset + 4096);
    const { pool: second } = await reopen(storage, runtime);
    const stage = second.stage('v1');
    await stage.write(5, block(50));
    await stage.finish();
    const [release, write] = await Promise.allSettled([
      second.commit({ release: [{ volumeId: 'v1', name: 's' }] }),
      second.commit({ attributes: [{ volumeId: 'v1', update: () => ({ written: true }) }] }),
    ]);
    expect(release).toMatchObject({ status: 'rejected', reason: { name: 'MediaError' } satisfies Partial<MediaError> });
    expect(write.status).toBe('fulfilled');
    expect(second.state).toBe('healthy');
    expect(runtime.marks.has('pool/commit-without-lost-blocks')).toBe(true);
    // A stage in the same request is not lost either: it can be committed without the release.
    await expect(second.commit({ stages: [stage], release: [{ volumeId: 'v1', name: 's' }] })).rejects.toMatchObject({ name: 'MediaError' });
    expect(stage.state).toBe('finished');
    await second.commit({ stages: [stage] });
    expect(second.volume('v1').attributes).toEqual({ written: true });
    const content = new Uint8Array(4096);
    await second.read(second.volume('v1').root, 5, 1, content);
    expect(content).toEqual(block(50));
    await second.commit({ create: [{ id: 'v2', name: '', sizeBlocks: 10, policy: 'logged', attributes: {} }] });
    await writeCp(second, [[3, 3]], 'v2');
    await second.read(second.volume('v2').root, 3, 1, content);
    expect(content).toEqual(block(3));
  });

  it('do not end the pool when the cleaner meets them', async () => {
    const { pool, storage } = await newPool({ level: 'raid0', disks: 2, diskMiB: 4, sizeBlocks: SIZE });
    for (let round = 0; round < 8; round++) await writeCp(pool, [[round, round], [500 + round, round]]);
    const pointer = await pool.lookup(pool.volume('v1').root, 3);
    const at = (pointer?.pbn ?? 0) - 32;
    const offset = 65536 + (256 + Math.floor(at / 32) * 16 + (at % 16)) * 4096;
    storage.files.get(at % 32 < 16 ? 'disk-0.img' : 'disk-1.img')?.bytes.fill(0x5a, offset, offset + 4096);
    expect(await pool.clean({ maxStripes: 100 })).toEqual({ movedBlocks: 0, freedStripes: 0 });
    expect(pool.state).toBe('healthy');
    await writeCp(pool, [[20, 20]]);
    const content = new Uint8Array(4096);
    await pool.read(pool.volume('v1').root, 20, 1, content);
    expect(content).toEqual(block(20));
    await expect(pool.read(pool.volume('v1').root, 3, 1, content)).rejects.toMatchObject({ name: 'MediaError', vbn: 3 });
  });
});

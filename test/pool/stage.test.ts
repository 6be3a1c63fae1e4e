import { describe, expect, it } from 'vitest';
import { crcOfBlock } from '../../src-engine/pool/index.ts';
import { StorageError } from '../../src-engine/runtime/index.ts';
import { block, expectContent, newPool, reopen, writeCp } from './fixture.ts';

async function stagedWhileOthersWrite(bug: boolean): Promise<boolean> {
  const { pool, runtime } = await newPool({ level: 'raid5', disks: 4, diskMiB: 4, sizeBlocks: 1024 });
  await pool.commit({ create: [{ id: 'v2', name: '', sizeBlocks: 1024, policy: 'logged', attributes: {} }] });
  if (bug) runtime.bugs.add('reuse-staged-block');
  const content = new Map(Array.from({ length: 30 }, (_, i) => [i * 9, i] as const));
  const stage = pool.stage('v1');
  for (const [vbn, tag] of content) await stage.write(vbn, block(tag));
  await stage.finish();
  try {
    for (let round = 0; round < 60; round++) await writeCp(pool, [[round, round]], 'v2');
    await pool.commit({ stages: [stage] });
    await expectContent(pool, pool.volume('v1').root, content, 1024);
    return (await pool.check()).length === 0;
  } catch {
    return false;
  }
}

describe('a stage', () => {
  it('that waits for its commit keeps its blocks while others write round and round the pool', async () => {
    expect(await stagedWhileOthersWrite(false)).toBe(true);
    expect(await stagedWhileOthersWrite(true)).toBe(false);
  });

  it('reaches beyond the old size after its volume grew, over several levels, and the old content stays', async () => {
    const { pool, storage } = await newPool({ level: 'raid5', disks: 4, sizeBlocks: 200 });
    const cp = await writeCp(pool, [[0, 1], [199, 2]]);
    await expect(pool.commit({ resize: [{ volumeId: 'v1', sizeBlocks: 100 }] })).rejects.toMatchObject({ code: 'shrink' });
    await pool.commit({ resize: [{ volumeId: 'v1', sizeBlocks: 20_000_000 }], keep: [{ volumeId: 'v1', name: 'k', purpose: 'snapshot', which: 'before' }] });
    await writeCp(pool, [[19_999_999, 3]]);
    await writeCp(pool, [[5, 4], [70_000, 5]]);
    const again = await reopen(storage);
    const { root, sizeBlocks } = again.pool.volume('v1');
    expect(sizeBlocks).toBe(20_000_000);
    const found: [number, number][] = [];
    for await (const { vbn, pointer } of again.pool.walk(root, { fromVbn: 0, toVbn: sizeBlocks })) found.push([vbn, pointer.birth]);
    expect(found.map(([vbn]) => vbn)).toEqual([0, 5, 199, 70_000, 19_999_999]);
    expect(found.filter(([, birth]) => birth <= cp).map(([vbn]) => vbn)).toEqual([0, 199]);
    const into = new Uint8Array(4096);
    for (const [vbn, tag] of [[0, 1], [199, 2], [19_999_999, 3], [5, 4], [70_000, 5]] as const) {
      await again.pool.read(root, vbn, 1, into);
      expect(into).toEqual(block(tag));
    }
    expect(await again.pool.check()).toEqual([]);
    await again.pool.commit({ rollback: [{ volumeId: 'v1', to: 'k' }] });
    await again.pool.commit({ release: [{ volumeId: 'v1', name: 'k' }] });
    expect(await again.pool.check()).toEqual([]);
  });

  it('takes successive blocks at once, also into the holes of partial stripes, and their pointers are what lookup says', async () => {
    const { pool, runtime } = await newPool({ level: 'raid5', disks: 4, diskMiB: 4, sizeBlocks: 4096 });
    const blocks = 500;
    const run = new Uint8Array(blocks * 4096);
    for (let i = 0; i < blocks; i++) run.set(block(i + 1), i * 4096);
    const crcs = Uint32Array.from({ length: blocks }, (_, i) => crcOfBlock(block(i + 1)));
    const expected = new Map<number, number>();
    // Every label pads its last stripe, so that whole free stripes run out and the run goes where there are holes.
    for (const first of [0, 1000, 2000]) {
      for (let i = 0; i < 12; i++) {
        await writeCp(pool, [[3000 + first / 10 + i, i + 1]]);
        expected.set(3000 + first / 10 + i, i + 1);
      }
      const stage = pool.stage('v1');
      await stage.writeRun(first, run, crcs);
      stage.hole(first + 3);
      await stage.finish();
      await pool.commit({ stages: [stage] });
      for (let i = 0; i < blocks; i++) if (i !== 3) expected.set(first + i, i + 1);
    }
    const { root } = pool.volume('v1');
    await expectContent(pool, root, expected, 4096);
    const pointers = await pool.pointers(root, 250, 800);
    for (let i = 0; i < 800; i += 7) {
      const one = await pool.lookup(root, 250 + i);
      expect([pointers.pbns[i], pointers.births[i], pointers.crcs[i]]).toEqual([one?.pbn ?? 0, one?.birth ?? 0, one?.crc ?? 0]);
    }
    expect(await pool.check()).toEqual([]);
    expect(runtime.marks.has('pool/partial-stripe')).toBe(true);
  });

  it('whose write meets a full user disk rejects, fails no member, and the next one succeeds', async () => {
    const { pool, storage } = await newPool({ sizeBlocks: 1024 });
    await writeCp(pool, [[1, 1]]);
    const stage = pool.stage('v1');
    await stage.write(2, block(2));
    storage.fault = (path, kind) => (path === 'disk-1.img' && kind === 'write' ? new StorageError('no-space', path, 'full') : null);
    await expect(stage.finish()).rejects.toMatchObject({ code: 'no-space' });
    await stage.abandon();
    storage.fault = () => null;
    expect(pool.state).toBe('healthy');
    await writeCp(pool, [[2, 3]]);
    await expectContent(pool, pool.volume('v1').root, new Map([[1, 1], [2, 3]]), 1024);
    expect(await pool.check()).toEqual([]);
  });

  it('that meets a dying disk has its failure recorded in a label although nobody commits', async () => {
    const { pool, storage } = await newPool({ sizeBlocks: 1024 });
    const label = pool.lastLabel;
    storage.fault = (path, kind) => (path === 'disk-1.img' && kind === 'write' ? new StorageError('io', path, 'dead') : null);
    const stage = pool.stage('v1');
    await stage.write(2, block(2));
    await stage.finish();
    await stage.abandon();
    await pool.check();
    expect(pool.lastLabel).toBe(label + 1);
    const again = await reopen(storage.restart(() => true));
    expect(again.pool.members()[1]).toMatchObject({ state: 'failed', completeLabel: label });
  });

  it('does not see its freed predecessor reused under a reader that began earlier', async () => {
    const { pool } = await newPool({ level: 'raid5', disks: 4, diskMiB: 4, sizeBlocks: 1024 });
    await writeCp(pool, Array.from({ length: 400 }, (_, i) => [i, i] as const));
    const root = pool.volume('v1').root;
    const walk = pool.walk(root, { fromVbn: 0, toVbn: 1024 })[Symbol.asyncIterator]();
    await walk.next();
    for (let round = 0; round < 12; round++) await writeCp(pool, Array.from({ length: 20 }, (_, i) => [i * 20 + round, 5000 + round * 100 + i] as const));
    const into = new Uint8Array(400 * 4096);
    await pool.read(root, 0, 400, into);
    for (let i = 0; i < 400; i++) expect(Buffer.compare(into.subarray(i * 4096, (i + 1) * 4096), block(i))).toBe(0);
    const during = pool.capacity().usedBlocks;
    await walk.return?.(undefined);
    expect(pool.capacity().usedBlocks).toBeLessThan(during);
    expect(await pool.check()).toEqual([]);
  });
});

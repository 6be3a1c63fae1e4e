import { describe, expect, it } from 'vitest';
import { expectContent, newPool, reopen, writeCp, block } from './fixture.ts';

describe('a deadlist', () => {
  it('that a request of the same label appended to can be read by the next one', async () => {
    const { pool, storage, runtime } = await newPool({ sizeBlocks: 64 });
    await writeCp(pool, [[0, 1], [1, 2], [2, 3]]);
    await pool.commit({ keep: [{ volumeId: 'v1', name: 'k', purpose: 'snapshot', which: 'after' }] });
    const stage = pool.stage('v1');
    for (const vbn of [0, 1, 2]) await stage.write(vbn, block(10 + vbn));
    await stage.finish();
    const before = pool.lastLabel;
    // The first one occupies the pool; the two after it share the next label.
    const first = pool.commit({ attributes: [{ volumeId: 'v1', update: (record) => ({ ...record.attributes, busy: true }) }] });
    const commits = await Promise.all([first, pool.commit({ stages: [stage] }), pool.commit({ release: [{ volumeId: 'v1', name: 'k' }] })]);
    expect(commits.map(({ label }) => label - before)).toEqual([1, 2, 2]);
    expect(await pool.check()).toEqual([]);
    const again = await reopen(storage.restart(() => false), runtime);
    await expectContent(again.pool, again.pool.volume('v1').root, new Map([[0, 10], [1, 11], [2, 12]]), 64);
  });
});

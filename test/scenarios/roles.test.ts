import { describe, expect, test } from 'vitest';
import { BLOCK, contentOf, eventsOf, firstDifference, imageState, makeScene, REGION, rel, snapshotsOf, type Scene } from './scene.ts';

/** The link is cut and the destination promoted while the source lives: two primaries. */
async function partitioned(seed: number): Promise<Scene> {
  const scene = await makeScene({ seed });
  scene.link(false);
  await scene.failover(scene.south);
  await scene.until('the source noticed it too', () => !rel(scene.north).connected);
  return scene;
}

async function meet(scene: Scene): Promise<void> {
  scene.link(true);
  await scene.until('they meet', () => rel(scene.north).connected && rel(scene.south).connected, 20_000);
  await scene.run(5000);
}

describe('split brain', () => {
  test('scenario 31: both sides promoted and written: no byte moves, both are Diverged, and the loser that is chosen is kept as a snapshot', async () => {
    const scene = await partitioned(501);
    const { world, north, south } = scene;
    await world.settle(scene.volumeOf(north).write(4 * REGION, new Uint8Array(BLOCK).fill(11)));
    await world.settle(scene.volumeOf(south).write(4 * REGION, new Uint8Array(BLOCK).fill(22)));
    await world.settle(scene.volumeOf(south).write(6 * REGION, new Uint8Array(BLOCK).fill(22)));
    const [ours, theirs] = [await scene.content(north), await scene.content(south)];
    const before = world.links.traffic('north', 'south');
    await meet(scene);
    // then: nothing moved, both say so, and both name what they changed
    expect([imageState(north), imageState(south)]).toEqual(['Diverged', 'Diverged']);
    expect(firstDifference(await scene.content(north), ours)).toBe(-1);
    expect(firstDifference(await scene.content(south), theirs)).toBe(-1);
    const after = world.links.traffic('north', 'south');
    expect(after.aToB.sentBytes - before.aToB.sentBytes).toBeLessThan(4 * BLOCK);
    expect([rel(north).fractureLog.dirty, rel(south).fractureLog.dirty]).toEqual([1, 2]);
    expect(eventsOf(north, 'mirror/split-brain')).toHaveLength(1);
    for (const site of [north, south]) for (const action of ['resync', 'reverse-resync', 'failover', 'switchover']) expect(await scene.refused(site, action)).toMatch(/^R11$|^R01$/);
    // when the admin chooses
    await scene.done(north, 'resolve', { keep: 'source' });
    await scene.synchronized();
    await scene.expectContent(north, ours);
    await scene.expectContent(south, ours);
    const snapshots = await snapshotsOf(world, 'south', 'w');
    expect([...snapshots.keys()]).toEqual([expect.stringMatching(/^split-brain-/)]);
    expect(firstDifference([...snapshots.values()][0] ?? new Uint8Array(0), theirs)).toBe(-1);
  });

  test('scenario 31: the other choice, asked at the loser', async () => {
    const scene = await partitioned(502);
    const { world, north, south } = scene;
    await world.settle(scene.volumeOf(north).write(4 * REGION, new Uint8Array(BLOCK).fill(11)));
    await world.settle(scene.volumeOf(south).write(5 * REGION, new Uint8Array(BLOCK).fill(22)));
    const theirs = await scene.content(south);
    await meet(scene);
    await scene.done(north, 'resolve', { keep: 'destination' });
    await scene.synchronized();
    await scene.expectContent(north, theirs);
    await scene.expectContent(south, theirs);
    expect(rel(south).role).toBe('primary');
    expect([...(await snapshotsOf(world, 'north', 'v')).keys()]).toHaveLength(1);
  });

  test('scenario 32: both promoted, only the newer primary wrote: the other gives way and the delta sync from the writer is offered', async () => {
    const scene = await partitioned(503);
    const { north, south } = scene;
    await scene.write(south, 4 * REGION, 22);
    await meet(scene);
    expect(rel(north).role).toBe('secondary');
    expect(imageState(north)).not.toBe('Diverged');
    expect(scene.allowed(south, 'reverse-resync')).toBe(true);
    expect(await scene.done(south, 'reverse-resync')).toMatchObject({ bytesCopied: BLOCK });
    await scene.expectBothEqual();
  });

  test('scenario 32: both promoted, only the older primary wrote: it gives way, no byte moves, and the delta sync from the writer is offered', async () => {
    const scene = await partitioned(504);
    const { north, south } = scene;
    await scene.write(north, 4 * REGION, 11);
    const theirs = await scene.content(south);
    await meet(scene);
    expect([rel(north).role, rel(south).role]).toEqual(['secondary', 'primary']);
    expect(firstDifference(await scene.content(south), theirs)).toBe(-1);
    await scene.expectContent(north);
    for (const site of [north, south]) {
      expect(imageState(site)).toBe('Outdated');
      expect(rel(site).conditions.filter((c) => c.code === 'WaitingOnAdmin').map((c) => c.cause)).toEqual([site === north ? 'only this side wrote' : 'only the other side wrote']);
    }
    // the other direction would discard what hosts were told, and is confirmed by name
    expect(rel(south).actions.find((a) => a.action === 'reverse-resync')).toMatchObject({ allowed: true, confirm: 'typed' });
    expect(await scene.done(south, 'overwrite-primary')).toMatchObject({ bytesCopied: BLOCK });
    await scene.synchronized();
    await scene.expectBothEqual();
    await scene.write(south, 5 * REGION, 12);
    await scene.expectBothEqual();
  });

  test('scenario 32: the delta sync from the writer is finished after a crash in its middle, and no split brain is seen', async () => {
    for (const seed of [530, 531, 532]) {
      const scene = await partitioned(seed);
      const { world, north, south } = scene;
      for (let region = 2; region < 30; region++) await scene.write(north, region * REGION, 11);
      await meet(scene);
      const outcome = await scene.act(south, 'overwrite-primary');
      if (outcome.kind !== 'running') throw new Error('it runs');
      outcome.finished.catch(() => undefined);
      for (let step = 0; step < 100 + (seed - 530) * 400; step++) await world.step();
      south.crash();
      await world.settle(south.boot());
      await scene.until('they meet', () => rel(north).connected && rel(south).connected, 20_000);
      await scene.run(1000);
      if (rel(south).imageState !== 'Synchronized') {
        const action = scene.allowed(south, 'overwrite-primary') ? 'overwrite-primary' : 'reverse-resync';
        await scene.done(south, action);
      }
      await scene.synchronized();
      await scene.expectBothEqual();
      for (const site of [north, south]) expect(eventsOf(site, 'mirror/split-brain')).toEqual([]);
    }
  });

  test('scenario 31: the primary writes after the writer gave way to it: both wrote, and both are Diverged', async () => {
    const scene = await partitioned(507);
    const { north, south } = scene;
    await scene.write(north, 4 * REGION, 11);
    await meet(scene);
    const ours = await scene.content(north);
    await scene.world.settle(scene.volumeOf(south).write(6 * REGION, new Uint8Array(BLOCK).fill(22)));
    await scene.until('both say so', () => imageState(north) === 'Diverged' && imageState(south) === 'Diverged', 10_000);
    for (const site of [north, south]) expect(rel(site).conditions.filter((c) => c.code === 'WaitingOnAdmin')).toHaveLength(1);
    await scene.done(south, 'resolve', { keep: 'source' });
    await scene.synchronized();
    await scene.expectContent(north, ours);
    await scene.expectContent(south, ours);
    expect(rel(north).role).toBe('primary');
  });

  test('scenario 33: promotion without a write on either side is no split brain', async () => {
    const scene = await partitioned(505);
    const { north, south } = scene;
    await meet(scene);
    expect([rel(north).role, rel(south).role]).toEqual(['secondary', 'primary']);
    expect(eventsOf(north, 'mirror/split-brain')).toEqual([]);
    expect(await scene.done(south, 'reverse-resync')).toMatchObject({ bytesCopied: 0 });
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 34: volumes that never belonged together are refused with R12, although names and ids agree', async () => {
    const scene = await makeScene({ seed: 506 });
    const { world, north, south } = scene;
    // given: the source forgets the mirror while the destination is away, and a new volume takes the old one's name
    scene.link(false);
    await scene.until('the loss was noticed', () => !rel(north).connected);
    await scene.done(north, 'delete');
    await world.settle(north.up.removeVolume('v'));
    await world.settle(north.up.createVolume({ id: 'v', name: 'v', poolId: 'pool-north', sizeBytes: scene.expected.length }));
    await world.settle(north.up.hostVolume('v').write(0, new Uint8Array(BLOCK).fill(200)));
    scene.link(true);
    // when
    const outcome = await world.settle(north.up.createRelationship({ id: 'm', name: 'm', volumeId: 'v', peerServerId: 'south', peerVolumeId: 'w', policy: 'availability', recovery: 'automatic' }));
    // then
    expect(outcome).toMatchObject({ kind: 'refused', refusal: { code: 'R12' } });
    await scene.expectContent(south);
    expect(north.up.relationships()).toEqual([]);
  });
});

describe('takeover and return', () => {
  test('scenario 35: the old primary boots after a takeover: fenced, hosts refused, its unshared writes counted', async () => {
    const scene = await makeScene({ seed: 510 });
    const { world, north, south } = scene;
    scene.link(false);
    const unshared = [3, 7, 12].map((region) => scene.start(north, region * REGION, 90));
    await scene.run(200);
    north.crash();
    expect(unshared.map((r) => r.state)).toEqual(['pending', 'pending', 'pending']);
    await scene.failover(south);
    scene.link(true);
    await world.settle(north.boot());
    await scene.until('it is fenced', () => north.up.volumes()[0]?.state === 'fenced', 20_000);
    await expect(world.settle(scene.volumeOf(north).write(0, new Uint8Array(BLOCK)))).rejects.toMatchObject({ code: 'volume/not-owner' });
    await expect(world.settle(scene.volumeOf(north).read(0, BLOCK))).rejects.toMatchObject({ code: 'volume/not-owner' });
    expect(rel(north).fractureLog.dirty).toBe(3);
    expect(rel(north).conditions.map((c) => c.code)).toContain('Fenced');
    expect(eventsOf(north, 'mirror/fenced')[0]?.message).toMatch(/3 regions were not shared/);
    // over restarts too, and without its peer
    north.crash();
    scene.link(false);
    await world.settle(north.boot());
    await scene.run(30_000);
    expect(north.up.volumes()[0]?.state).toBe('fenced');
  });

  test('scenario 27: a replica that was shut down cleanly gets the marked regions copied, not cleared', async () => {
    const scene = await makeScene({ seed: 511 });
    const { world, north, south } = scene;
    const generation = imageState(north);
    expect(generation).toBe('Synchronized');
    await world.settle(south.up.shutdown());
    south.crash();
    await scene.until('it was noticed', () => !rel(north).connected);
    await scene.write(north, 4 * REGION, 33);
    await scene.write(north, 9 * REGION, 33);
    await scene.cp(north);
    expect(rel(north).fractureLog.dirty).toBe(2);
    await world.settle(south.boot());
    await scene.synchronized();
    expect(eventsOf(north, 'mirror/synchronized').at(-1)?.details).toMatchObject({ regionsCompared: 2, bytesCopied: 2 * BLOCK });
    await scene.expectBothEqual();
  });

  test('scenario 40: the loss shown before a forced promotion of an outdated copy is the loss found afterwards', async () => {
    const scene = await makeScene({ seed: 512 });
    const { world, north, south } = scene;
    await scene.write(north, 0, 40);
    const kept = scene.expected.slice();
    await scene.done(north, 'fracture');
    const fracturedAt = rel(north).conditions.find((c) => c.code === 'FracturedAdmin')?.since ?? 0;
    await scene.run(10_000);
    for (const region of [2, 4, 6]) await scene.write(north, region * REGION, 41);
    await scene.run(10_000);
    const crashedAt = fracturedAt + 20_500;
    north.crash();
    await scene.until('the loss was noticed', () => !rel(south).connected, 30_000);
    expect(imageState(south)).toBe('Outdated');
    // shown: what the source said it wrote alone, as long as it was heard; nothing is claimed of the time after that
    const preview = await world.settle(south.up.preview('m', 'failover'));
    expect(preview.confirm).toBe('typed');
    expect(preview.loss).toMatchObject({ knownWrites: 3, bytes: 3 * BLOCK });
    expect(preview.loss.unknownAfterWallMs).toBeGreaterThan(fracturedAt + 15_000);
    expect(preview.loss.unknownAfterWallMs).toBeLessThanOrEqual(crashedAt);
    expect(preview.loss.seconds).toBeGreaterThan(20);
    // found
    await scene.done(south, 'failover');
    await scene.expectContent(south, kept);
    await world.settle(north.boot());
    await scene.untilAllowed(south, 'reverse-resync');
    expect(rel(north).fractureLog.dirty).toBe(3);
    const lost = await scene.content(north);
    expect(firstDifference(lost, scene.expected)).toBe(-1);
    await scene.done(south, 'reverse-resync');
    await scene.synchronized();
    await scene.expectContent(north, kept);
    // and what was lost is kept as a snapshot
    expect(firstDifference([...(await snapshotsOf(world, 'north', 'v')).values()][0] ?? new Uint8Array(0), lost)).toBe(-1);
  });

  test('scenario 40: an outdated copy whose source restarted meanwhile claims no figure, only since when it is behind', async () => {
    const scene = await makeScene({ seed: 515, recovery: 'manual' });
    const { world, north, south } = scene;
    // given: a fracture that the copy could not be told of, and hosts that went on
    scene.link(false);
    await scene.until('the loss was noticed', () => !rel(north).connected);
    const fracturedAt = rel(north).conditions.find((c) => c.code === 'FracturedSystem')?.since ?? 0;
    for (const region of [2, 4, 6, 7]) await scene.write(north, region * REGION, 41);
    scene.link(true);
    await scene.until('the copy was told', () => rel(south).conditions.some((c) => c.code === 'FracturedSystem' && c.since === fracturedAt), 30_000);
    await scene.run(2000);
    expect((await world.settle(south.up.preview('m', 'failover'))).loss).toMatchObject({ knownWrites: 4, bytes: 4 * BLOCK });
    // a restart of the copy forgets the figure; a restart of the source makes it unknowable
    south.crash();
    north.crash();
    await world.settle(south.boot());
    expect((await world.settle(south.up.preview('m', 'failover'))).loss).toMatchObject({ knownWrites: 0, bytes: 0, unknownAfterWallMs: fracturedAt });
    await world.settle(north.boot());
    await scene.until('they meet', () => rel(south).connected, 20_000);
    await scene.run(2000);
    expect((await world.settle(south.up.preview('m', 'failover'))).loss).toMatchObject({ knownWrites: 0, unknownAfterWallMs: fracturedAt });
    // and the planned action says what it knows
    const refusal = rel(north).actions.find((a) => a.action === 'switchover')?.refusal;
    expect(refusal?.code).toBe('R02');
    expect(refusal?.message).toMatch(/^(256|320) KiB \/ \d+ s of writes/);
  });

  test('scenario 41: a reverse resync whose source is written meanwhile ends with both equal and no write lost', async () => {
    const scene = await makeScene({ seed: 513, settings: { resyncBytesPerSecond: 300_000, resyncWindowRegions: 1 } });
    const { world, north, south } = scene;
    north.crash();
    await scene.failover(south);
    for (let region = 0; region < 32; region++) await scene.write(south, region * REGION, 60);
    await world.settle(north.boot());
    await scene.untilAllowed(south, 'reverse-resync');
    const outcome = await scene.act(south, 'reverse-resync');
    if (outcome.kind !== 'running') throw new Error('it runs');
    for (let round = 0; round < 6; round++) {
      for (const region of [1, 9, 17, 31]) await scene.write(south, region * REGION + 512, 70 + round, BLOCK);
      if (round % 2 === 0) await scene.cp(south);
    }
    expect(rel(south).resync).not.toBeNull();
    await world.settle(outcome.finished);
    await scene.synchronized();
    await scene.expectBothEqual();
    await scene.done(south, 'failback');
    await scene.synchronized();
    await scene.write(north, 0, 1);
    await scene.expectBothEqual();
  });

  test('A8: source lost between consistency points, partial and overlapping writes: the mirror is the last point plus the file, nothing else', async () => {
    const scene = await makeScene({ seed: 514 });
    const { world, north, south } = scene;
    for (let i = 0; i < 60; i++) await scene.write(north, (i * 37) % 900, i + 1, 700 + ((i * 131) % 9000));
    await world.settle(scene.volumeOf(north).trim(8 * REGION, REGION));
    scene.expected.fill(0, 8 * REGION, 9 * REGION);
    await world.settle(scene.volumeOf(north).zero(100, 50));
    scene.expected.fill(0, 100, 150);
    north.crash();
    await scene.failover(south);
    await scene.expectContent(south);
    expect(firstDifference((await world.settle(scene.volumeOf(south).read(0, scene.expected.length))).slice(), scene.expected)).toBe(-1);
    expect(firstDifference(await world.settle(contentOf(south, 'w')), scene.expected)).toBe(-1);
  });

  test.each([
    ['written to at once', true],
    ['not written to', false],
  ])('a forced promotion of the side that just handed over, %s, beats the planned promotion that arrives late, whatever the server ids', async (_name, writes) => {
    for (const from of ['north', 'south'] as const) {
      const scene = await makeScene({ seed: from === 'north' ? 540 : 541 });
      const { world, north, south } = scene;
      if (from === 'south') {
        await scene.done(north, 'switchover');
        await scene.until('the other side serves', () => south.up.volumes()[0]?.state === 'online', 10_000);
        await scene.run(1000);
      }
      const [old, next] = from === 'north' ? [north, south] : [south, north];
      old.up.act('m', from === 'north' ? 'switchover' : 'failback', { confirmed: true }).catch(() => undefined);
      await scene.until('it handed over', () => rel(old).role === 'secondary', 10_000);
      expect(rel(next).role).toBe('secondary');
      await scene.done(old, 'failover');
      if (writes) await scene.write(old, 4 * REGION, 99);
      await scene.until('the planned promotion came too', () => rel(next).roleEpoch === rel(old).roleEpoch, 10_000);
      await scene.until('one gave way', () => rel(old).role !== rel(next).role, 20_000);
      await scene.run(2000);
      expect([rel(old).role, rel(next).role]).toEqual(['primary', 'secondary']);
      for (const site of [north, south]) expect(eventsOf(site, 'mirror/split-brain')).toEqual([]);
      await scene.done(old, from === 'north' ? 'resync' : 'reverse-resync');
      await scene.synchronized();
      await scene.expectBothEqual();
      await world.settle(scene.volumeOf(old).write(0, new Uint8Array(BLOCK)));
    }
  });

  test('a planned swap that is interrupted leaves no two primaries, and running it again resolves it', async () => {
    for (const seed of [520, 521, 522, 523]) {
      const scene = await makeScene({ seed });
      const { world, north, south } = scene;
      await scene.burst(north, 6, 90);
      scene.start(north, 0, 1);
      const swap = north.up.act('m', 'switchover', { confirmed: true });
      swap.catch(() => undefined);
      for (let step = 0; step < 10 + (seed - 520) * 25; step++) await world.step();
      north.crash();
      await world.settle(north.boot());
      await scene.run(20_000);
      const primaries = [north, south].filter((site) => rel(site).role === 'primary');
      expect(primaries.length).toBeLessThanOrEqual(1);
      if (primaries.length === 0) await scene.done(north, 'switchover');
      await scene.synchronized();
      expect(firstDifference(await scene.content(north), await scene.content(south))).toBe(-1);
    }
  });
});

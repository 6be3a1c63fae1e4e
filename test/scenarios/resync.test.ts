import { describe, expect, test } from 'vitest';
import { MIB } from '../server/fixture.ts';
import { BLOCK, eventsOf, firstDifference, imageState, makeScene, REGION, rel, SimulatedSite, type Scene } from './scene.ts';

/** Numbers of the regions marked at a site (volumes of these tests have at most 256 regions). */
function markedAt(site: SimulatedSite): number[] {
  return rel(site).heat.flatMap((share, region) => (share > 0 ? [region] : []));
}

function lastSync(site: SimulatedSite): Record<string, unknown> {
  const event = eventsOf(site, 'mirror/synchronized').at(-1);
  if (event?.details === undefined) throw new Error('no sync has finished');
  return event.details;
}

/** The pair is fractured by a cut link, with these regions written since, one block each. */
async function fractured(scene: Scene, regions: readonly number[], fill = 150): Promise<void> {
  scene.link(false);
  for (const region of regions) await scene.write(scene.north, region * REGION, fill);
}

/** Runs until a sync at `site` has done at least `share` of its regions. */
async function untilShare(scene: Scene, site: SimulatedSite, share: number): Promise<void> {
  await scene.until(`a sync reached ${String(share * 100)} %`, () => {
    const progress = rel(site).resync;
    return progress !== null && progress.regionsTotal > 0 && progress.regionsDone >= share * progress.regionsTotal;
  });
}

describe('fracture log', () => {
  test('G1: while both copies take every write, nothing is marked and the fracture log is not written', async () => {
    const scene = await makeScene({ seed: 401 });
    const { world, north } = scene;
    const array = world.storage('array-north');
    const writes = (): number => array.paths('shared/marks-').reduce((sum, path) => sum + array.countersOf(path).writes, 0);
    const before = writes();
    await scene.burst(north, 40, 20);
    await scene.cp(north);
    expect(rel(north).fractureLog.dirty).toBe(0);
    expect(writes()).toBe(before);
    expect(rel(north).imageState).toBe('Synchronized');
  });

  test('G2, scenario 17: when the secondary fails in mid-write, exactly the touched regions are marked before the host is answered', async () => {
    const scene = await makeScene({ seed: 402 });
    const { world, north, south } = scene;
    world.storage('array-south').inject({ kind: 'failing-write', prefix: 'shared/mirror-north' });
    let atAnswer: number[] | null = null;
    // bytes of regions 3 and 4, and of region 9
    const writes = Promise.all([scene.volumeOf(north).write(4 * REGION - 2 * BLOCK, new Uint8Array(4 * BLOCK).fill(7)), scene.volumeOf(north).write(9 * REGION + 100, new Uint8Array(10).fill(8))]);
    const answered = writes.then(() => { atAnswer = markedAt(north); });
    await world.settle(answered);
    expect(atAnswer).toEqual([3, 4, 9]);
    expect(rel(north).imageState).toBe('Outdated');
    scene.expected.fill(7, 4 * REGION - 2 * BLOCK, 4 * REGION + 2 * BLOCK);
    scene.expected.fill(8, 9 * REGION + 100, 9 * REGION + 110);
    // durable: a power cut at this moment loses no mark
    north.crash();
    world.storage('array-south').healAll();
    south.crash();
    await world.settle(north.boot());
    await world.settle(south.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('G3 G4: marks survive a restart; only marked regions are copied; a crash before they are erased repeats the copy harmlessly', async () => {
    const scene = await makeScene({ seed: 403 });
    const { world, north } = scene;
    await fractured(scene, [3, 9, 20]);
    await scene.cp(north);
    north.crash();
    await world.settle(north.boot());
    // when: the source dies as the last point of the resync is committed, before its own label says so
    let points = 0;
    north.onCpPhase = (phase, cp) => {
      if (phase !== 'committed' || cp.trigger !== 'resync' || ++points !== 3) return;
      world.schedule(0, 'crash north', () => { north.crash(); });
    };
    scene.link(true);
    await scene.until('the source died at the end of the resync', () => north.server === null);
    north.onCpPhase = null;
    await world.settle(north.boot());
    await scene.synchronized();
    expect(rel(north).fractureLog.dirty).toBe(0);
    await scene.expectBothEqual();
    expect(Number(lastSync(north)['bytesCopied'])).toBeLessThanOrEqual(3 * BLOCK);
  });

  test('G5: each secondary has its own fracture log', async () => {
    const scene = await makeScene({ seed: 404 });
    const { world, north } = scene;
    const west = new SimulatedSite(world, { id: 'west', level: 'raid1', disks: 2, diskBytes: 24 * MIB }, { cpIntervalMs: 1_000_000, mirrorTimeoutMs: 2000 });
    await world.settle(west.boot());
    await world.settle(north.up.createVolume({ id: 'v2', name: 'v2', poolId: 'pool-north', sizeBytes: 2 * MIB }));
    await world.settle(west.up.createVolume({ id: 'x2', name: 'x2', poolId: 'pool-west', sizeBytes: 2 * MIB }));
    const outcome = await world.settle(north.up.createRelationship({ id: 'n', name: 'n', volumeId: 'v2', peerServerId: 'west', peerVolumeId: 'x2', policy: 'availability', recovery: 'automatic' }));
    if (outcome.kind !== 'running') throw new Error('the second mirror starts');
    await world.settle(outcome.finished);
    const second = (): ReturnType<typeof rel> => north.up.relationships().filter((r) => r.id === 'n').map((r) => r)[0] ?? rel(north);
    west.crash();
    await world.settle(north.up.hostVolume('v2').write(5 * REGION, new Uint8Array(BLOCK).fill(9)));
    await scene.write(north, 6 * REGION, 9);
    expect([second().fractureLog.dirty, second().imageState]).toEqual([1, 'Outdated']);
    expect([rel(north).fractureLog.dirty, rel(north).imageState]).toEqual([0, 'Synchronized']);
    expect(world.storage('array-north').paths('shared/marks-')).toEqual(['shared/marks-m', 'shared/marks-n'].map((name) => expect.stringContaining(name) as string));
    await scene.expectBothEqual();
  });
});

describe('logging and update', () => {
  test('V2 V3: logging records writes and sends nothing; an update copies the marked blocks only and replication resumes', async () => {
    const scene = await makeScene({ seed: 410 });
    const { world, north, south } = scene;
    await scene.done(north, 'fracture');
    const before = world.links.traffic('north', 'south').aToB.sentBytes;
    for (const region of [2, 11, 30]) await scene.write(north, region * REGION, 120, 16 * BLOCK);
    await scene.cp(north);
    await scene.run(30_000);
    expect(world.links.traffic('north', 'south').aToB.sentBytes - before).toBeLessThan(BLOCK);
    expect(markedAt(north)).toEqual([2, 11, 30]);
    expect(imageState(south)).not.toBe('Synchronized');
    expect(await scene.done(north, 'resync')).toMatchObject({ regionsCompared: 3, bytesCopied: 3 * 16 * BLOCK });
    await scene.synchronized();
    await scene.write(north, 0, 121);
    await scene.expectBothEqual();
  });

  test('V3: a full sync looks at every region', async () => {
    const scene = await makeScene({ seed: 411 });
    const { north } = scene;
    await scene.done(north, 'fracture');
    await scene.write(north, 2 * REGION, 120);
    expect(await scene.done(north, 'establish')).toMatchObject({ regionsCompared: 32, regionsDiffering: 1, bytesCopied: BLOCK });
    await scene.expectBothEqual();
  });

  test('V4: overwriting the primary from the secondary copies the marked blocks back and nothing else', async () => {
    const scene = await makeScene({ seed: 412 });
    const { north, south } = scene;
    const before = scene.expected.slice();
    await scene.done(north, 'fracture');
    for (const region of [2, 11]) await scene.write(north, region * REGION, 120);
    await scene.untilAllowed(north, 'overwrite-primary');
    expect(await scene.done(north, 'overwrite-primary')).toMatchObject({ regionsDiffering: 2, bytesCopied: 2 * BLOCK });
    await scene.synchronized();
    await scene.expectContent(north, before);
    await scene.expectContent(south, before);
  });

  test('V5, scenario 26: an interrupted reverse sync locks the direction: a forward sync is refused with R06 until it is finished', async () => {
    const scene = await makeScene({ seed: 413, settings: { resyncBytesPerSecond: 100_000, resyncWindowRegions: 1 } });
    const { north, south } = scene;
    const before = scene.expected.slice();
    await scene.done(north, 'fracture');
    for (let region = 0; region < 32; region++) await scene.write(north, region * REGION, 120);
    await scene.untilAllowed(north, 'overwrite-primary');
    const outcome = await scene.act(north, 'overwrite-primary');
    if (outcome.kind !== 'running') throw new Error('it runs');
    outcome.finished.catch(() => undefined);
    await scene.until('it has begun to copy', () => (outcome.progress()?.regionsDone ?? 0) > 4);
    scene.link(false);
    await scene.run(5000);
    scene.link(true);
    await scene.until('they meet again', () => rel(north).connected, 20_000);
    await scene.run(2000);
    expect(rel(north).conditions.map((c) => c.code)).toContain('DirectionLocked');
    expect(await scene.refused(north, 'resync')).toBe('R06');
    expect(await scene.refused(north, 'establish')).toBe('R06');
    await scene.done(north, 'overwrite-primary');
    await scene.synchronized();
    await scene.expectContent(north, before);
    await scene.expectContent(south, before);
  });
});

describe('resync', () => {
  test('scenario 22: a flapping link ends in one resync, and the image is never called Synchronized while marks remain', async () => {
    const scene = await makeScene({ seed: 420 });
    const { world, north } = scene;
    world.afterEach.push(() => {
      if (north.server === null) return;
      const { imageState: image, fractureLog } = rel(north);
      if (image === 'Synchronized') expect(fractureLog.dirty).toBe(0);
    });
    const started = (): number => eventsOf(north, 'mirror/resync-started').length;
    const before = started();
    for (let flap = 0; flap < 20; flap++) {
      scene.link(flap % 2 === 1);
      void scene.start(north, (flap % 32) * REGION, 100 + flap);
      await scene.run(1500 + (flap % 3) * 1000);
    }
    const during = started() - before;
    scene.link(true);
    await scene.synchronized();
    const settled = started() - before;
    await scene.run(60_000);
    expect(during).toBeLessThan(20);
    expect(settled - during).toBeLessThanOrEqual(1);
    expect(started() - before).toBe(settled);
    world.afterEach.length = 0;
    await scene.expectBothEqual();
  });

  /** A fractured pair of 160 MiB with one written block in each of 2,560 regions, and a resync that can be watched. */
  async function longResync(seed: number): Promise<Scene> {
    const scene = await makeScene({ seed, volumeBytes: 160 * MIB, settings: { logHalfBytes: 32 * MIB, resyncBytesPerSecond: 2 * MIB } });
    scene.link(false);
    await scene.burst(scene.north, 2560, 30);
    return scene;
  }

  test('scenario 23: a link lost in the middle of a resync leaves an unusable image; the next one copies the rest and the new writes', async () => {
    const scene = await longResync(421);
    const { north, south } = scene;
    scene.link(true);
    await untilShare(scene, north, 0.45);
    scene.link(false);
    await scene.until('both noticed', () => !rel(south).connected && !rel(north).connected);
    await scene.run(2000);
    expect([imageState(north), imageState(south)]).toEqual(['OutOfSync', 'OutOfSync']);
    expect(await scene.refused(south, 'failover')).toBe('R03');
    await scene.write(north, 0, 99);
    scene.link(true);
    await scene.synchronized();
    const rest = lastSync(north);
    expect(Number(rest['regionsCompared'])).toBeLessThanOrEqual(2560 * 0.55 + 3 * 26 + 1);
    expect(Number(rest['regionsCompared'])).toBeGreaterThan(1000);
    expect(firstDifference(await scene.content(south), scene.expected)).toBe(-1);
  });

  test('scenario 29: a source killed at 99 % of a full sync goes on at 99 %', async () => {
    const scene = await makeScene({ seed: 422, volumeBytes: 160 * MIB, settings: { logHalfBytes: 32 * MIB, resyncBytesPerSecond: 2 * MIB } });
    const { world, north, south } = scene;
    await scene.done(north, 'fracture');
    await scene.burst(north, 2560, 30);
    const outcome = await scene.act(north, 'establish');
    if (outcome.kind !== 'running') throw new Error('it runs');
    outcome.finished.catch(() => undefined);
    await untilShare(scene, north, 0.99);
    north.crash();
    await world.settle(north.boot());
    await scene.synchronized();
    // what was left, and what was on its way: at most two shares of a hundredth and a window
    expect(Number(lastSync(north)['regionsCompared'])).toBeLessThanOrEqual(3 * 26 + 32);
    expect(firstDifference(await scene.content(south), scene.expected)).toBe(-1);
  });

  test('scenario 24: the source is lost during a resync: promotion is refused, and the rollback to the image before it works', async () => {
    const scene = await makeScene({ seed: 423, settings: { resyncBytesPerSecond: 100_000, resyncWindowRegions: 2 } });
    const { north, south } = scene;
    const before = scene.expected.slice();
    await fractured(scene, Array.from({ length: 32 }, (_, i) => i));
    scene.link(true);
    await untilShare(scene, north, 0.4);
    north.crash();
    await scene.until('the loss was noticed', () => !rel(south).connected && imageState(south) === 'OutOfSync', 30_000);
    expect(await scene.refused(south, 'failover')).toBe('R03');
    expect(scene.allowed(south, 'rollback')).toBe(true);
    expect(rel(south).safetySnapshot).not.toBeNull();
    await scene.done(south, 'rollback');
    expect(imageState(south)).toBe('Outdated');
    await scene.expectContent(south, before);
    await scene.done(south, 'failover');
    await scene.expectContent(south, before);
  });

  test('scenario 24: after a rollback of the destination the returned source copies again what was rolled back', async () => {
    const scene = await makeScene({ seed: 424, settings: { resyncBytesPerSecond: 100_000, resyncWindowRegions: 2 } });
    const { world, north, south } = scene;
    await fractured(scene, Array.from({ length: 32 }, (_, i) => i));
    scene.link(true);
    await untilShare(scene, north, 0.4);
    north.crash();
    await scene.until('the loss was noticed', () => !rel(south).connected && imageState(south) === 'OutOfSync', 30_000);
    await scene.done(south, 'rollback');
    await world.settle(north.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 25: writes to regions that are being resynced end on both sides, the newer data winning', async () => {
    const scene = await makeScene({ seed: 425, settings: { resyncBytesPerSecond: 400_000, resyncWindowRegions: 1 } });
    const { north } = scene;
    const all = Array.from({ length: 32 }, (_, i) => i);
    await fractured(scene, all);
    scene.link(true);
    await untilShare(scene, north, 0.05);
    // once, ahead of the cursor, and in a consistency point before the cursor comes by: the old block must not follow
    for (const region of [28, 29, 30]) await scene.write(north, region * REGION, 155);
    await scene.cp(north);
    // ahead of the cursor, at it and behind it, whole blocks and parts, with consistency points in between
    for (let round = 0; round < 8; round++) {
      for (const region of [1, 8, 16, 31]) {
        await scene.write(north, region * REGION, 160 + round);
        await scene.write(north, region * REGION + 2 * BLOCK + 50, 170 + round, 100);
      }
      if (round % 3 === 0) await scene.cp(north);
    }
    expect(rel(north).resync).not.toBeNull();
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 28: a sync of which only the destination knows that it ended: ids converge, and both are equal', async () => {
    const scene = await makeScene({ seed: 426 });
    const { world, north, south } = scene;
    await fractured(scene, [3, 9]);
    let points = 0;
    north.onCpPhase = (phase, cp) => {
      if (phase === 'commit' && cp.trigger === 'resync' && ++points === 3) world.schedule(0, 'answers are lost', () => { scene.link({ aToB: true, bToA: false }); });
    };
    scene.link(true);
    await scene.until('the destination is done', () => imageState(south) === 'Synchronized' && !rel(north).connected, 20_000);
    expect(imageState(north)).not.toBe('Synchronized');
    north.onCpPhase = null;
    scene.link(true);
    await scene.synchronized();
    expect(eventsOf(south, 'mirror/digest-mismatch')).toEqual([]);
    expect(await scene.done(north, 'verify')).toMatchObject({ blocksDiffering: 0 });
    await scene.write(north, 0, 1);
    await scene.expectBothEqual();
  });

  test('scenario 30: volumes of different sizes cannot be mirrored: R19, and nothing is written', async () => {
    const scene = await makeScene({ seed: 427 });
    const { world, north, south } = scene;
    await world.settle(north.up.createVolume({ id: 'big', name: 'big', poolId: 'pool-north', sizeBytes: 4 * MIB }));
    await world.settle(south.up.createVolume({ id: 'small', name: 'small', poolId: 'pool-south', sizeBytes: 2 * MIB }));
    const created = await world.settle(north.up.createRelationship({ id: 'n', name: 'n', volumeId: 'big', peerServerId: 'south', peerVolumeId: 'small', policy: 'availability', recovery: 'automatic' }));
    expect(created).toMatchObject({ kind: 'refused', refusal: { code: 'R19' } });
    expect(north.up.relationships().map((r) => r.id)).toEqual(['m']);
  });
});

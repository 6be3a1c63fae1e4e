import { describe, expect, test } from 'vitest';
import { makeTrio } from '../server/fixture.ts';
import { BLOCK, contentOf, eventsOf, firstDifference, imageState, makeScene, REGION, rel, rootContent, type Request, type Scene } from './scene.ts';

/** The old primary comes back, is resynchronized from the survivor, and both hold the same. */
async function rejoin(scene: Scene): Promise<void> {
  const { world, north, south } = scene;
  await world.settle(north.boot());
  scene.link(true);
  await scene.untilAllowed(south, 'reverse-resync');
  await scene.done(south, 'reverse-resync');
  await scene.synchronized();
}

describe('forwarding', () => {
  test('scenario 1: a write the source logged but never forwarded was not acknowledged; takeover lacks it, and it is rolled back and listed', async () => {
    const scene = await makeScene({ seed: 201 });
    const { north, south, world } = scene;
    scene.link(false);
    const lost = scene.start(north, 4 * REGION, 200);
    await scene.run(50);
    expect(world.storage('server-north').unsyncedSectors).toBe(0);
    north.crash();
    expect(lost.state).toBe('pending');
    await scene.failover(south);
    await scene.expectContent(south);
    await rejoin(scene);
    // listed: the one region that was not shared
    expect(eventsOf(north, 'mirror/fenced')[0]?.message).toMatch(/\b1 regions were not shared/);
    await scene.expectBothEqual();
  });

  test('scenario 2: an entry that was forwarded but whose answer never came may be kept or not; both sides end equal', async () => {
    const scene = await makeScene({ seed: 202 });
    const { north, south } = scene;
    scene.link({ aToB: true, bToA: false });
    const request = scene.start(north, 4 * REGION, 200);
    await scene.until('the destination holds it', () => rel(south).lag.writes === 1, 500);
    north.crash();
    expect(request.state).toBe('pending');
    await scene.failover(south);
    const kept = await scene.content(south);
    expect([1, 200]).toContain(kept[4 * REGION]);
    await rejoin(scene);
    expect(firstDifference(await scene.content(north), kept)).toBe(-1);
    expect(firstDifference(await scene.content(south), kept)).toBe(-1);
  });

  test('scenario 3: the destination dies before an entry is durable: the pair fractures durably, then the host is answered', async () => {
    const scene = await makeScene({ seed: 203 });
    const { north, south, world } = scene;
    world.storage('array-south').inject({ kind: 'hang', prefix: 'shared/mirror-north', operations: ['sync'] });
    const request = scene.start(north, 4 * REGION, 200);
    await scene.run(20);
    expect(request.state).toBe('pending');
    south.crash();
    await scene.until('the host is answered', () => request.state === 'acknowledged', 10_000);
    expect(imageState(north)).toBe('Outdated');
    expect(eventsOf(north, 'mirror/fractured')).toHaveLength(1);
    // durable: the source alone knows it after a crash at this very moment
    north.crash();
    await world.settle(north.boot());
    expect(imageState(north)).toBe('Outdated');
    world.storage('array-south').healAll();
    await world.settle(south.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 3: in strict the host waits, then gets an error, and nothing is acknowledged until the mirror is back', async () => {
    const scene = await makeScene({ seed: 204, policy: 'strict' });
    const { north, south, world } = scene;
    south.crash();
    const early = scene.start(north, 4 * REGION, 200);
    await scene.run(2000);
    expect(early.state).toBe('pending');
    await scene.until('the request fails', () => early.state === 'failed', 10_000);
    expect(early.error).toMatch(/mirror did not answer in time/);
    const later = scene.start(north, 5 * REGION, 201);
    await scene.run(10_000);
    expect(later.state).toBe('failed');
    expect(rel(north).imageState).not.toBe('Outdated');
    // when the mirror is back, writes go on, and the copies agree
    await world.settle(south.boot());
    await scene.synchronized();
    await scene.until('writes are admitted', () => north.up.volumes()[0]?.state === 'online', 20_000);
    await scene.write(north, 6 * REGION, 202);
    expect(firstDifference(await scene.content(south), await scene.content(north))).toBe(-1);
  });

  test('scenario 16: frames that are lost, repeated and reordered on the link are applied once and in order', async () => {
    const scene = await makeScene({ seed: 205, settings: { mirrorTimeoutMs: 30_000 } });
    const { world, north } = scene;
    world.links.setLink('north', 'south', { latencyMs: 1, jitterMs: 3, lossProbability: 0.05, duplicateProbability: 0.2, reorderProbability: 0.2, up: true });
    for (let round = 0; round < 6; round++) {
      // overlapping writes: the last one must win on both sides
      for (let i = 0; i < 10; i++) await scene.write(north, (i % 4) * 1024, 10 * round + i, 2048);
      if (round % 2 === 1) await scene.cp(north);
    }
    const { droppedFrames, sentFrames, deliveredFrames } = world.links.traffic('north', 'south').aToB;
    expect(droppedFrames).toBeGreaterThan(0);
    expect(deliveredFrames + droppedFrames).toBeGreaterThan(sentFrames);
    expect(eventsOf(north, 'mirror/fractured')).toEqual([]);
    await scene.expectBothEqual();
  });
});

describe('two sources, one destination', () => {
  test('A6, scenario 14: losing one source replays only its file; the other goes on replicating', async () => {
    const { world, north, south, west } = await makeTrio({ seed: 210, volumeBytes: 1024 * 1024, settings: { cpIntervalMs: 1_000_000 } });
    await world.runUntil(() => imageState(south) === 'Synchronized', 60_000);
    const write = (site: typeof north, volume: string, at: number, fill: number): Promise<void> => world.settle(site.up.hostVolume(volume).write(at, new Uint8Array(BLOCK).fill(fill)));
    const mirror = (id: string): NonNullable<ReturnType<typeof south.up.relationships>[number]> => {
      const found = south.up.relationships().find((r) => r.id === id);
      if (found === undefined) throw new Error(`no mirror ${id}`);
      return found;
    };
    for (let i = 0; i < 5; i++) {
      await write(north, 'v', i * REGION, 20 + i);
      await write(west, 'x', i * REGION, 40 + i);
    }
    // one file per source, tagged with its identity
    const files = world.storage('array-south').paths('shared/mirror-');
    expect(files).toEqual(['shared/mirror-north-a.log', 'shared/mirror-north-b.log', 'shared/mirror-west-a.log', 'shared/mirror-west-b.log']);
    for (const file of files) expect(Buffer.from(world.storage('array-south').peek(file, 0, BLOCK)).toString('latin1')).toContain(file.includes('north') ? 'mirror north' : 'mirror west');
    expect([mirror('m').lag.writes, mirror('n').lag.writes]).toEqual([5, 5]);
    const before = await rootContent(world, 'south', 'y');
    // when
    north.crash();
    await world.runUntil(() => !mirror('m').connected, 30_000);
    const outcome = await world.settle(south.up.act('m', 'failover', { confirmed: true, force: true }));
    // then
    expect(outcome).toMatchObject({ kind: 'done', result: { replayedRecords: 5 } });
    expect(mirror('m').lag.writes).toBe(0);
    expect([mirror('n').lag.writes, mirror('n').imageState]).toEqual([5, 'Synchronized']);
    expect(firstDifference(await rootContent(world, 'south', 'y'), before)).toBe(-1);
    await write(west, 'x', 9 * REGION, 50);
    await world.settle(west.up.consistencyPoint('admin'));
    expect(firstDifference(await world.settle(contentOf(south, 'y')), await world.settle(contentOf(west, 'x')))).toBe(-1);
    expect((await world.settle(south.up.hostVolume('w').read(4 * REGION, 1)))[0]).toBe(24);
  });
});

describe('the log of a source', () => {
  test('scenario 10: while one half is in its consistency point and the other is full, writers wait, nothing is overwritten, and the alarm says how long', async () => {
    const scene = await makeScene({ seed: 220, settings: { mirrorTimeoutMs: 1_000_000 } });
    const { world, north } = scene;
    const fault = world.storage('array-north').inject({ kind: 'hang', prefix: 'disk-', operations: ['sync'] });
    const requests: Request[] = [];
    for (let i = 0; i < 80; i++) requests.push(scene.start(north, (i % 32) * REGION, i + 1, REGION));
    await scene.run(3000);
    const waiting = requests.filter((r) => r.state === 'pending').length;
    expect(waiting).toBeGreaterThan(0);
    expect(waiting).toBeLessThan(80);
    expect(north.up.status().backToBackSinceMs).not.toBeNull();
    expect(eventsOf(north, 'cp/back-to-back')).toHaveLength(1);
    fault.heal();
    await scene.until('everybody is answered', () => requests.every((r) => r.state === 'acknowledged'));
    expect(eventsOf(north, 'cp/back-to-back-ended')[0]?.message).toMatch(/waited [1-9]\d{3} ms/);
    expect(north.up.status().backToBackSinceMs).toBeNull();
    await scene.expectBothEqual();
  });

  test('scenario 11: a crash between the switch of halves and the first record of the new half', async () => {
    const scene = await makeScene({ seed: 221 });
    const { world, north } = scene;
    await scene.write(north, 0, 10);
    await scene.write(north, 0, 11);
    await scene.crashAtPhase(north, 'seal', north);
    await world.settle(north.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 11: records in both halves are replayed in sequence order', async () => {
    const scene = await makeScene({ seed: 222 });
    const { world, north, south } = scene;
    await scene.write(north, 0, 10);
    await scene.write(north, REGION, 10);
    const fault = world.storage('array-north').inject({ kind: 'hang', prefix: 'disk-', operations: ['sync'] });
    north.up.consistencyPoint('admin').catch(() => undefined);
    await scene.run(50);
    await scene.write(north, 0, 12);
    expect(north.up.status().log.halves.every((half) => half.state !== 'free')).toBe(true);
    // both servers lose power: the logs alone know
    north.crash();
    south.crash();
    fault.heal();
    await world.settle(north.boot());
    await world.settle(south.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 12: a torn last record is cut off, and every acknowledged one before it is there', async () => {
    for (const seed of [230, 231, 232, 233]) {
      const scene = await makeScene({ seed, volumeBytes: 1024 * 1024 });
      const { world, north } = scene;
      await scene.burst(north, 6, 30);
      const torn = scene.start(north, 10 * REGION, 99, 8 * BLOCK);
      await world.step();
      await world.step();
      expect(torn.state).toBe('pending');
      north.crash();
      await world.settle(north.boot());
      await scene.synchronized();
      const content = await scene.content(north);
      // a write nobody was told of: each block whole or not at all
      for (let at = 10 * REGION; at < 10 * REGION + 8 * BLOCK; at += BLOCK) {
        expect([0, 99]).toContain(content[at]);
        scene.expected.fill(content[at] ?? 0, at, at + BLOCK);
      }
      await scene.expectBothEqual();
    }
  });

  test('scenario 12: damage to the very last acknowledged record looks torn here; the destination gives it back', async () => {
    const scene = await makeScene({ seed: 235 });
    const { world, north } = scene;
    await scene.write(north, 0, 40);
    await scene.write(north, REGION, 41);
    const fill = north.up.status().log;
    const active = fill.halves[fill.active]?.usedBytes ?? 0;
    const file = fill.active === 0 ? 'nvlog-a.log' : 'nvlog-b.log';
    north.crash();
    world.storage('server-north').rot(file, active - BLOCK, BLOCK, 3);
    await world.settle(north.boot());
    await scene.synchronized();
    await scene.until('it serves', () => north.up.volumes()[0]?.state === 'online');
    await scene.expectBothEqual();
  });

  /** A source that crashed and whose log is damaged below records that were acknowledged. */
  async function damagedInTheMiddle(seed: number): Promise<Scene> {
    const scene = await makeScene({ seed });
    const { north, world } = scene;
    for (let i = 0; i < 6; i++) await scene.write(north, i * REGION, 50 + i);
    const { active, halves } = north.up.status().log;
    north.crash();
    world.storage('server-north').rot(active === 0 ? 'nvlog-a.log' : 'nvlog-b.log', (halves[active]?.usedBytes ?? 0) - 6 * BLOCK, BLOCK, 3);
    return scene;
  }

  test('scenario 13: a corrupt record in the middle takes the volume offline, names the range, and waits for the admin, over restarts too', async () => {
    const scene = await damagedInTheMiddle(236);
    const { world, north } = scene;
    scene.link(false);
    for (let start = 0; start < 3; start++) {
      await world.settle(north.boot());
      await scene.run(10_000);
      await scene.cp(north);
      await scene.cp(north);
      expect(north.up.volumes()[0]).toMatchObject({ state: 'offline' });
      expect(north.up.volumes()[0]?.stateReason).toMatch(/lost \(log records \d+ to \d+\)/);
      expect(eventsOf(north, 'volume/nvfail')).toHaveLength(start + 1);
      await expect(world.settle(north.up.hostVolume('v').write(0, new Uint8Array(BLOCK)))).rejects.toThrow(/unflushed writes were lost/);
      await expect(world.settle(north.up.hostVolume('v').read(0, BLOCK))).rejects.toThrow(/unflushed writes were lost/);
      if (start < 2) north.crash();
    }
    await world.settle(north.up.acknowledge('v'));
    await scene.until('it serves', () => north.up.volumes()[0]?.state === 'online', 10_000);
    await scene.write(north, 20 * REGION, 1);
  });

  test('scenario 13: a source that lost records never overwrites the destination that has them, and takes them back once acknowledged', async () => {
    const scene = await damagedInTheMiddle(237);
    const { world, north, south } = scene;
    await world.settle(north.boot());
    await scene.run(10_000);
    expect(north.up.volumes()[0]).toMatchObject({ state: 'offline' });
    await scene.expectContent(south);
    expect(await scene.refused(north, 'establish')).toBe('R22');
    await world.settle(north.up.acknowledge('v'));
    await scene.synchronized();
    await scene.until('it serves', () => north.up.volumes()[0]?.state === 'online', 10_000);
    await scene.expectBothEqual();
  });
});

describe('the mirror log of a destination', () => {
  test('3.12: a destination whose mirror log lost entries it had confirmed is not believed: both sides end equal', async () => {
    const scene = await makeScene({ seed: 240 });
    const { world, north, south } = scene;
    for (let i = 0; i < 6; i++) await scene.write(north, i * REGION, 60 + i);
    south.crash();
    for (const half of ['a', 'b']) world.storage('array-south').rot(`shared/mirror-north-${half}.log`, 0, 64 * BLOCK, 400);
    await scene.write(north, 8 * REGION, 70);
    await scene.cp(north);
    await world.settle(south.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 15: a degraded array at the destination takes consistency points, and the contents are equal', async () => {
    const scene = await makeScene({ seed: 241 });
    const { world, north, south } = scene;
    world.storage('array-south').inject({ kind: 'offline', prefix: 'disk-2' });
    await scene.burst(north, 20, 80);
    const cp = await scene.cp(north);
    expect(cp.mirrors).toMatchObject([{ outcome: 'committed' }]);
    expect(rel(north).imageState).toBe('Synchronized');
    await scene.expectContent(south);
    expect(eventsOf(south, 'pool/disk-failed').length + south.up.status().pools.filter((p) => p.state !== 'online' && p.state !== 'healthy').length).toBeGreaterThan(0);
  });

  test('scenario 13: a destination whose mirror log is damaged takes over only as an offline volume that names the loss', async () => {
    const scene = await makeScene({ seed: 242 });
    const { world, north, south } = scene;
    for (let i = 0; i < 6; i++) await scene.write(north, i * REGION, 60 + i);
    north.crash();
    south.crash();
    for (const half of ['a', 'b']) world.storage('array-south').rot(`shared/mirror-north-${half}.log`, 0, 64 * BLOCK, 400);
    await world.settle(south.boot());
    expect(eventsOf(south, 'volume/nvfail')).toHaveLength(1);
    await scene.failover(south);
    expect(south.up.volumes()[0]).toMatchObject({ state: 'offline' });
    expect(south.up.volumes()[0]?.stateReason).toMatch(/mirror log of north/);
    await expect(world.settle(south.up.hostVolume('w').read(0, BLOCK))).rejects.toThrow(/unflushed writes were lost/);
    await world.settle(south.up.acknowledge('w'));
    await scene.until('it serves', () => south.up.volumes()[0]?.state === 'online', 10_000);
    // what it serves is the last consistency point, not a blend
    expect((await world.settle(south.up.hostVolume('w').read(5 * REGION, 1)))[0]).toBe(6);
  });
});

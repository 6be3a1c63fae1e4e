import { describe, expect, test } from 'vitest';
import { BLOCK, diskImages, eventsOf, firstDifference, hash, hashes, makeScene, REGION, rel, rootContent, type CpPhase } from './scene.ts';

describe('acknowledgement and consistency points', () => {
  test('A1: no write is acknowledged before the destination reported its entry durable in its file', async () => {
    const scene = await makeScene({ seed: 101, settings: { mirrorTimeoutMs: 5000 } });
    const { world, north } = scene;
    // given: the destination takes entries, but its log file cannot be made durable
    const fault = world.storage('array-south').inject({ kind: 'hang', prefix: 'shared/mirror-north', operations: ['sync'] });
    // when
    const request = scene.start(north, 0, 9);
    await scene.run(1500);
    // then: durable at the source alone is not enough
    expect(request.state).toBe('pending');
    expect(rel(north).lag.writes).toBe(1);
    fault.heal();
    await scene.until('it is acknowledged', () => request.state === 'acknowledged', 2000);
    expect(rel(north).imageState).toBe('Synchronized');
  });

  test('A1: no write is acknowledged before it is durable in the log of the source', async () => {
    const scene = await makeScene({ seed: 102 });
    const { world, north, south } = scene;
    const fault = world.storage('server-north').inject({ kind: 'hang', prefix: 'nvlog', operations: ['sync'] });
    const request = scene.start(north, 0, 9);
    await scene.until('the destination holds the entry', () => rel(south).lag.writes === 1, 2000);
    await scene.run(500);
    expect(request.state).toBe('pending');
    fault.heal();
    await scene.until('it is acknowledged', () => request.state === 'acknowledged', 2000);
  });

  test('A2: between two consistency points no byte reachable from a root, and no byte of a disk image, changes on either side', async () => {
    const scene = await makeScene({ seed: 103 });
    const { world, north, south } = scene;
    const roots = async (): Promise<readonly string[]> => [hash(await rootContent(world, 'north', 'v')), hash(await rootContent(world, 'south', 'w'))];
    const before = await roots();
    const images = [hashes(diskImages(world, 'array-north')), hashes(diskImages(world, 'array-south'))];
    // when: a burst, acknowledged on both sides
    await scene.burst(north, 40, 20);
    // then
    expect([hashes(diskImages(world, 'array-north')), hashes(diskImages(world, 'array-south'))]).toEqual(images);
    expect(await roots()).toEqual(before);
    expect(rel(south).lag.writes).toBe(40);
    // and the next consistency point brings the burst to both roots
    await scene.cp(north);
    for (const [site, volume] of [['north', 'v'], ['south', 'w']] as const) {
      expect(firstDifference(await rootContent(world, site, volume), scene.expected)).toBe(-1);
    }
  });

  test('A3: consistency points come by timer, by a full half and on demand, each with number, trigger, start, phases and end', async () => {
    const scene = await makeScene({ seed: 104, settings: { cpIntervalMs: 3000 } });
    const { north } = scene;
    const known = north.up.status().cps.length;
    await scene.cp(north);
    await scene.run(3500);
    await scene.burst(north, 300, 1);
    await scene.until('the half-full point ended', () => north.up.status().cps.slice(known).some((cp) => cp.trigger === 'half-full' && cp.phase === 'done'));
    const cps = north.up.status().cps.slice(known);
    expect(new Set(cps.map((cp) => cp.trigger))).toEqual(new Set(['admin', 'timer', 'half-full']));
    for (const cp of cps.filter((c) => c.phase === 'done' && c.blocks > 0)) {
      expect(cp.durationMs).toBeGreaterThan(0);
      expect(cp.startedAtMs).toBeGreaterThan(0);
      expect(Object.keys(cp.phaseMs)).toEqual(expect.arrayContaining(['seal', 'write', 'prepared', 'committed']));
    }
    const numbers = cps.map((cp) => cp.number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('A4: the destination writes volume block numbers through its own RAID layer: contents equal, disk images different', async () => {
    const scene = await makeScene({ seed: 105 });
    const { world, north, south } = scene;
    await scene.burst(north, 30, 50);
    const cp = await scene.cp(north);
    expect(cp.mirrors).toMatchObject([{ relationshipId: 'm', listed: 30, outcome: 'committed' }]);
    expect(firstDifference(await rootContent(world, 'south', 'w'), await rootContent(world, 'north', 'v'))).toBe(-1);
    const images = { north: diskImages(world, 'array-north'), south: diskImages(world, 'array-south') };
    expect([images.north.size, images.south.size]).toEqual([6, 4]);
    for (const bytes of images.north.values()) for (const other of images.south.values()) expect(firstDifference(bytes, other)).not.toBe(-1);
    // Parity of the destination's own level: a disk less, and everything can still be read.
    world.storage('array-south').inject({ kind: 'offline', prefix: 'disk-1' });
    await scene.expectContent(south);
  });

  test('A6 A7: entries that arrive during a consistency point go to the other half, and none goes before it is committed on both sides', async () => {
    const scene = await makeScene({ seed: 106, settings: { mirrorTimeoutMs: 60_000 } });
    const { world, north, south } = scene;
    await scene.write(north, 0, 30);
    await scene.write(north, REGION, 31);
    // given: the destination's label of this consistency point takes its time
    let reached: CpPhase = 'seal';
    north.onCpPhase = (phase) => { reached = phase; };
    const fault = world.storage('array-south').inject({ kind: 'hang', prefix: 'disk-', operations: ['sync'] });
    const cp = north.up.consistencyPoint('admin');
    await scene.run(300);
    expect(rel(south).lag.writes).toBe(2);
    // when: hosts write on
    const during = scene.start(north, 2 * REGION, 32);
    await scene.until('acknowledged during the consistency point', () => during.state === 'acknowledged', 2000);
    // then: three entries are kept, in two halves of the one file
    expect(reached).not.toBe('done');
    expect(rel(south).lag.writes).toBe(3);
    const kept = (half: 'a' | 'b'): number => world.storage('array-south').countersOf(`shared/mirror-north-${half}.log`).writes;
    expect(kept('a')).toBeGreaterThan(0);
    expect(kept('b')).toBeGreaterThan(0);
    fault.heal();
    await world.settle(cp);
    expect(rel(south).lag.writes).toBe(1);
    await scene.expectContent(south);
  });

  test('A10: blocks that the forwarded entries hold whole do not cross the wire again', async () => {
    const scene = await makeScene({ seed: 107 });
    const { world, north } = scene;
    const measured = async (write: () => Promise<unknown>): Promise<{ bytes: number; cp: unknown }> => {
      await world.settle(write());
      await scene.run(100);
      const before = world.links.traffic('north', 'south').aToB.sentBytes;
      const cp = await scene.cp(north);
      return { bytes: world.links.traffic('north', 'south').aToB.sentBytes - before, cp: cp.mirrors[0] };
    };
    const volume = north.up.hostVolume('v');
    const regions = Array.from({ length: 32 }, (_, i) => i);
    const whole = await measured(() => Promise.all(regions.map((i) => volume.write(i * REGION, new Uint8Array(BLOCK).fill(60)))));
    const parts = await measured(() => Promise.all(regions.flatMap((i) => [0, 1].map((half) => volume.write(i * REGION + half * (BLOCK / 2), new Uint8Array(BLOCK / 2).fill(61))))));
    expect(whole.cp).toMatchObject({ listed: 32, byReference: 32, withData: 0 });
    expect(parts.cp).toMatchObject({ listed: 32, byReference: 0, withData: 32 });
    expect(parts.bytes - whole.bytes).toBeGreaterThan(31 * BLOCK);
    expect(whole.bytes).toBeLessThan(32 * 64);
    for (const i of regions) scene.expected.fill(61, i * REGION, i * REGION + BLOCK);
    await scene.expectBothEqual();
  });
});

describe('the source dies in the middle of a consistency point', () => {
  const phases: readonly (readonly [string, CpPhase])[] = [
    ['A9, scenario 4: just started, nothing sent', 'seal'],
    ['A9, scenario 5: while updates are being sent', 'write'],
    ['A9, scenario 5: some updates sent', 'sync'],
    ['A9, scenario 9: prepared, not yet labelled', 'prepared'],
    ['A9, scenario 8: label durable, destination not told', 'label'],
    ['A9, scenario 8: about to tell the destination', 'commit'],
    ['A9: committed on both sides, half not yet freed', 'committed'],
  ];

  test.each(phases)('%s (%s): the promoted mirror is the last point plus every entry, never a blend', async (_title, phase) => {
    const scene = await makeScene({ seed: 110 + phases.findIndex(([, p]) => p === phase) });
    const { world, north, south } = scene;
    await scene.burst(north, 20, 70);
    await scene.crashAtPhase(north, phase, north);
    await scene.failover(south);
    await scene.expectContent(south);
    // and the returned source ends equal, with what the survivor wrote
    await scene.write(south, 3 * REGION, 99);
    await world.settle(north.boot());
    await scene.untilAllowed(south, 'reverse-resync');
    await scene.done(south, 'reverse-resync');
    await scene.expectBothEqual();
  });

  test.each(phases)('%s (%s): a source that returns itself replays its log and runs the point again, to the same content', async (_title, phase) => {
    const scene = await makeScene({ seed: 120 + phases.findIndex(([, p]) => p === phase) });
    const { world, north } = scene;
    await scene.burst(north, 20, 70);
    await scene.crashAtPhase(north, phase, north);
    await world.settle(north.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('A9: entries that arrived while the point was running are part of the promoted content', async () => {
    const scene = await makeScene({ seed: 130 });
    const { world, north, south } = scene;
    await scene.burst(north, 10, 70);
    const fault = world.storage('array-north').inject({ kind: 'slow', prefix: 'disk-', factor: 50 });
    north.up.consistencyPoint('admin').catch(() => undefined);
    const later = scene.start(north, 9 * REGION, 90);
    await scene.until('acknowledged during the point', () => later.state === 'acknowledged', 5000);
    expect(north.up.status().cps.at(-1)?.phase).not.toBe('done');
    north.crash();
    fault.heal();
    await scene.failover(south);
    await scene.expectContent(south);
  });
});

describe('the destination dies in the middle of a consistency point', () => {
  const places: readonly (readonly [string, CpPhase])[] = [
    ['scenario 6: updates staged, not prepared', 'sync'],
    ['scenario 7: prepared, not committed', 'prepared'],
    ['scenario 7: about to commit', 'commit'],
    ['A7: just committed', 'committed'],
  ];

  test.each(places)('%s (%s): it is at the point before plus its log, and both end equal', async (_title, phase) => {
    const scene = await makeScene({ seed: 140 + places.findIndex(([, p]) => p === phase) });
    const { world, north, south } = scene;
    await scene.burst(north, 20, 70);
    const before = await rootContent(world, 'south', 'w');
    await scene.crashAtPhase(north, phase, south);
    if (phase !== 'committed') expect(firstDifference(await rootContent(world, 'south', 'w'), before)).toBe(-1);
    // The host is not held up: the pair fractures and the point ends.
    await scene.write(north, 30 * REGION, 71);
    await world.settle(south.boot());
    await scene.until('what it holds is drained', () => south.up.relationships().length === 1 && rel(south).lag.writes === 0);
    await scene.synchronized();
    expect(eventsOf(south, 'mirror/digest-mismatch')).toEqual([]);
    await scene.expectBothEqual();
  });
});

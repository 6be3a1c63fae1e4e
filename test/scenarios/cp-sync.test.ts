import { describe, expect, test } from 'vitest';
import { dirty, ListTap, PARTLY, WHOLLY } from './list-tap.ts';
import { BLOCK, diskImages, eventsOf, firstDifference, hash, hashes, makeScene, REGION, rel, rootContent, type CpPhase, type Scene, type SceneOptions, type SimulatedSite } from './scene.ts';

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

/** Half-block writes are acknowledged, and the link is slow enough for the messages of the list to arrive one by one. */
async function readyToDie(options: SceneOptions): Promise<{ readonly scene: Scene; readonly tap: ListTap; readonly events: number; readonly before: Uint8Array; readonly after: Uint8Array; readonly written: number }> {
  const scene = await makeScene({ ...options, settings: { logHalfBytes: 8 * 1024 * 1024, ...options.settings } });
  const { world, south } = scene;
  const before = scene.expected.slice();
  await dirty(scene, 70);
  world.links.setLink('north', 'south', { latencyMs: 1, bandwidthBytesPerSecond: 20_000_000, up: true });
  return { scene, tap: new ListTap(south), events: scene.north.events.length, before, after: scene.expected.slice(), written: blocksWritten(scene) };
}

/** Writes that reached the destination's disks. */
function blocksWritten({ world }: Scene): number {
  return world.storage('array-south').paths('disk-').reduce((sum, path) => sum + world.storage('array-south').countersOf(path).writes, 0);
}

type Die = (scene: Scene, tap: ListTap, victim: SimulatedSite) => Promise<void>;

const atPhase = (phase: CpPhase): Die => (scene, _tap, victim) => scene.crashAtPhase(scene.north, phase, victim);

/** When so many messages of the list have arrived, and the destination has staged them. */
const afterMessages = (count: number): Die => async (scene, tap, victim) => {
  const { world, north } = scene;
  tap.onList = ({ messages }) => {
    if (messages === count) world.schedule(2, `crash ${victim.id} after ${String(count)} messages`, () => { victim.crash(); });
  };
  north.up.consistencyPoint('admin').catch(() => undefined);
  await scene.until(`${String(count)} messages came`, () => victim.server === null, 10_000);
};

/** Every block of the list is staged and written, and the destination's disks do not get to making it durable. */
const beforePrepare: Die = async (scene, tap, victim) => {
  const { world, north } = scene;
  let reached: CpPhase = 'seal';
  north.onCpPhase = (phase) => { reached = phase; };
  const fault = world.storage('array-south').inject({ kind: 'hang', prefix: 'disk-', operations: ['sync'] });
  north.up.consistencyPoint('admin').catch(() => undefined);
  await scene.until('the whole list and the question came', () => tap.prepares === 1, 10_000);
  await scene.run(200);
  expect(reached).toBe('sync');
  victim.crash();
  fault.heal();
};

/** The label of the source is durable; what it says from then on does not get through. */
const beforeTelling: Die = async (scene, _tap, victim) => {
  const { world, north } = scene;
  north.onCpPhase = (phase) => {
    if (phase !== 'label') return;
    scene.link(false);
    world.schedule(0, `crash ${victim.id} before it is told`, () => { victim.crash(); });
  };
  north.up.consistencyPoint('admin').catch(() => undefined);
  await scene.until('the label was written', () => victim.server === null, 10_000);
  north.onCpPhase = null;
  scene.link(true);
};

interface Place {
  readonly title: string;
  readonly die: Die;
  /** Messages of the list that arrived: none, some, all. */
  readonly sent: 'none' | 'some' | 'all';
  /** Whether the stage has given blocks to the disks already: it collects whole stripes first. */
  readonly onDisk: boolean;
  /** Whether the destination's own label of this point is on disk: null where either may be. */
  readonly committed: boolean | null;
}

const PLACES = {
  started: { title: 'just started, nothing sent', die: atPhase('seal'), sent: 'none', onDisk: false, committed: false },
  first: { title: 'the first message of the list came', die: afterMessages(1), sent: 'some', onDisk: false, committed: false },
  half: { title: 'half of the list came', die: afterMessages(3), sent: 'some', onDisk: false, committed: false },
  butOne: { title: 'all but one message of the list came', die: afterMessages(4), sent: 'some', onDisk: true, committed: false },
  staged: { title: 'all staged, not prepared', die: beforePrepare, sent: 'all', onDisk: true, committed: false },
  prepared: { title: 'prepared, not yet labelled at the source', die: atPhase('prepared'), sent: 'all', onDisk: true, committed: false },
  label: { title: 'label of the source durable, destination not told', die: beforeTelling, sent: 'all', onDisk: true, committed: false },
  telling: { title: 'about to tell the destination', die: atPhase('commit'), sent: 'all', onDisk: true, committed: null },
  committed: { title: 'committed on both sides, half not yet freed', die: atPhase('committed'), sent: 'all', onDisk: true, committed: true },
} as const satisfies Record<string, Place>;

/** What had reached the destination is what the place says, and its root is the last point or this one: never a blend. */
async function expectPlace(place: Place, { scene, tap, before, after, written }: Awaited<ReturnType<typeof readyToDie>>): Promise<void> {
  if (place.sent === 'none') expect(tap.messages).toBe(0);
  else {
    expect(tap.total).toBe(PARTLY + WHOLLY);
    expect(tap.withData).toBeGreaterThan(0);
    if (place.onDisk) expect(blocksWritten(scene), 'staged blocks are on the disks').toBeGreaterThan(written);
  }
  if (place.sent === 'some') expect(tap.blocks).toBeLessThan(tap.total);
  if (place.sent === 'some') expect(tap.blocks).toBeGreaterThan(0);
  if (place.sent === 'all') expect([tap.messages, tap.blocks, tap.withData]).toEqual([5, tap.total, PARTLY]);
  expect(tap.prepares).toBe(place.sent === 'all' ? 1 : 0);
  if (place.committed !== true) expect(tap.commits).toBeLessThanOrEqual(place.committed === null ? 1 : 0);
  const root = await rootContent(scene.world, 'south', 'w');
  const [asBefore, asAfter] = [firstDifference(root, before) === -1, firstDifference(root, after) === -1];
  if (place.committed === null) expect(asBefore || asAfter).toBe(true);
  else expect([asBefore, asAfter]).toEqual([!place.committed, place.committed]);
}

describe('the source dies in the middle of a consistency point', () => {
  const places: readonly (readonly [string, Place])[] = [
    ['A9, scenario 4', PLACES.started],
    ['A9, scenario 5', PLACES.first],
    ['A9, scenario 5', PLACES.half],
    ['A9, scenario 5', PLACES.butOne],
    ['A9, scenario 5', PLACES.staged],
    ['A9, scenario 9', PLACES.prepared],
    ['A9, scenario 8', PLACES.label],
    ['A9, scenario 8', PLACES.telling],
    ['A9', PLACES.committed],
  ];
  const rows = places.map(([id, place], index) => [`${id}: ${place.title}`, place, index] as const);

  test.each(rows)('%s: the promoted mirror is the last point plus every entry, never a blend', async (_title, place, index) => {
    const ready = await readyToDie({ seed: 110 + index });
    const { scene, tap } = ready;
    const { world, north, south } = scene;
    await place.die(scene, tap, north);
    await expectPlace(place, ready);
    const labelled = place.title.startsWith('prepared') || place.sent !== 'all' || place === PLACES.staged ? ready.before : ready.after;
    expect(firstDifference(await rootContent(world, 'north', 'v'), labelled), "the source's own root").toBe(-1);
    const outcome = await failedOver(scene);
    // before the commit every entry of the log is replayed, staged blocks or not; after it none is left
    if (place.committed !== null) expect(outcome['replayedRecords']).toBe(place.committed ? 0 : PARTLY + WHOLLY);
    await scene.expectContent(south);
    // and the returned source ends equal, with what the survivor wrote
    await scene.write(south, 3 * REGION, 99);
    await world.settle(north.boot());
    await scene.untilAllowed(south, 'reverse-resync');
    await scene.done(south, 'reverse-resync');
    await scene.expectBothEqual();
  });

  test.each(rows)('%s: a source that returns itself replays its log and runs the point again, to the same content', async (_title, place, index) => {
    const ready = await readyToDie({ seed: 130 + index });
    const { scene, tap } = ready;
    const { world, north } = scene;
    await place.die(scene, tap, north);
    await expectPlace(place, ready);
    await world.settle(north.boot());
    await scene.synchronized();
    await scene.until('what the destination held is in its image', () => rel(scene.south).lag.writes === 0);
    await scene.cp(north);
    expect(firstDifference(await rootContent(world, 'north', 'v'), scene.expected)).toBe(-1);
    expect(firstDifference(await rootContent(world, 'south', 'w'), scene.expected)).toBe(-1);
    await scene.expectBothEqual();
  });

  test('A9: entries that arrived while the point was running lie over its blocks in the promoted content', async () => {
    const ready = await readyToDie({ seed: 150 });
    const { scene, tap } = ready;
    const { world, north, south } = scene;
    scene.link(true);
    const fault = world.storage('array-north').inject({ kind: 'hang', prefix: 'disk-', operations: ['sync'] });
    north.up.consistencyPoint('admin').catch(() => undefined);
    await scene.until('the destination holds the whole list', () => tap.prepares === 1, 10_000);
    await scene.run(100);
    // the other half of blocks that this point carries, and a block of it again
    await scene.write(north, 4 * BLOCK + BLOCK / 2, 90, BLOCK / 2);
    await scene.write(north, 7 * BLOCK, 91, BLOCK / 2);
    await scene.write(north, (PARTLY + 1) * BLOCK, 92);
    expect(tap.commits).toBe(0);
    expect(tap.withData).toBe(PARTLY);
    north.crash();
    fault.heal();
    await scene.failover(south);
    await scene.expectContent(south);
  });
});

/** The survivor noticed the loss; what the promotion says of itself. */
async function failedOver(scene: Scene): Promise<Record<string, unknown>> {
  await scene.until('the survivor noticed the loss', () => !rel(scene.south).connected, 30_000);
  return scene.done(scene.south, 'failover');
}

describe('the destination dies in the middle of a consistency point', () => {
  const places: readonly (readonly [string, Place])[] = [
    ['scenario 5', PLACES.half],
    ['scenario 6', PLACES.staged],
    ['scenario 7', PLACES.prepared],
    ['scenario 7', PLACES.label],
    ['scenario 7', PLACES.telling],
    ['A7', PLACES.committed],
  ];
  const rows = places.map(([id, place], index) => [`${id}: ${place.title}`, place, index] as const);

  test.each(rows)('%s: it is at the point before plus its log, hosts are not held up, and resync copies only what was written since', async (_title, place, index) => {
    const ready = await readyToDie({ seed: 160 + index });
    const { scene, tap } = ready;
    const { world, north, south } = scene;
    await place.die(scene, tap, south);
    await expectPlace(place, ready);
    // The host is not held up: the pair fractures and the point ends.
    await scene.until('the point ended', () => north.up.status().cps.at(-1)?.phase === 'done', 20_000);
    await scene.until('the loss was noticed', () => eventsOf(north, 'mirror/fractured').length === 1, 20_000);
    // The log alone completes it: nobody can send anything again.
    scene.link(false);
    await world.settle(south.boot());
    await scene.until('what it holds is drained', () => south.up.relationships().length === 1 && rel(south).lag.writes === 0, 30_000);
    expect(firstDifference(await rootContent(world, 'south', 'w'), ready.after), 'this point, from the log').toBe(-1);
    // What was written meanwhile is all that is copied.
    await scene.write(north, 30 * REGION, 71);
    const sentBytes = world.links.traffic('north', 'south').aToB.sentBytes;
    scene.link(true);
    await scene.synchronized();
    expect(world.links.traffic('north', 'south').aToB.sentBytes - sentBytes, 'sent').toBeLessThan(20 * BLOCK);
    expect(eventsOf(south, 'mirror/digest-mismatch')).toEqual([]);
    expect(await scene.done(north, 'verify')).toMatchObject({ blocksDiffering: 0 });
    await scene.expectBothEqual();
  });

  test.each(rows)('%s: in strict the point is completed from the log of the destination, without a fracture or a resync', async (_title, place, index) => {
    const ready = await readyToDie({ seed: 170 + index, policy: 'strict', settings: { strictTimeoutMs: 60_000 } });
    const { scene, tap } = ready;
    const { world, north, south } = scene;
    await place.die(scene, tap, south);
    await expectPlace(place, ready);
    await world.settle(south.boot());
    await scene.synchronized();
    await scene.until('what it held is in its image', () => rel(south).lag.writes === 0);
    expect(firstDifference(await rootContent(world, 'south', 'w'), ready.after)).toBe(-1);
    // an acknowledged write shows that the destination is in the stream again
    await scene.until('hosts are served', () => north.up.volumes()[0]?.state === 'online', 30_000);
    await scene.write(north, 30 * REGION, 71);
    expect(eventsOf(north, 'mirror/fractured')).toEqual([]);
    expect(north.events.slice(ready.events).filter((event) => event.kind.includes('resync'))).toEqual([]);
    expect(eventsOf(south, 'mirror/digest-mismatch')).toEqual([]);
    expect(await scene.done(north, 'verify')).toMatchObject({ blocksDiffering: 0 });
    await scene.expectBothEqual();
  });
});

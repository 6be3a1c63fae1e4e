import { describe, expect, test } from 'vitest';
import { BLOCK, contentOf, eventsOf, firstDifference, imageState, makePair, REGION, rel, Scene, type SimulatedSite } from './scene.ts';

const SIZE = 2 * 1024 * 1024;

/** Two volumes with content of their own, paired as equal copies; `differ`: one block of them is not. */
async function pairedAsEqual(seed: number, differ: boolean): Promise<Scene> {
  const pair = await makePair({
    seed, volumeBytes: SIZE, assumeEqual: true, settings: { cpIntervalMs: 1_000_000 },
    before: async ({ world, north, south }) => {
      for (const [site, volume] of [[north, 'v'], [south, 'w']] as const) {
        for (let region = 0; region < 20; region++) await world.settle(site.up.hostVolume(volume).write(region * REGION, new Uint8Array(BLOCK).fill(region + 1)));
      }
      if (differ) await world.settle(south.up.hostVolume('w').write(7 * REGION, new Uint8Array(BLOCK).fill(200)));
    },
  });
  const scene = new Scene(pair, SIZE);
  for (let region = 0; region < 20; region++) scene.expected.fill(region + 1, region * REGION, region * REGION + BLOCK);
  scene.link(true);
  return scene;
}

const copied = (site: SimulatedSite): unknown => eventsOf(site, 'mirror/synchronized').at(-1)?.details;

describe('enabling with the assertion that both copies are equal', () => {
  test('V1: nothing is marked, compared or copied, and the pair is Synchronized at once', async () => {
    const scene = await pairedAsEqual(601, false);
    const { north, world } = scene;
    const before = world.links.traffic('north', 'south').aToB.sentBytes;
    await scene.synchronized();
    expect(copied(north)).toMatchObject({ regionsCompared: 0, bytesCopied: 0 });
    expect(world.links.traffic('north', 'south').aToB.sentBytes - before).toBeLessThan(8 * BLOCK + 20 * BLOCK);
    expect(eventsOf(north, 'mirror/assumed-equal')).toHaveLength(1);
    await scene.write(north, 3 * REGION, 99);
    await scene.expectBothEqual();
    expect(await scene.done(north, 'verify')).toMatchObject({ blocksDiffering: 0 });
  });

  test('V1: if they were not equal, a verify says so and a resync repairs exactly that', async () => {
    const scene = await pairedAsEqual(602, true);
    const { north } = scene;
    await scene.synchronized();
    expect(await scene.done(north, 'verify')).toMatchObject({ blocksDiffering: 1 });
    await scene.untilAllowed(north, 'resync');
    expect(await scene.done(north, 'resync')).toMatchObject({ bytesCopied: BLOCK });
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('V1: what hosts write while the pair is made travels, also when the source crashes in the middle', async () => {
    for (const steps of [5, 60, 120, 200, 280]) {
      const scene = await pairedAsEqual(603, false);
      const { north, south, world } = scene;
      for (let i = 0; i < 6; i++) await scene.write(north, i * REGION + BLOCK, 150 + i);
      for (let step = 0; step < steps; step++) await world.step();
      north.crash();
      await world.settle(north.boot());
      await scene.synchronized();
      expect(rel(north).role).toBe('primary');
      await scene.expectBothEqual();
      expect(imageState(south)).toBe('Synchronized');
    }
  });

  test('V1: without it everything is marked: a full sync makes different volumes equal', async () => {
    const pair = await makePair({ seed: 604, volumeBytes: SIZE, before: async ({ world, south }) => world.settle(south.up.hostVolume('w').write(REGION, new Uint8Array(BLOCK).fill(7))) });
    const scene = new Scene(pair, SIZE);
    await scene.synchronized();
    expect(copied(scene.north)).toMatchObject({ regionsCompared: SIZE / REGION });
    const { north, south, world } = scene;
    expect(firstDifference(await world.settle(contentOf(north, 'v')), await world.settle(contentOf(south, 'w')))).toBe(-1);
  });
});

import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { HALF_HEADER_BYTES } from '../../src-engine/nvlog/index.ts';
import { BLOCK, eventsOf, firstDifference, imageState, makeScene, patch, REGION, rel, type Scene } from './scene.ts';

const HALVES = ['shared/mirror-north-a.log', 'shared/mirror-north-b.log'];

/** South holds an acknowledged write in its mirror log only, and is down. */
async function heldInTheLogOnly(seed: number): Promise<Scene> {
  const scene = await makeScene({ seed });
  await scene.write(scene.north, 4 * REGION, 200);
  scene.south.crash();
  await scene.write(scene.north, 5 * REGION, 201);
  return scene;
}

describe('the files of a mirror log', () => {
  test('scenario 74: one of a newer version is left as it is: nothing is mirrored past it, and the copy is not taken over', async () => {
    const scene = await heldInTheLogOnly(701);
    const { north, south, world } = scene;
    const disk = world.storage('array-south');
    for (const path of HALVES) {
      const header = disk.peek(path, 0, HALF_HEADER_BYTES).slice();
      const view = new DataView(header.buffer);
      view.setUint32(8, 99, true);
      view.setUint32(124, crc32(header.subarray(128), crc32(header.subarray(0, 124))), true);
      await patch(world, 'array-south', path, 0, header);
    }
    const before = HALVES.map((path) => disk.peek(path).slice());
    await world.settle(south.boot());
    await scene.run(20_000);
    expect(eventsOf(south, 'mirror-log/newer-version')).toHaveLength(1);
    expect(HALVES.map((path, i) => firstDifference(disk.peek(path), before[i] ?? new Uint8Array(0)))).toEqual([-1, -1]);
    expect(disk.paths('shared/mirror-')).toEqual(HALVES);
    expect(imageState(north)).not.toBe('Synchronized');
    await scene.expectContent(north);
    // asked for by name, the refusal has a code
    const outcome = await scene.act(north, 'resync');
    if (outcome.kind === 'running') await expect(world.settle(outcome.finished)).rejects.toThrow(/newer/);
    // when the software that knows it is back
    for (const [i, path] of HALVES.entries()) {
      const header = (before[i] ?? new Uint8Array(HALF_HEADER_BYTES)).slice(0, HALF_HEADER_BYTES);
      const view = new DataView(header.buffer);
      view.setUint32(8, 1, true);
      view.setUint32(124, crc32(header.subarray(128), crc32(header.subarray(0, 124))), true);
      await patch(world, 'array-south', path, 0, header);
    }
    south.crash();
    await world.settle(south.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 69: ones that are gone are not silently made anew: the copy is offline until somebody has looked', async () => {
    const scene = await heldInTheLogOnly(702);
    const { north, south, world } = scene;
    north.crash();
    for (const path of HALVES) await world.settle(world.storage('array-south').storage.remove(path));
    await world.settle(south.boot());
    await scene.until('it takes over', () => scene.allowed(south, 'failover'), 20_000);
    await scene.done(south, 'failover');
    expect(eventsOf(south, 'mirror-log/missing')[0]?.message).toMatch(/mirror-north-a\.log and mirror-north-b\.log are missing/);
    expect(south.up.volumes()[0]).toMatchObject({ state: 'offline' });
  });

  test('damaged ones are kept for whoever can read them, others take their place and are found again', async () => {
    const scene = await heldInTheLogOnly(703);
    const { north, south, world } = scene;
    const disk = world.storage('array-south');
    for (const path of HALVES) disk.rot(path, 0, 2 * BLOCK, 400);
    const before = HALVES.map((path) => disk.peek(path).slice());
    await world.settle(south.boot());
    expect(eventsOf(south, 'mirror-log/quarantined')).toHaveLength(1);
    await scene.synchronized();
    await scene.expectBothEqual();
    expect(HALVES.map((path, i) => firstDifference(disk.peek(path), before[i] ?? new Uint8Array(0)))).toEqual([-1, -1]);
    // what the new ones hold is applied after the next crash
    await scene.write(north, 6 * REGION, 202);
    south.crash();
    north.crash();
    await world.settle(south.boot());
    await scene.expectContent(south);
    expect(eventsOf(south, 'mirror-log/quarantined')).toHaveLength(1);
    await world.settle(north.boot());
    await scene.synchronized();
    expect(rel(south).role).toBe('secondary');
    await scene.expectBothEqual();
  });
});

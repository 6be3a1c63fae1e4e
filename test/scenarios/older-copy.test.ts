import { describe, expect, test } from 'vitest';
import { contentOf, imageState, makePair } from '../server/fixture.ts';
import { BLOCK, makeScene, REGION, rel } from './scene.ts';

describe('older copies', () => {
  test('a destination whose disks were replaced by an older copy is compared whole, never believed', async () => {
    const { world, north, south } = await makePair({ seed: 77, settings: { cpIntervalMs: 200 } });
    const rest = (): boolean => imageState(north) === 'Synchronized' && north.up.relationships()[0]?.resync === null;
    expect(await world.runUntil(rest, 60_000)).toBe(true);
    const volume = north.up.hostVolume('v');
    for (let i = 0; i < 20; i++) await world.settle(volume.write(i * 65536, new Uint8Array(4096).fill(i + 1)));
    await world.settle(north.up.consistencyPoint('admin'));
    await world.settle(south.up.shutdown());
    south.crash();
    // Array and server's own device together: neither can tell that the other is old.
    const domains = [world.storage('array-south'), world.storage('server-south')];
    const old = domains.flatMap((disk) => disk.paths().map((path) => ({ disk, path, bytes: disk.peek(path, 0, disk.sizeOf(path)).slice() })));
    await world.settle(south.boot());
    expect(await world.runUntil(rest, 60_000)).toBe(true);
    for (let i = 0; i < 20; i++) await world.settle(volume.write(i * 65536 + 8192, new Uint8Array(4096).fill(100 + i)));
    await world.settle(north.up.consistencyPoint('admin'));
    await world.settle(south.up.shutdown());
    south.crash();
    for (const { disk, path, bytes } of old) {
      const file = await world.settle(disk.storage.open(path));
      await world.settle(file.write([bytes], 0));
      await world.settle(file.sync());
      await world.settle(file.close());
    }
    await world.settle(south.boot());
    expect(south.up.status().state).toEqual({ kind: 'up' });
    expect(await world.runUntil(() => rest() && imageState(south) === 'Synchronized', 60_000)).toBe(true);
    expect(await world.settle(contentOf(south, 'w'))).toEqual(await world.settle(contentOf(north, 'v')));
    expect(north.events.some((event) => event.kind === 'mirror/older-copy')).toBe(true);
  });

  test('a rolled-back image says where it stands, names every region it has given up, and is made equal again', async () => {
    const scene = await makeScene({ seed: 431, settings: { resyncBytesPerSecond: 100_000, resyncWindowRegions: 2 } });
    const { north, south, world } = scene;
    const before = rel(south).position;
    const old = scene.expected.slice();
    scene.link(false);
    await scene.until('the loss was noticed', () => !rel(north).connected);
    // blocks that the sync overwrites, blocks it makes holes of, and blocks that it never reaches
    for (let region = 0; region < 32; region++) await scene.write(north, region * REGION + BLOCK, 100 + region);
    await world.settle(scene.volumeOf(north).trim(0, 4 * REGION));
    scene.expected.fill(0, 0, 4 * REGION);
    await scene.cp(north);
    scene.link(true);
    await scene.until('half of it is copied', () => (rel(north).resync?.regionsDone ?? 0) >= 16, 60_000);
    await scene.cp(north);
    north.crash();
    await scene.until('the loss was noticed', () => !rel(south).connected && imageState(south) === 'OutOfSync', 30_000);
    const mixture = await scene.content(south);
    await scene.done(south, 'rollback');
    await scene.expectContent(south, old);
    expect(rel(south).position).toEqual(before);
    const view = await world.settle(south.up.frozenView('w'));
    expect(view.sequence).toBe(before?.sequence);
    await world.settle(view.close());
    let changed = 0;
    for (let region = 0; region < 32; region++) if (!mixture.subarray(region * REGION, (region + 1) * REGION).every((byte, i) => byte === old[region * REGION + i])) changed++;
    expect(changed).toBeGreaterThan(8);
    expect(rel(south).fractureLog.dirty).toBeGreaterThanOrEqual(changed);
    await world.settle(north.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
    expect(rel(south).position?.sequence ?? 0).toBeGreaterThan(before?.sequence ?? 0);
  });
});

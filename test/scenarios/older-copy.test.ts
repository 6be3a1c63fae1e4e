import { describe, expect, test } from 'vitest';
import { contentOf, imageState, makePair } from '../server/fixture.ts';

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
});

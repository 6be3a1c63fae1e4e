import { describe, expect, test } from 'vitest';
import { contentOf, imageState, makePair } from './fixture.ts';

function block(fill: number): Uint8Array {
  return new Uint8Array(4096).fill(fill);
}

describe('a mirrored volume', () => {
  test('A1: writes are acknowledged, synchronized and equal on both sides', async () => {
    const { world, north, south } = await makePair({ seed: 1 });
    expect(await world.runUntil(() => imageState(north) === 'Synchronized', 60_000)).toBe(true);
    const volume = north.up.hostVolume('v');
    for (let i = 0; i < 50; i++) await world.settle(volume.write(i * 8192, block(i + 1)));
    await world.settle(volume.write(100, new Uint8Array(10).fill(9)));
    const source = await world.settle(contentOf(north, 'v'));
    const destination = await world.settle(contentOf(south, 'w'));
    expect(destination).toEqual(source);
    expect(source[8192]).toBe(2);
    expect(source[105]).toBe(9);
  });

  test('a full sync sends what the disks give: a block that rotted at the source is seen at the target, repaired at the source and arrives whole', async () => {
    const { world, north, south } = await makePair({
      seed: 4,
      before: async (pair) => {
        const volume = pair.north.up.hostVolume('v');
        for (let i = 0; i < 64; i++) await pair.world.settle(volume.write(i * 4096, block(i + 1)));
        await pair.world.settle(pair.north.up.consistencyPoint('admin'));
        const disk = pair.world.storage('array-north');
        let rotten = 0;
        for (const path of disk.paths('disk-')) {
          const bytes = disk.peek(path);
          const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
          for (const fill of [7, 40]) {
            const at = image.indexOf(block(fill));
            if (at < 0) continue;
            disk.rot(path, at, 4096, 5);
            rotten++;
          }
        }
        expect(rotten).toBeGreaterThanOrEqual(2);
      },
    });
    expect(await world.runUntil(() => imageState(north) === 'Synchronized', 60_000)).toBe(true);
    expect(world.marks.get('resync/damaged-at-source') ?? 0).toBeGreaterThan(0);
    expect(world.marks.get('pool/self-heal') ?? 0).toBeGreaterThanOrEqual(2);
    const destination = await world.settle(contentOf(south, 'w'));
    for (let i = 0; i < 64; i++) expect(destination.subarray(i * 4096, (i + 1) * 4096)).toEqual(block(i + 1));
    expect(await world.settle(north.up.check())).toEqual([]);
  });
});

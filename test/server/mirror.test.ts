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
});

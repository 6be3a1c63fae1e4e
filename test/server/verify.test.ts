import { describe, expect, test } from 'vitest';
import { contentOf, imageState, makePair } from './fixture.ts';

function block(fill: number): Uint8Array {
  return new Uint8Array(4096).fill(fill);
}

describe('verify and overwrite', () => {
  test('verify compares both sides at one consistency point while hosts write, and finds nothing on equal copies', async () => {
    const { world, north } = await makePair({ seed: 11 });
    await world.runUntil(() => imageState(north) === 'Synchronized' && north.up.relationships()[0]?.resync === null, 60_000);
    const volume = north.up.hostVolume('v');
    for (let i = 0; i < 20; i++) await world.settle(volume.write(i * 65536, block(i + 1)));
    const outcome = await world.settle(north.up.act('m', 'verify', { confirmed: true }));
    expect(outcome.kind).toBe('running');
    if (outcome.kind !== 'running') return;
    const writes = Promise.all(Array.from({ length: 20 }, (_, i) => volume.write(i * 4096, block(77))));
    const [result] = await world.settle(Promise.all([outcome.finished, writes]));
    expect(result).toMatchObject({ regionsCompared: 64, blocksDiffering: 0 });
  });

  test('overwrite-primary makes the primary equal to what the fractured secondary holds, then mirrors again', async () => {
    const { world, north, south } = await makePair({ seed: 12 });
    await world.runUntil(() => imageState(north) === 'Synchronized' && north.up.relationships()[0]?.resync === null, 60_000);
    const volume = north.up.hostVolume('v');
    for (let i = 0; i < 8; i++) await world.settle(volume.write(i * 65536, block(i + 1)));
    await world.settle(north.up.act('m', 'fracture', { confirmed: true }));
    const good = await world.settle(contentOf(south, 'w'));
    for (let i = 0; i < 8; i++) await world.settle(volume.write(i * 65536, block(200 + i)));
    await world.runUntil(() => north.up.relationships()[0]?.actions.some((a) => a.action === 'overwrite-primary' && a.allowed) === true, 10_000);
    const outcome = await world.settle(north.up.act('m', 'overwrite-primary', { confirmed: true }));
    expect(outcome.kind).toBe('running');
    if (outcome.kind !== 'running') return;
    const result = await world.settle(outcome.finished);
    expect(result).toMatchObject({ regionsDiffering: 8, bytesCopied: 8 * 4096 });
    expect(await world.settle(contentOf(north, 'v'))).toEqual(good);
    expect(await world.settle(contentOf(south, 'w'))).toEqual(good);
    expect(imageState(north)).toBe('Synchronized');
    await world.settle(volume.write(0, block(5)));
  });
});

import { describe, expect, test } from 'vitest';
import { contentOf, imageState, makePair, type Pair } from './fixture.ts';

function block(fill: number): Uint8Array {
  return new Uint8Array(4096).fill(fill);
}

async function synchronized(pair: Pair): Promise<void> {
  const done = (): boolean => imageState(pair.north) === 'Synchronized' && imageState(pair.south) === 'Synchronized' && pair.north.up.relationships()[0]?.resync === null;
  expect(await pair.world.runUntil(done, 60_000)).toBe(true);
}

describe('failover, reverse resync, failback', () => {
  test('A8: source lost between consistency points: the promoted mirror has every acknowledged write', async () => {
    const pair = await makePair({ seed: 2, settings: { cpIntervalMs: 100_000 } });
    const { world, north, south } = pair;
    await synchronized(pair);
    const volume = north.up.hostVolume('v');
    for (let i = 0; i < 40; i++) await world.settle(volume.write(i * 65536, block(i + 1)));
    north.crash();
    await world.run({ untilMs: 10_000 });
    const outcome = await world.settle(south.up.act('m', 'failover', { confirmed: true, force: true }));
    expect(outcome.kind).toBe('done');
    const other = south.up.hostVolume('w');
    for (let i = 0; i < 40; i++) expect((await world.settle(other.read(i * 65536, 4096)))[17]).toBe(i + 1);
    for (let i = 0; i < 10; i++) await world.settle(other.write(i * 131072 + 4096, block(100 + i)));

    await world.settle(north.boot());
    expect(await world.runUntil(() => north.up.relationships()[0]?.role === 'secondary', 30_000)).toBe(true);
    expect(north.up.volumes()[0]?.state).toBe('fenced');
    await expect(world.settle(north.up.hostVolume('v').write(0, block(7)))).rejects.toThrow(/secondary|serves/);
    await world.runUntil(() => south.up.relationships()[0]?.actions.some((a) => a.action === 'reverse-resync' && a.allowed) === true, 10_000);
    const reverse = await world.settle(south.up.act('m', 'reverse-resync', { confirmed: true }));
    expect(reverse.kind).toBe('running');
    if (reverse.kind !== 'running') return;
    const result = await world.settle(reverse.finished);
    expect(result['bytesCopied']).toBe(10 * 4096);
    expect(await world.settle(contentOf(north, 'v'))).toEqual(await world.settle(contentOf(south, 'w')));

    const back = await world.settle(south.up.act('m', 'failback', { confirmed: true }));
    expect(back.kind).toBe('done');
    await synchronized(pair);
    expect(north.up.relationships()[0]?.role).toBe('primary');
    expect(await world.runUntil(() => north.up.volumes()[0]?.state === 'online', 10_000)).toBe(true);
    await world.settle(north.up.hostVolume('v').write(0, block(55)));
    expect(await world.settle(contentOf(south, 'w'))).toEqual(await world.settle(contentOf(north, 'v')));
  });

  test('D2: a link loss falls back to marks and returns by an update resync of just what changed', async () => {
    const pair = await makePair({ seed: 3 });
    const { world, north, south } = pair;
    await synchronized(pair);
    const volume = north.up.hostVolume('v');
    world.links.setLink('north', 'south', { latencyMs: 1, up: false });
    await world.settle(volume.write(0, block(1)));
    await world.settle(volume.write(8 * 65536, block(2)));
    expect(north.up.relationships()[0]?.fractureLog.dirty).toBe(2);
    world.links.setLink('north', 'south', { latencyMs: 1, up: true });
    await synchronized(pair);
    expect(north.up.relationships()[0]?.fractureLog.dirty).toBe(0);
    const finished = north.events.filter((event) => event.kind === 'mirror/synchronized').at(-1);
    expect(finished?.details?.['bytesCopied']).toBe(2 * 4096);
    expect(await world.settle(contentOf(south, 'w'))).toEqual(await world.settle(contentOf(north, 'v')));
  });

  test('scenario 18: a fractured pair keeps its marks over a restart of the primary', async () => {
    const pair = await makePair({ seed: 4 });
    const { world, north, south } = pair;
    await synchronized(pair);
    world.links.setLink('north', 'south', { latencyMs: 1, up: false });
    await world.settle(north.up.hostVolume('v').write(3 * 65536, block(1)));
    north.crash();
    await world.settle(north.boot());
    world.links.setLink('north', 'south', { latencyMs: 1, up: true });
    await synchronized(pair);
    const finished = north.events.filter((event) => event.kind === 'mirror/synchronized').at(-1);
    expect(finished?.details?.['bytesCopied']).toBe(4096);
    expect(await world.settle(contentOf(south, 'w'))).toEqual(await world.settle(contentOf(north, 'v')));
  });
});

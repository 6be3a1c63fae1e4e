import { expect, test } from 'vitest';
import { firstDifference, imageState, makeScene, REGION, rel, type Scene } from './scene.ts';

/** North forwards a write that its own log never gets: south alone holds it, and nobody was told of it. */
async function beyondTheEnd(scene: Scene, offset: number, fill: number): Promise<void> {
  const { north, south, world } = scene;
  world.storage('server-north').inject({ kind: 'hang', prefix: 'nvlog', operations: ['write', 'sync'] });
  const request = scene.start(north, offset, fill);
  await scene.until('the destination holds it', () => rel(south).lag.writes === 1, 500);
  await scene.run(20);
  expect(request.state).toBe('pending');
  north.crash();
  world.storage('server-north').healAll();
}

test('scenario 2: an entry that only the promoted side holds is on both sides after the reverse resync', async () => {
  const scene = await makeScene({ seed: 901 });
  const { north, south, world } = scene;
  await beyondTheEnd(scene, 4 * REGION, 200);
  await scene.failover(south);
  await scene.write(south, 6 * REGION, 77);
  await world.settle(north.boot());
  await scene.untilAllowed(south, 'reverse-resync');
  await scene.done(south, 'reverse-resync');
  await scene.synchronized();
  expect(firstDifference(await scene.content(north), await scene.content(south))).toBe(-1);
});

test('an entry beyond the end of the source is found although the source crashed once more before both sides met', async () => {
  const scene = await makeScene({ seed: 902 });
  const { north, south, world } = scene;
  await beyondTheEnd(scene, 4 * REGION, 200);
  scene.link(false);
  await world.settle(north.boot());
  await scene.run(100);
  north.crash();
  scene.link(true);
  await world.settle(north.boot());
  await scene.until('it serves', () => north.up.volumes()[0]?.state === 'online');
  await scene.synchronized();
  expect(firstDifference(await scene.content(north), await scene.content(south))).toBe(-1);
});

test('strict: a write that waits when its server learns of a newer primary is not acknowledged, and both sides end equal', async () => {
  const scene = await makeScene({ seed: 903, policy: 'strict', settings: { strictTimeoutMs: 60_000 } });
  const { north, south } = scene;
  scene.link(false);
  const request = scene.start(north, 4 * REGION, 200);
  await scene.failover(south);
  await scene.write(south, 6 * REGION, 77);
  scene.link(true);
  await scene.until('north gave way', () => rel(north).role === 'secondary', 30_000);
  expect(request.state).toBe('failed');
  await scene.untilAllowed(south, 'reverse-resync');
  await scene.done(south, 'reverse-resync');
  await scene.synchronized();
  expect(firstDifference(await scene.content(north), await scene.content(south))).toBe(-1);
});

test('scenario 33: the side that a planned swap made primary serves after the peer wait when its peer died right after the swap', async () => {
  const scene = await makeScene({ seed: 904 });
  const { north, south, world } = scene;
  const swap = north.up.act('m', 'switchover', { confirmed: true });
  swap.catch(() => undefined);
  await scene.until('south is primary', () => rel(south).role === 'primary', 10_000);
  north.crash();
  await scene.until('south serves', () => south.up.volumes()[0]?.state === 'online', 60_000);
  await scene.write(south, 6 * REGION, 77);
  expect(imageState(south)).toBe('Outdated');
  await world.settle(north.boot());
  await scene.synchronized();
  await scene.expectBothEqual();
});

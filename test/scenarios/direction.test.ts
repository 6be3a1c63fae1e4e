import { expect, test } from 'vitest';
import { makeScene, REGION, rel } from './scene.ts';

test('V5: an interrupted reverse resync locks the direction until the old source is restored to its image before it, and then the direction is free', async () => {
  const scene = await makeScene({ seed: 960, settings: { resyncBytesPerSecond: 100_000, resyncWindowRegions: 1 } });
  const { world, north, south } = scene;
  // given: south was promoted and wrote everywhere; its reverse resync to north is cut in the middle
  north.crash();
  await scene.failover(south);
  const before = scene.expected.slice();
  for (let region = 0; region < 32; region++) await scene.write(south, region * REGION, 120);
  await world.settle(north.boot());
  await scene.untilAllowed(south, 'reverse-resync');
  const outcome = await scene.act(south, 'reverse-resync');
  if (outcome.kind !== 'running') throw new Error('it runs');
  outcome.finished.catch(() => undefined);
  await scene.until('it has begun to copy', () => (outcome.progress()?.regionsDone ?? 0) > 4);
  await scene.run(500);
  scene.link(false);
  await scene.until('both noticed', () => !rel(south).connected && !rel(north).connected, 30_000);
  // then: a mixture, which nobody may promote or copy the other way
  await scene.until('it says so', () => rel(north).imageState === 'OutOfSync', 30_000);
  for (const action of ['failover', 'resync', 'failback']) expect(await scene.refused(north, action), action).toMatch(/^R\d\d$/);
  // when it is restored from the point-in-time copy, it is whole again, and may be promoted
  await scene.done(north, 'rollback');
  await scene.expectContent(north, before);
  expect(scene.allowed(north, 'failover')).toBe(true);
});

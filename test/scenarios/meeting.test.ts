import { describe, expect, it } from 'vitest';
import { BLOCK, contentOf, firstDifference, makeScene, REGION, rel, type Scene } from './scene.ts';
import type { SimulatedSite } from '../server/fixture.ts';

/** A write that the destination holds durably and the source's log does not; then both servers die. */
async function halfDurable(scene: Scene, at: number): Promise<void> {
  const { north, south, world } = scene;
  await scene.write(north, at, 52);
  const fault = world.storage('server-north').inject({ kind: 'hang', prefix: 'nvlog-', operations: ['write', 'sync'] });
  const request = scene.start(north, at, 64);
  await scene.run(50);
  expect(request.state, 'the source cannot acknowledge it').toBe('pending');
  north.crash('lose');
  south.crash('keep');
  fault.heal();
}

/** Both sides claim that there is nothing between them. */
function claimed(scene: Scene): boolean {
  const sides = [scene.north, scene.south];
  return sides.every((site) => site.server?.status().state.kind === 'up' && rel(site).imageState === 'Synchronized' && rel(site).conditions.every(({ code }) => code === 'Active'));
}

type Sight = { readonly ms: number; readonly difference: number };

/** From now on, both copies are compared whenever the pair begins to claim that it is in sync. */
function compareClaims(scene: Scene): Promise<Sight>[] {
  const sights: Promise<Sight>[] = [];
  let before = false;
  scene.world.afterEach.push(() => {
    const now = claimed(scene);
    if (now && !before) {
      const ms = scene.world.nowMs;
      sights.push(Promise.all([contentOf(scene.north, 'v'), contentOf(scene.south, 'w')]).then(([v, w]) => ({ ms, difference: firstDifference(v, w) })));
    }
    before = now;
  });
  return sights;
}

describe('a pair that meets again after both servers died', () => {
  for (const policy of ['availability', 'strict'] as const) {
    for (const [name, order] of [['source first', ['north', 'south']], ['destination first', ['south', 'north']], ['both at once', []]] as const) {
      for (const apartMs of [0, 200]) {
        it(`${policy}, ${name}, ${String(apartMs)} ms apart: says Synchronized only while both copies are equal, and no host reads what is taken over later`, async () => {
          const scene = await makeScene({ seed: 17_000_000 + apartMs, policy });
          const { north, south, world } = scene;
          const at = 3 * REGION + BLOCK;
          await halfDurable(scene, at);
          const sights = compareClaims(scene);
          const sites: Record<string, SimulatedSite> = { north, south };
          const seen: number[] = [];
          const read = (): void => { north.up.hostVolume('v').read(at, 1).then((bytes) => { seen.push(bytes[0] ?? -1); }, () => undefined); };
          if (order.length === 0) await world.settle(Promise.all([north.boot(), south.boot()]));
          for (const id of order) {
            await world.settle(sites[id]?.boot() ?? Promise.reject(new Error('no such site')));
            if (id === 'north') read();
            await scene.run(apartMs);
          }
          for (let i = 0; i < 20; i++) {
            read();
            await scene.run(1);
          }
          await scene.synchronized();
          read();
          await scene.run(2000);
          const found = await world.settle(Promise.all(sights));
          expect(found.length, 'the pair came to say Synchronized').toBeGreaterThan(0);
          expect(found.filter(({ difference }) => difference >= 0), 'claims that were not true').toEqual([]);
          const [v, w] = [await scene.content(north), await scene.content(south)];
          expect(firstDifference(v, w), 'both copies').toBe(-1);
          expect(seen.length, 'every read was answered').toBeGreaterThan(20);
          expect(new Set(seen), 'a host that has read the block reads the same ever after').toEqual(new Set([v[at]]));
        });
      }
    }
  }
});

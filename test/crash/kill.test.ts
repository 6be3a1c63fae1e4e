import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoorClient } from '../../src-main/engine/index.ts';
import { startHost, type Host } from './host.ts';
import { BLOCK, Ledger, Load } from './ledger.ts';
import { Seeded } from './seeded.ts';
import { createSmallLab, MIB, synchronized, temporaryDirectory, VOLUMES } from './small-lab.ts';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 50);
const SEED = Number(process.env['CRASH_SEED'] ?? randomInt(2 ** 31));
/** Small, so that a kill costs seconds: what is written is written again and again, consistency points and resyncs overlap. */
const SIZES = { volumeBytes: 4 * MIB, diskBytes: 16 * MIB, logHalfBytes: 2 * MIB };
/** Both sides are waited for and compared after every so many kills; in between kills meet resyncs. */
const COMPARED_EVERY = 3;

const random = new Seeded(SEED);
const directory = temporaryDirectory();
const ledgers = VOLUMES.map((volume) => new Ledger(volume, SIZES.volumeBytes));
let host: Host | null = null;

beforeAll(async () => {
  host = await createSmallLab(directory.path, SIZES);
});
afterAll(async () => {
  await host?.stop();
  directory.remove();
});

/** Compares both copies at once if the pair says Synchronized, Active; false when it does not. */
async function expectEqualIfClaimed(client: DoorClient, volume: string, where: string): Promise<boolean> {
  const mirror = (await client.mirror.list({})).find((one) => one.name === volume);
  if (mirror?.imageState !== 'Synchronized' || mirror.conditions.some(({ code }) => code !== 'Active')) return false;
  const read = async (name: string): Promise<Buffer> =>
    Buffer.from((await client.volume.read({ volume: name, offset: 0, length: SIZES.volumeBytes })).dataBase64, 'base64');
  // The copy first: should it give something up a moment later, it is seen here.
  const copy = await read(`${volume}-copy`);
  const source = await read(volume);
  const blocks = Array.from({ length: SIZES.volumeBytes / BLOCK }, (_, n) => n);
  const differing = blocks.filter(
    (n) => Buffer.compare(copy.subarray(n * BLOCK, (n + 1) * BLOCK), source.subarray(n * BLOCK, (n + 1) * BLOCK)) !== 0,
  );
  expect(differing, `${where}: blocks of ${volume} that differ although the pair is in sync`).toEqual([]);
  return true;
}

describe(`SIGKILL of the real host under load, seed ${SEED}`, () => {
  it(
    `scenario 72: after each of ${KILLS} kills at random moments the lab is clean and holds every acknowledged write, and so does the copy once it is in sync again`,
    { timeout: 120_000 + KILLS * 60_000 },
    async () => {
      const startedAt = performance.now();
      const startMs: number[] = [];
      let claims = 0;
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const running: Host = host ?? (await startHost(directory.path));
        const loads = ledgers.map((ledger) => new Load(running.client, ledger, random, 4));
        const moment = 50 + random.below(random.chance(0.7) ? 700 : 2000);
        await new Promise((resolve) => setTimeout(resolve, moment));
        const exit = await running.kill();
        host = null;
        await Promise.all(loads.map((load) => load.stop()));
        // The launcher that started it may be a process of its own: it tells by its exit code.
        expect(exit.signal === 'SIGKILL' || exit.code === 128 + 9, `${JSON.stringify(exit)} ${running.errors()}`).toBe(
          true,
        );

        host = await startHost(directory.path);
        startMs.push(host.startMs);
        const where = `kill ${kill} of seed ${SEED} after ${moment} ms`;
        // No host writes now: whenever a pair says that it is in sync both copies are equal, from the first moment on.
        for (const ledger of ledgers)
          claims += (await expectEqualIfClaimed(host.client, ledger.volume, where)) ? 1 : 0;
        for (const ledger of ledgers) expect(await ledger.verify(host.client), `${where}: source`).toEqual([]);
        if (kill % COMPARED_EVERY === 0 || kill === KILLS) {
          await synchronized(host.client);
          for (const ledger of ledgers) {
            expect(await expectEqualIfClaimed(host.client, ledger.volume, where), `${where}: still in sync`).toBe(true);
            expect(await ledger.verify(host.client, `${ledger.volume}-copy`), `${where}: destination`).toEqual([]);
          }
        }
        expect(await host.client.lab.check({}), where).toMatchObject({ verdict: 'clean', problems: [] });
      }
      const acknowledged = ledgers.reduce((sum, ledger) => sum + ledger.acknowledgedWrites, 0);
      const unanswered = ledgers.reduce((sum, ledger) => sum + ledger.unansweredWrites, 0);
      console.log(
        `seed ${SEED}: ${KILLS} kills in ${Math.round((performance.now() - startedAt) / 1000)} s, ${acknowledged} acknowledged writes, 0 lost, ` +
          `${unanswered} unanswered; ${claims} times in sync at once; slowest start ${Math.round(Math.max(...startMs))} ms`,
      );
      expect(acknowledged).toBeGreaterThan(KILLS * 10);
      // Kills that meet an idle host show nothing.
      expect(unanswered).toBeGreaterThan(KILLS);
    },
  );
});

import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHost, type Host } from './host.ts';
import { Ledger, Load } from './ledger.ts';
import { Seeded } from './seeded.ts';
import { createSmallLab, synchronized, temporaryDirectory, VOLUME_BYTES, VOLUMES } from './small-lab.ts';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 5);
const SEED = Number(process.env['CRASH_SEED'] ?? randomInt(2 ** 31));
const random = new Seeded(SEED);
const directory = temporaryDirectory();
const ledgers = VOLUMES.map((volume) => new Ledger(volume, VOLUME_BYTES));
let host: Host | null = null;

beforeAll(async () => {
  host = await createSmallLab(directory.path);
});
afterAll(async () => {
  await host?.stop();
  directory.remove();
});

describe(`SIGKILL of the real host under load, seed ${SEED}`, () => {
  it(`scenario 72: after each of ${KILLS} kills at random moments the lab is clean and holds every acknowledged write on both sides`, async () => {
    const startMs: number[] = [];
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const running: Host = host ?? (await startHost(directory.path));
      const loads = ledgers.map((ledger) => new Load(running.client, ledger, random, 4));
      // Also moments at which the mirrors are still resynchronizing after the last kill.
      const moment = random.chance(0.3) ? random.below(300) : random.below(2500);
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
      const { client } = host;
      const where = `kill ${kill} of seed ${SEED} after ${moment} ms`;
      for (const ledger of ledgers) expect(await ledger.verify(client), `${where}: source`).toEqual([]);
      if (random.chance(0.7) || kill === KILLS) {
        await synchronized(client);
        expect(await client.lab.check({}), where).toMatchObject({ verdict: 'clean', problems: [] });
        for (const ledger of ledgers)
          expect(await ledger.verify(client, `${ledger.volume}-copy`), `${where}: destination`).toEqual([]);
        for (const ledger of ledgers) {
          const [source, destination] = await Promise.all([
            client.volume.checksum({ volume: ledger.volume }),
            client.volume.checksum({ volume: `${ledger.volume}-copy` }),
          ]);
          expect(destination.sha256, where).toBe(source.sha256);
        }
      } else {
        expect(await client.lab.check({}), where).toMatchObject({ verdict: 'clean', problems: [] });
      }
    }
    const acknowledged = ledgers.reduce((sum, ledger) => sum + ledger.acknowledgedWrites, 0);
    const unanswered = ledgers.reduce((sum, ledger) => sum + ledger.unansweredWrites, 0);
    const slowest = Math.max(...startMs);
    console.log(
      `seed ${SEED}: ${KILLS} kills, ${acknowledged} acknowledged writes, 0 lost, ${unanswered} unanswered; slowest start ${Math.round(slowest)} ms`,
    );
    expect(acknowledged).toBeGreaterThan(KILLS * 10);
  });
});

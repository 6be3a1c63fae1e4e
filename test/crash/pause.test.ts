import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHost, type Host } from './host.ts';
import { Ledger, Load } from './ledger.ts';
import { Seeded } from './seeded.ts';
import { createSmallLab, synchronized, temporaryDirectory, VOLUME_BYTES, VOLUMES } from './small-lab.ts';

const directory = temporaryDirectory();
let host: Host | null = null;

beforeAll(async () => {
  host = await createSmallLab(directory.path);
});
afterAll(async () => {
  await host?.stop();
  directory.remove();
});

it('scenario 72: a host asleep (SIGSTOP) under load for longer than any timeout goes on where it was, and survives a kill afterwards', async () => {
  const running = host ?? (await startHost(directory.path));
  const random = new Seeded(5);
  const ledgers = VOLUMES.map((volume) => new Ledger(volume, VOLUME_BYTES));
  const loads = ledgers.map((ledger) => new Load(running.client, ledger, random, 4));
  await pause(500);
  running.signal('SIGSTOP');
  await pause(7000);
  const before = ledgers.map((ledger) => ledger.acknowledgedWrites);
  running.signal('SIGCONT');
  await pause(1500);
  await Promise.all(loads.map((load) => load.stop()));
  ledgers.forEach((ledger, index) => expect(ledger.acknowledgedWrites).toBeGreaterThan((before[index] ?? 0) + 5));
  await synchronized(running.client);
  await running.kill();
  host = await startHost(directory.path);
  await synchronized(host.client);
  for (const ledger of ledgers) {
    expect(await ledger.verify(host.client)).toEqual([]);
    expect(await ledger.verify(host.client, `${ledger.volume}-copy`)).toEqual([]);
  }
  expect(await host.client.lab.check({})).toMatchObject({ verdict: 'clean', problems: [] });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHost, type Host } from './host.ts';
import { Ledger, Load } from './ledger.ts';
import { Seeded } from './seeded.ts';
import { createSmallLab, MIB, synchronized, temporaryDirectory, until, VOLUME_BYTES, VOLUMES } from './small-lab.ts';

const directory = temporaryDirectory();
const lab = join(directory.path, 'lab');
const filler = join(directory.path, 'filler');
const mounted =
  process.getuid?.() === 0 &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', directory.path], { stdio: 'ignore' }).status === 0;
let host: Host | null = null;

beforeAll(async () => {
  if (!mounted) return;
  mkdirSync(lab);
  host = await createSmallLab(lab);
});
afterAll(async () => {
  await host?.stop();
  if (mounted) execFileSync('umount', [directory.path]);
  directory.remove();
});

// Where it cannot run, the totals of the test command name it with this reason.
const title = mounted ? 'a full file system' : 'a full file system (a tmpfs cannot be mounted here: that takes root)';
describe.skipIf(!mounted)(title, () => {
  it('scenario 68: writes stop with a named state, nothing acknowledged is lost, and they go on when space is back', async () => {
    if (host === null) throw new Error('the host runs');
    const { client } = host;
    const random = new Seeded(3);
    const ledgers = VOLUMES.map((volume) => new Ledger(volume, VOLUME_BYTES));
    fill(2 * MIB);
    const loads = ledgers.map((ledger) => new Load(client, ledger, random, 4));
    await until(async () => {
      const states = (await client.volume.list({})).map(
        (volume) => `${volume.name} ${volume.state} ${volume.cause ?? ''}`,
      );
      return states.some((state) => /suspended/.test(state) && /space/i.test(state)) ? null : states.join(', ');
    }, 60_000);
    await Promise.all(loads.map((load) => load.stop()));

    rmSync(filler);
    await until(async () => {
      const states = (await client.volume.list({})).map(
        (volume) => `${volume.name} ${volume.state} ${volume.cause ?? ''}`,
      );
      return states.some((state) => !/serving|secondary/.test(state)) ? states.join(', ') : null;
    }, 60_000);
    await synchronized(client);
    // Written down late: the catalog had no room either.
    const kinds = (await client.event.list({ limit: 200 })).events.map((event) => event.kind);
    expect(kinds).toContain('server/suspended');
    expect(kinds).toContain('server/resumed');
    // In place: no server was started anew.
    const starts = kinds.filter((kind) => kind === 'server/up').length;
    expect(starts).toBe((await client.server.list({})).length);
    for (const ledger of ledgers) {
      expect(await ledger.verify(client)).toEqual([]);
      expect(await ledger.verify(client, `${ledger.volume}-copy`)).toEqual([]);
    }
    const again = ledgers.map((ledger) => new Load(client, ledger, random, 2));
    const before = ledgers.map((ledger) => ledger.acknowledgedWrites);
    await until(async () =>
      Promise.resolve(
        ledgers.every((ledger, i) => ledger.acknowledgedWrites > (before[i] ?? 0) + 10) ? null : 'writes',
      ),
    );
    await Promise.all(again.map((load) => load.stop()));
    await host.kill();
    host = await startHost(lab);
    for (const ledger of ledgers) expect(await ledger.verify(host.client)).toEqual([]);
    await synchronized(host.client);
    expect(await host.client.lab.check({})).toMatchObject({ verdict: 'clean', problems: [] });
  });
});

/** Leaves `leftBytes` on the file system. */
function fill(leftBytes: number): void {
  const file = openSync(filler, 'w');
  const { bavail, bsize } = statfsSync(directory.path);
  const chunk = Buffer.alloc(MIB, 1);
  for (let left = bavail * bsize - leftBytes; left > 0; left -= chunk.length)
    writeSync(file, chunk, 0, Math.min(left, MIB));
  fsyncSync(file);
  closeSync(file);
}

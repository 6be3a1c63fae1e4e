import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

const directory = temporaryDirectory();
let lab: OpenLab;

beforeAll(async () => {
  lab = await open(directory.path, true);
});
afterAll(async () => {
  await lab.close();
  directory.remove();
});

const settled = (): Promise<void> =>
  until('both mirrors are synchronized and serve', async () =>
    (await lab.client.mirror.list()).every((mirror) => mirror.imageState === 'Synchronized' && mirror.acting !== null),
  );

/** Vitest fails the run on any rejection that nobody handles: a pump or a timer that outlives its files shows there. */
describe('a server that is powered off under load', () => {
  it('scenario 72: ends in order, whichever side, and whatever runs: everything acknowledged is there', async () => {
    const { client } = lab;
    await settled();
    for (const volume of ['orders', 'payroll'])
      await client.workload.start({ volume, profile: 'random', queueDepth: 16 });
    for (const server of ['north-1', 'south-1', 'north-1', 'south-1']) {
      const before = (await client.workload.list()).map((workload) => workload.acknowledgedWrites);
      await until('both workloads write', async () =>
        (await client.workload.list()).every((workload, i) => workload.acknowledgedWrites > (before[i] ?? 0) + 50),
      );
      await client.server.powerOff({ server, confirm: server });
      expect((await client.server.show({ server })).state).toBe('down');
      await client.server.powerOn({ server });
    }
    await client.workload.stop({});
    const report = await client.workload.audit({});
    expect(report.acknowledged).toBeGreaterThan(400);
    expect(report).toMatchObject({ lost: 0, torn: 0, stale: 0, misplaced: 0 });
  });

  it('ends an action that runs there: its caller is told that the server is down, and no gate opens again', async () => {
    const { client } = lab;
    await settled();
    for (const volume of ['orders', 'payroll'])
      await client.workload.start({ volume, profile: 'random', queueDepth: 16 });
    const codes: string[] = [];
    for (let round = 0; round < 3; round++) {
      await settled();
      const swaps = ['orders', 'payroll'].map((mirror) =>
        client.mirror.switchover({ mirror, confirm: mirror }).then(
          () => 'done',
          async (error: unknown) => (await refusalOf(Promise.reject(error as Error))).code,
        ),
      );
      for (const server of ['north-1', 'south-1']) await client.server.powerOff({ server, confirm: server });
      codes.push(...(await Promise.all(swaps)));
      for (const server of ['north-1', 'south-1']) await client.server.powerOn({ server });
    }
    expect(codes).toHaveLength(6);
    await settled();
    await client.workload.stop({});
    expect(await client.workload.audit({})).toMatchObject({ lost: 0, torn: 0, stale: 0, misplaced: 0 });
    expect((await client.lab.check({})).problems).toEqual([]);
  });
});

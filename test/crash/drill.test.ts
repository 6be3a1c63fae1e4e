import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DoorClient } from '../../src-main/engine/index.ts';
import { startHost, type Host } from './host.ts';
import { createSmallLab, MIB, synchronized, temporaryDirectory, until } from './small-lab.ts';

const directory = temporaryDirectory();
let host: Host | null = null;

beforeAll(async () => {
  host = await createSmallLab(directory.path, { volumeBytes: 4 * MIB, diskBytes: 16 * MIB, logHalfBytes: 2 * MIB });
});
afterAll(async () => {
  await host?.stop();
  directory.remove();
});

/** A guided drill that has lost the site and failed over: it owes a site and the way back. */
async function failedOver(client: DoorClient): Promise<string> {
  const { id } = await client.drill.start({ guided: true, mirror: 'ledger', seed: 4 });
  for (const step of ['prepare', 'workload', 'synchronize', 'crash', 'failover'] as const) {
    await client.drill.advance({ drill: id });
    await until(async () => {
      const drill = await client.drill.status({ drill: id });
      return drill?.state === 'waiting' ? null : `${step}: ${String(drill?.state)} ${drill?.error?.message ?? ''}`;
    }, 60_000);
  }
  return id;
}

const moments: readonly (readonly [string, (client: DoorClient, drill: string) => Promise<boolean>])[] = [
  ['as it begins', async (client, drill) => (await client.drill.status({ drill }))?.state === 'cleanup-incomplete'],
  ['once the site is healed', async (client) => (await client.fault.list()).length === 0],
  [
    'on the way back to the home roles',
    async (client) => (await client.mirror.show({ mirror: 'ledger' })).actions.some((one) => one.action === 'failback' && one.allowed),
  ],
];

it.each(moments)('scenario 75: a drill whose clean-up is killed %s is CleanupIncomplete after the restart, refuses a second drill, and is cleaned up when asked again', async (_when, reached) => {
  let running = host ?? (await startHost(directory.path));
  const drill = await failedOver(running.client);
  expect((await running.client.mirror.show({ mirror: 'ledger' })).direction).toBe('reversed');
  // The clean-up itself is under way when the process dies.
  running.client.drill.cancel({ drill }).catch(() => undefined);
  await until(async () => ((await reached(running.client, drill)) ? null : 'the moment'), 60_000);
  await running.kill();
  host = running = await startHost(directory.path);
  const { client } = running;
  expect((await client.drill.status({ drill }))?.state).toBe('cleanup-incomplete');
  await expect(client.drill.start({ mirror: 'ledger' })).rejects.toMatchObject({
    data: { code: 'R20', details: { drill, state: 'cleanup-incomplete' } },
  });
  expect((await client.drill.status({}))?.id, 'no second drill began').toBe(drill);
  expect(await client.drill.cancel({ drill })).toMatchObject({ state: 'cancelled', error: null });
  expect(await client.fault.list()).toEqual([]);
  expect(await client.mirror.show({ mirror: 'ledger' })).toMatchObject({ direction: 'forward', acting: 'north' });
  expect((await client.workload.list()).every((workload) => workload.state !== 'running')).toBe(true);
  await synchronized(client);
  expect((await client.workload.audit({ volume: 'ledger' })).lost).toBe(0);
});

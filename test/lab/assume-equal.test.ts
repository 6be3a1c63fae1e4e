import { afterAll, beforeAll, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

const MIB = 1024 * 1024;
const directory = temporaryDirectory();
let lab: OpenLab;

beforeAll(async () => {
  lab = await open(directory.path, true);
  for (const [name, pool] of [['twin', 'north-pool'], ['twin-copy', 'south-pool']] as const)
    await lab.client.volume.create({ name, pool, sizeBytes: 8 * MIB });
});
afterAll(async () => {
  await lab.close();
  directory.remove();
});

it('V1: a mirror of volumes that are declared equal wants its name typed, copies nothing, and a verify tells the truth', async () => {
  const { client } = lab;
  const spec = { name: 'twin', source: 'twin', destination: 'twin-copy', assumeEqual: true };
  for (const confirm of [undefined, 'twins']) {
    expect(await refusalOf(client.mirror.create(confirm === undefined ? spec : { ...spec, confirm }))).toMatchObject({ code: 'R30', overridable: true });
  }
  expect((await client.mirror.list()).map((mirror) => mirror.name)).not.toContain('twin');
  await client.mirror.create({ ...spec, confirm: 'twin' });
  await until('twin synchronized', async () => (await client.mirror.show({ mirror: 'twin' })).imageState === 'Synchronized');
  const job = await client.mirror.verify({ mirror: 'twin' });
  const finished = await client.job.wait({ job: job.id, timeoutSeconds: 30 });
  expect(finished).toMatchObject({ state: 'done', result: { blocksDiffering: 0 } });
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory, type OpenLab } from './real-lab.ts';

const MIB = 1024 * 1024;
const directory = temporaryDirectory();
let lab: OpenLab;

beforeAll(async () => {
  lab = await open(directory.path, true);
  const { client } = lab;
  await client.site.create({ name: 'west' });
  await client.cluster.create({ name: 'west', site: 'west' });
  await client.server.create({ name: 'west-1', cluster: 'west' });
  await client.array.create({ name: 'west-array', cluster: 'west', disks: 4, diskSizeBytes: 32 * MIB });
});
afterAll(async () => {
  await lab.close();
  directory.remove();
});

it('disks that hold a pool are refused by what stands on them, also where the catalog has forgotten it', async () => {
  const make = (name: string) => lab.client.pool.create({ name, array: 'west-array', level: 'raid5', owner: 'west-1' });
  await make('kept');
  await lab.client.volume.create({ name: 'ledger', pool: 'kept', sizeBytes: 4 * MIB });
  const record = lab.lab.topology.pools.find('kept');
  lab.lab.topology.volumes.remove(lab.lab.topology.volumes.find('ledger').id);
  lab.lab.topology.pools.remove(record.id);
  expect(await refusalOf(make('taken'))).toMatchObject({
    code: 'pool/slot-unusable',
    message: 'west-array: disk 0 cannot be used: it belongs to the pool kept.',
  });
  await lab.client.server.powerOff({ server: 'west-1' });
  await lab.client.server.powerOn({ server: 'west-1' });
  expect(await refusalOf(make('taken'))).toMatchObject({
    code: 'pool/slot-unusable',
    message: 'west-array: disk 0 cannot be used: it carries a label of the pool kept.',
  });
  expect((await lab.client.pool.list()).map((pool) => pool.name)).not.toContain('taken');
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

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
  for (const other of ['north', 'south']) await client.link.create({ name: `west-${other}`, sites: ['west', other] });
});
afterAll(async () => {
  await lab.close();
  directory.remove();
});

/** Both at once: what one of them was told when it was refused; fails unless exactly one was. */
async function oneRefused(first: Promise<unknown>, second: Promise<unknown>): Promise<string> {
  const outcomes = await Promise.all(
    [first, second].map((call) =>
      call.then(
        () => null,
        async () => (await refusalOf(call)).code,
      ),
    ),
  );
  const codes = outcomes.filter((code) => code !== null);
  expect(codes).toHaveLength(1);
  return codes[0] ?? '';
}

describe('two changes at the same moment', () => {
  it('never make two pools of the same disks; both volumes outlive a restart', async () => {
    const make = (name: string) =>
      lab.client.pool.create({ name, array: 'west-array', level: 'raid5', owner: 'west-1' });
    const pools = ['west-a', 'west-b'].map(make);
    expect(await oneRefused(pools[0] ?? Promise.resolve(), pools[1] ?? Promise.resolve())).toBe('pool/too-few-disks');
    const made = (await lab.client.pool.list()).filter((pool) => pool.array === 'west-array');
    expect(made).toHaveLength(1);
    await lab.client.volume.create({ name: 'ledger', pool: made[0]?.name ?? '', sizeBytes: 4 * MIB });
    const data = Buffer.alloc(65_536, 7);
    await lab.client.volume.write({ volume: 'ledger', offset: 0, dataBase64: data.toString('base64') });
    await lab.close();
    lab = await open(directory.path, false);
    const read = await lab.client.volume.read({ volume: 'ledger', offset: 0, length: 65_536 });
    expect(Buffer.from(read.dataBase64, 'base64').equals(data)).toBe(true);
  });
  it('never leave a volume on the pool that was refused its name', async () => {
    const make = (sizeBytes: number) => lab.client.volume.create({ name: 'twin', pool: 'north-pool', sizeBytes });
    expect(await oneRefused(make(MIB), make(2 * MIB))).toBe('volume/name-taken');
    await lab.close();
    lab = await open(directory.path, false);
    const names = (await lab.client.volume.list()).map((volume) => volume.name);
    expect(names).toEqual(['payroll', 'orders', 'payroll-copy', 'orders-copy', 'ledger', 'twin']);
  });
  it('never give one volume two mirrors', async () => {
    await lab.client.volume.create({ name: 'twin-south', pool: 'south-pool', sizeBytes: 8 * MIB });
    const pool = (await lab.client.pool.list()).find((one) => one.array === 'west-array');
    await lab.client.volume.create({ name: 'twin-west', pool: pool?.name ?? '', sizeBytes: 8 * MIB });
    await lab.client.volume.grow({ volume: 'twin', sizeBytes: 8 * MIB });
    const make = (name: string) => lab.client.mirror.create({ name, source: 'twin', destination: name });
    expect(await oneRefused(make('twin-south'), make('twin-west'))).toBe('mirror/volume-mirrored');
    const mirror = (await lab.client.mirror.list()).find((one) => one.source.volume === 'twin');
    await until('twin synchronized', async () =>
      ['Synchronized', 'Consistent'].includes((await lab.client.mirror.show({ mirror: mirror?.id ?? '' })).imageState),
    );
  });
  it('never mirror a volume in the size it had before it grew', async () => {
    await lab.client.volume.create({ name: 'small', pool: 'north-pool', sizeBytes: 2 * MIB });
    await lab.client.volume.create({ name: 'small-copy', pool: 'south-pool', sizeBytes: 2 * MIB });
    const growing = lab.client.volume.grow({ volume: 'small', sizeBytes: 4 * MIB });
    const pairing = refusalOf(lab.client.mirror.create({ name: 'small', source: 'small', destination: 'small-copy' }));
    await growing;
    expect(await pairing).toMatchObject({ code: 'R19' });
  });
  it('never start a workload on a volume that is being deleted', async () => {
    const deleting = lab.client.volume.delete({ volume: 'small-copy', confirm: 'small-copy' });
    const starting = refusalOf(lab.client.workload.start({ volume: 'small-copy' }));
    await deleting;
    expect(await starting).toMatchObject({ code: 'volume/not-found' });
    expect((await lab.client.workload.list()).filter((workload) => workload.volume === 'small-copy')).toEqual([]);
  });
  it('never make half an array, and growing does not bring a deleted volume back', async () => {
    const array = { name: 'spare', cluster: 'west', disks: 2, diskSizeBytes: 32 * MIB };
    expect(await oneRefused(lab.client.array.create(array), lab.client.array.create(array))).toBe('array/name-taken');
    const deleting = lab.client.volume.delete({ volume: 'small', confirm: 'small' });
    const growing = refusalOf(lab.client.volume.grow({ volume: 'small', sizeBytes: 8 * MIB }));
    await deleting;
    expect(await growing).toMatchObject({ code: 'volume/not-found' });
    expect((await lab.client.volume.list()).map((volume) => volume.name)).not.toContain('small');
  });
});

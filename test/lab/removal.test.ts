import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

const MIB = 1024 * 1024;
let directory: ReturnType<typeof temporaryDirectory>;
let lab: OpenLab;

/** A site with one of everything, but no volume. */
async function west(): Promise<void> {
  const { client } = lab;
  await client.site.create({ name: 'west' });
  await client.cluster.create({ name: 'west', site: 'west' });
  await client.server.create({ name: 'west-1', cluster: 'west' });
  await client.array.create({ name: 'west-array', cluster: 'west', disks: 4, diskSizeBytes: 32 * MIB });
  await client.pool.create({ name: 'west-pool', array: 'west-array', level: 'raid5', owner: 'west-1' });
  await client.link.create({ name: 'west-north', sites: ['west', 'north'] });
}
async function again(): Promise<void> {
  await lab.close();
  lab = await open(directory.path, false);
}
const filesIn = (folder: string): readonly string[] => {
  const path = join(directory.path, folder);
  return existsSync(path) ? readdirSync(path, { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).map((e) => e.name) : []; // prettier-ignore
};
const write = (volume: string, byte: number) =>
  lab.client.volume.write({ volume, offset: 0, dataBase64: Buffer.alloc(65_536, byte).toString('base64') });

beforeEach(async () => {
  directory = temporaryDirectory();
  lab = await open(directory.path, true);
  await west();
});
afterEach(async () => {
  await lab.close();
  directory.remove();
});

describe('what goes for good', () => {
  it('goes from the inside out, each refusing by naming what is still in it, and leaves nothing behind', async () => {
    const { client } = lab;
    await client.volume.create({ name: 'spare', pool: 'west-pool', sizeBytes: 4 * MIB });
    await write('spare', 7);
    const site = await refusalOf(client.site.delete({ site: 'west' }));
    expect(site).toMatchObject({ code: 'site/not-empty', overridable: false });
    expect(site.details).toEqual({ holds: ['cluster west', 'link west-north'] });
    expect(await refusalOf(client.cluster.delete({ cluster: 'west' }))).toMatchObject({
      code: 'cluster/not-empty',
      message: 'west is not empty: server west-1 and array west-array are in it.',
    });
    expect((await refusalOf(client.server.delete({ server: 'west-1', confirm: 'west-1' }))).code).toBe(
      'server/not-empty',
    );
    expect((await refusalOf(client.array.delete({ array: 'west-array', confirm: 'west-array' }))).code).toBe(
      'array/not-empty',
    );
    expect((await refusalOf(client.pool.delete({ pool: 'west-pool', confirm: 'west-pool' }))).details).toEqual({
      holds: ['volume spare'],
    });
    await client.volume.delete({ volume: 'spare', confirm: 'spare' });
    await client.pool.delete({ pool: 'west-pool', confirm: 'west-pool' });
    await client.array.delete({ array: 'west-array', confirm: 'west-array' });
    await client.server.delete({ server: 'west-1', confirm: 'west-1' });
    await client.cluster.delete({ cluster: 'west' });
    await client.link.delete({ link: 'west-north' });
    expect(await client.site.delete({ site: 'west' })).toMatchObject({ name: 'west' });
    expect(filesIn('arrays/west-array')).toEqual([]);
    expect(filesIn('servers/west-1')).toEqual([]);
    await again();
    expect((await lab.client.site.list()).map((one) => one.name)).toEqual(['north', 'south']);
    expect(await lab.client.lab.check({})).toMatchObject({ verdict: 'clean', problems: [] });
    const deleted = (await lab.client.event.list({ limit: 200 })).events.filter((one) => one.kind.endsWith('/deleted'));
    expect(new Set(deleted.map((one) => one.kind))).toEqual(
      new Set(['pool/deleted', 'array/deleted', 'server/deleted', 'cluster/deleted', 'link/deleted', 'site/deleted']),
    );
  });

  it('wants its name typed where something is lost with it', async () => {
    const { client } = lab;
    expect(await refusalOf(client.pool.delete({ pool: 'west-pool' }))).toMatchObject({
      code: 'pool/confirmation-required',
      overridable: true,
    });
    expect((await refusalOf(client.pool.delete({ pool: 'west-pool', confirm: 'other' }))).code).toBe(
      'pool/wrong-confirmation',
    );
    expect((await refusalOf(client.link.delete({ link: 'north-south' }))).message).toContain('mirror payroll');
    await client.link.delete({ link: 'north-south', confirm: 'north-south' });
    expect((await client.link.list()).map((one) => one.name)).toEqual(['west-north']);
    await client.pool.delete({ pool: 'west-pool', confirm: 'west-pool' });
    expect((await refusalOf(client.array.delete({ array: 'west-array' }))).code).toBe('array/confirmation-required');
    expect((await refusalOf(client.server.delete({ server: 'west-1' }))).code).toBe('server/confirmation-required');
  });

  it('gives the slots of a pool to the next one, also after a restart between them', async () => {
    const { client } = lab;
    await client.volume.create({ name: 'old', pool: 'west-pool', sizeBytes: 4 * MIB });
    await write('old', 9);
    await client.volume.delete({ volume: 'old', confirm: 'old' });
    await client.pool.delete({ pool: 'west-pool', confirm: 'west-pool' });
    expect((await client.array.show({ array: 'west-array' })).disks.map((disk) => disk.state)).toEqual(
      Array.from({ length: 4 }, () => 'unused'),
    );
    await again();
    const pool = { name: 'west-pool', array: 'west-array', level: 'raid6', owner: 'west-1' } as const;
    await lab.client.pool.create(pool);
    await lab.client.volume.create({ name: 'new', pool: 'west-pool', sizeBytes: 4 * MIB });
    await write('new', 3);
    await again();
    const read = await lab.client.volume.read({ volume: 'new', offset: 0, length: 65_536 });
    expect(Buffer.from(read.dataBase64, 'base64').every((byte) => byte === 3)).toBe(true);
    expect(await lab.client.lab.check({})).toMatchObject({ verdict: 'clean' });
  });

  it('finishes after a crash what was decided: a pool whose labels still stand, an array and a server with their files', async () => {
    const { topology } = lab.lab;
    topology.pools.put({ ...topology.pools.find('west-pool'), deleting: true });
    await again();
    await until('the deletion goes on', async () => (await lab.client.pool.list()).length === 2);
    await lab.client.pool.create({ name: 'next', array: 'west-array', level: 'raid1', owner: 'west-1' });
    await lab.client.pool.delete({ pool: 'next', confirm: 'next' });

    const { arrays, servers } = lab.lab.topology;
    for (const folder of ['arrays/west-array', 'servers/west-1'])
      writeFileSync(join(directory.path, folder, 'unfinished'), ' ');
    // The decision of one of the two has not been made: that one stays whole.
    servers.remove(servers.find('west-1').id);
    await again();
    expect(filesIn('servers/west-1')).toEqual([]);
    expect(filesIn('arrays/west-array')).toContain('disk-0.img');
    expect(filesIn('arrays/west-array')).not.toContain('unfinished');
    expect(arrays.find('west-array').disks).toBe(4);
    await lab.client.server.create({ name: 'west-1', cluster: 'west' });
    expect((await lab.client.server.show({ server: 'west-1' })).state).toBe('up');
  });

  it('removes only files of its own below the lab, and follows no symbolic link', async () => {
    const { client } = lab;
    await client.pool.delete({ pool: 'west-pool', confirm: 'west-pool' });
    const outside = temporaryDirectory();
    try {
      writeFileSync(join(outside.path, 'disk-9.img'), 'mine');
      mkdirSync(join(outside.path, 'shared'));
      symlinkSync(outside.path, join(directory.path, 'arrays/west-array/linked'));
      symlinkSync(join(outside.path, 'disk-9.img'), join(directory.path, 'arrays/west-array/disk-9.img'));
      writeFileSync(join(directory.path, 'arrays/west-array/notes.txt'), 'keep');
      await client.array.delete({ array: 'west-array', confirm: 'west-array' });
      expect(existsSync(join(outside.path, 'disk-9.img'))).toBe(true);
      expect(filesIn('arrays/west-array')).toContain('notes.txt');
      expect(filesIn('arrays/west-array').filter((name) => /^disk-[0-3]/.test(name))).toEqual([]);
      const left = (await client.event.list({ kind: 'lab/files-left' })).events;
      expect(left).toHaveLength(1);
    } finally {
      outside.remove();
    }
  });

  it('heals the faults that were injected into it', async () => {
    const { client } = lab;
    await client.fault.inject({ fault: { kind: 'link-cut', link: 'west-north' } });
    await client.link.delete({ link: 'west-north' });
    expect(await client.fault.list()).toEqual([]);
  });
});

describe('another name', () => {
  it('keeps the id, the content, the mirror and the ledger, and frees the old name, also across restarts', async () => {
    const { client } = lab;
    await client.volume.create({ name: 'ledgered', pool: 'west-pool', sizeBytes: 4 * MIB });
    const before = await client.volume.show({ volume: 'ledgered' });
    const workload = await client.workload.start({ volume: 'ledgered', ratePerSecond: 200 });
    expect((await refusalOf(client.volume.rename({ volume: 'ledgered', name: 'other' }))).code).toBe('volume/in-use');
    const written = async () =>
      (await client.workload.list()).find((one) => one.id === workload.id)?.acknowledgedWrites;
    await until('something was written', async () => ((await written()) ?? 0) > 0);
    await client.workload.stop({ workload: workload.id });
    expect(await client.volume.rename({ volume: 'ledgered', name: 'kept' })).toMatchObject({ id: before.id, name: 'kept' }); // prettier-ignore
    expect((await refusalOf(client.volume.show({ volume: 'ledgered' }))).code).toBe('volume/not-found');
    await client.volume.create({ name: 'ledgered', pool: 'west-pool', sizeBytes: 4 * MIB });
    // The new one has no ledger of the old one's.
    await refusalOf(client.workload.audit({ volume: 'ledgered' }));
    for (const [noun, from] of [['server', 'west-1'], ['array', 'west-array'], ['pool', 'west-pool'], ['cluster', 'west'], ['site', 'west'], ['link', 'west-north']] as const) {
      const to = `${from}-renamed`;
      const input = { [noun]: from, name: to } as never;
      expect(await client[noun].rename(input)).toMatchObject({ name: to });
    } // prettier-ignore
    await again();
    expect(await lab.client.server.show({ server: 'west-1-renamed' })).toMatchObject({ state: 'up', site: 'west-renamed' }); // prettier-ignore
    expect(await lab.client.volume.show({ volume: 'kept' })).toMatchObject({ pool: 'west-pool-renamed', state: 'serving' }); // prettier-ignore
    const audit = await lab.client.workload.audit({ volume: 'kept' });
    expect(audit.acknowledged).toBeGreaterThan(0);
    expect(audit.lost).toBe(0);
    expect(existsSync(join(directory.path, 'ledgers/ledgered.ledger'))).toBe(true);
    // The old names are free; their files go elsewhere, because the renamed ones still have theirs there.
    await lab.client.cluster.create({ name: 'west', site: 'west-renamed' });
    await lab.client.server.create({ name: 'west-1', cluster: 'west' });
    await lab.client.array.create({ name: 'west-array', cluster: 'west', disks: 3, diskSizeBytes: 32 * MIB });
    await again();
    expect((await lab.client.server.list()).filter((one) => one.state === 'up')).toHaveLength(4);
    expect(await lab.client.lab.check({})).toMatchObject({ verdict: 'clean' });
    await lab.client.array.delete({ array: 'west-array', confirm: 'west-array' });
    expect(filesIn('arrays/west-array')).toContain('disk-0.img');
    expect((await refusalOf(lab.client.pool.rename({ pool: 'north-pool', name: 'south-pool' }))).code).toBe('pool/name-taken'); // prettier-ignore
  });
});

import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTopologyCopy } from '../../src-engine/lab/topology-copy.ts';
import { nodeStorage } from '../../src-engine/runtime/node/index.ts';
import { open, refusalOf, temporaryDirectory } from './real-lab.ts';

const template = temporaryDirectory();
const directory = temporaryDirectory();
const path = (...parts: string[]): string => join(directory.path, 'lab', ...parts);
const ARRAYS = ['north-array', 'south-array'];

/** A fresh copy of one demo lab. */
function fresh(): string {
  rmSync(path(), { recursive: true, force: true });
  cpSync(template.path, path(), { recursive: true });
  return path();
}
function damageTopologyCopies(): void {
  for (const array of ARRAYS) {
    const file = path('arrays', array, 'shared', 'topology');
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 0, 8);
    writeFileSync(file, bytes);
  }
}

beforeAll(async () => {
  await (await open(template.path, true)).close();
});
afterAll(() => {
  template.remove();
  directory.remove();
});

describe('a catalog that is lost', () => {
  it('scenario 71: is refused every time, and never replaced by an empty one, where no array holds the topology', async () => {
    for (const damage of ['missing', 'damaged'] as const) {
      fresh();
      damageTopologyCopies();
      if (damage === 'missing') rmSync(path('catalog.sqlite'));
      else writeFileSync(path('catalog.sqlite'), Buffer.alloc(16_384, 0xa5));
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        const told = await refusalOf(open(path(), false));
        expect(told).toMatchObject({ code: 'lab/catalog-lost', details: { file: 'catalog.sqlite' } });
      }
      expect(existsSync(path('catalog.sqlite')), damage).toBe(damage === 'damaged');
      expect(readdirSync(path('backups')).filter((name) => name.startsWith('damaged'))).toEqual([]);
    }
  });
  it('scenario 71: is rebuilt although an earlier rebuilding was killed at any of its steps', async () => {
    for (const leftover of ['half made', 'set aside'] as const) {
      fresh();
      if (leftover === 'half made') writeFileSync(path('catalog-rebuilding.sqlite'), Buffer.alloc(5000, 1));
      if (leftover === 'set aside') {
        renameSync(path('catalog.sqlite'), path('catalog-rebuilding.sqlite'));
        writeFileSync(path('catalog-rebuilding.sqlite-wal'), 'torn');
      }
      rmSync(path('catalog.sqlite'), { force: true });
      const lab = await open(path(), false);
      expect((await lab.client.volume.list()).map((volume) => volume.name)).toHaveLength(4);
      expect((await lab.client.event.list({ kind: 'lab/catalog-rebuilt' })).events).toHaveLength(1);
      await lab.close();
      expect(readdirSync(path()).filter((name) => name.startsWith('catalog-rebuilding'))).toEqual([]);
    }
  });
  it('is rebuilt from the newest copy, also where a later session wrote less often than an earlier one', async () => {
    fresh();
    const first = await open(path(), false);
    for (let i = 0; i < 6; i += 1) await first.client.site.create({ name: `early-${i}` });
    await first.close();
    const old = readFileSync(path('arrays', 'north-array', 'shared', 'topology'));
    const second = await open(path(), false);
    await second.client.site.create({ name: 'late' });
    await second.close();
    writeFileSync(path('arrays', 'north-array', 'shared', 'topology'), old);
    rmSync(path('catalog.sqlite'));
    const third = await open(path(), false);
    expect((await third.client.site.list()).map((site) => site.name)).toContain('late');
    await third.close();
  });
  it('an array that missed a change of the topology has it after the next opening', async () => {
    fresh();
    const old = readFileSync(path('arrays', 'north-array', 'shared', 'topology'));
    const lab = await open(path(), false);
    await lab.client.site.create({ name: 'late' });
    await lab.close();
    writeFileSync(path('arrays', 'north-array', 'shared', 'topology'), old);
    await (await open(path(), false)).close();
    const copy = await readTopologyCopy(nodeStorage(path('arrays', 'north-array')));
    expect(copy !== null && 'document' in copy && copy.document.sites.map((site) => site.name)).toContain('late');
  });
});

describe('a catalog that is older than the arrays', () => {
  const MIB = 1024 * 1024;
  const catalog = (): string => path('catalog.sqlite');
  const keep = (): string => path('kept.sqlite');

  it('scenario 71: an empty file is a lost catalog, not a new one', async () => {
    fresh();
    writeFileSync(catalog(), '');
    const lab = await open(path(), false);
    expect((await lab.client.volume.list()).map((volume) => volume.name)).toHaveLength(4);
    expect((await lab.client.event.list({ kind: 'lab/catalog-rebuilt' })).events).toHaveLength(1);
    await lab.close();
  });
  it.each([
    ['a table is gone', 'DROP TABLE volumes'],
    ['a record has no shape', "UPDATE volumes SET body = '{}'"],
    ['a reference leads nowhere', 'DELETE FROM arrays'],
  ])('scenario 71: is rebuilt where %s', async (_what, damage) => {
    fresh();
    const database = new Sqlite(catalog());
    database.exec(damage);
    database.close();
    const lab = await open(path(), false);
    expect((await lab.client.volume.list()).map((volume) => volume.name)).toHaveLength(4);
    expect((await lab.client.event.list({ kind: 'lab/catalog-rebuilt' })).events).toHaveLength(1);
    await lab.close();
  });
  it('a job that makes no sense is forgotten; the lab opens as it was', async () => {
    fresh();
    const database = new Sqlite(catalog());
    database.exec("UPDATE jobs SET body = '{}'");
    database.close();
    const lab = await open(path(), false);
    expect(await lab.client.job.list()).toEqual([]);
    expect((await lab.client.event.list({ kind: 'lab/catalog-rebuilt' })).events).toEqual([]);
    await lab.close();
  });
  it('lab.json has a copy where the hint of a damaged one sends people', async () => {
    fresh();
    writeFileSync(path('lab.json'), 'rubbish');
    expect((await refusalOf(open(path(), false))).hint).toContain('Copy backups/lab.json to lab.json');
    cpSync(path('backups', 'lab.json'), path('lab.json'));
    await (await open(path(), false)).close();
  });
  it('a damaged ledger keeps nobody from writing, and the loss of its proof is told', async () => {
    fresh();
    const first = await open(path(), false);
    await first.client.volume.create({ name: 'proved', pool: 'north-pool', sizeBytes: MIB });
    const [workload] = [await first.client.workload.start({ volume: 'proved' })];
    await first.client.workload.stop({ workload: workload.id });
    await first.close();
    const ledger = readFileSync(path('ledgers', 'proved.ledger')).subarray(0, 8192);
    ledger.fill(0xa5, 0, 64);
    writeFileSync(path('ledgers', 'proved.ledger'), ledger);
    const lab = await open(path(), false);
    expect(await refusalOf(lab.client.workload.start({ volume: 'proved' }))).toMatchObject({
      code: 'workload/ledger-unusable',
    });
    await lab.client.volume.write({ volume: 'proved', offset: 0, dataBase64: 'AAAA' });
    expect((await lab.client.event.list({ kind: 'workload/ledger-unusable' })).events).toHaveLength(1);
    await lab.close();
  });
  it('W4: follows what the arrays hold, says so, and nothing of it is overwritten', async () => {
    fresh();
    cpSync(catalog(), keep());
    const lab = await open(path(), false);
    const { client } = lab;
    await client.site.create({ name: 'west' });
    await client.cluster.create({ name: 'west', site: 'west' });
    await client.server.create({ name: 'west-1', cluster: 'west' });
    await client.array.create({ name: 'west-array', cluster: 'west', disks: 3, diskSizeBytes: 32 * MIB });
    await client.pool.create({ name: 'west-pool', array: 'west-array', level: 'raid5', owner: 'west-1' });
    await client.volume.create({ name: 'w', pool: 'west-pool', sizeBytes: MIB });
    const dataBase64 = Buffer.alloc(4096, 9).toString('base64');
    await client.volume.write({ volume: 'w', offset: 0, dataBase64 });
    await lab.close();
    for (const name of readdirSync(path())) if (name.startsWith('catalog.sqlite')) rmSync(path(name));
    renameSync(keep(), catalog());
    const again = await open(path(), false);
    expect((await again.client.volume.read({ volume: 'w', offset: 0, length: 4096 })).dataBase64).toBe(dataBase64);
    const told = (await again.client.event.list({ kind: 'lab/catalog-rebuilt' })).events;
    expect(told[0]?.message).toContain('The catalog was older');
    expect((await again.client.lab.check({})).verdict).toBe('clean');
    await again.close();
  });
  it('a volume that its pool no longer holds says so, is found by lab check, and can be deleted', async () => {
    fresh();
    const lab = await open(path(), false);
    const made = await lab.client.volume.create({ name: 'gone', pool: 'north-pool', sizeBytes: MIB });
    const owner = lab.lab.topology.ownerOf(lab.lab.topology.volumes.get(made.id));
    await lab.lab.servers.unitOf(owner.id).ask((face) => face.removeVolume(made.id));
    expect(await lab.client.volume.show({ volume: 'gone' })).toMatchObject({
      state: 'offline',
      cause: 'it is not on its pool north-pool',
    });
    const { problems } = await lab.client.lab.check({});
    expect(problems).toMatchObject([{ file: 'arrays/north-array', expected: 'volume gone on pool north-pool' }]);
    await lab.client.volume.delete({ volume: 'gone', confirm: 'gone' });
    expect((await lab.client.lab.check({})).verdict).toBe('clean');
    await lab.close();
  });
  it('scenario 72: an array whose creation was killed leaves nothing; a directory that nobody knows is told of', async () => {
    fresh();
    cpSync(path('arrays', 'north-array', 'disk-0.img'), path('arrays', 'half', 'disk-0.img'));
    writeFileSync(path('arrays', 'half', 'unfinished'), '\0');
    cpSync(path('arrays', 'north-array', 'disk-0.img'), path('arrays', 'foreign', 'disk-0.img'));
    const lab = await open(path(), false);
    expect(existsSync(path('arrays', 'half', 'disk-0.img'))).toBe(false);
    expect((await lab.client.event.list({ kind: 'array/unknown' })).events).toHaveLength(1);
    expect((await lab.client.lab.check({})).problems).toMatchObject([{ file: 'arrays/foreign' }]);
    await lab.client.array.create({ name: 'half', cluster: 'north', disks: 2, diskSizeBytes: 32 * MIB });
    expect(existsSync(path('arrays', 'half', 'unfinished'))).toBe(false);
    await lab.close();
  });
});

describe('a creation that was interrupted', () => {
  it('scenario 72: is said so by open, and creating again replaces what it left', async () => {
    fresh();
    rmSync(path('lab.json'));
    writeFileSync(path('lab.unfinished'), '\0');
    expect(await refusalOf(open(path(), false))).toMatchObject({ code: 'lab/unfinished' });
    const lab = await open(path(), true);
    expect((await lab.client.volume.list()).map((volume) => volume.name)).toHaveLength(4);
    await lab.close();
    expect(existsSync(path('lab.unfinished'))).toBe(false);
    await (await open(path(), false)).close();
  });
  it('whose last step was done is a lab', async () => {
    fresh();
    writeFileSync(path('lab.unfinished'), '\0');
    expect(await refusalOf(open(path(), true))).toMatchObject({ code: 'lab/exists' });
    await (await open(path(), false)).close();
    expect(existsSync(path('lab.unfinished'))).toBe(false);
  });
});

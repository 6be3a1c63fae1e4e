import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes, createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

const directory = temporaryDirectory();
let lab: OpenLab;
const MIB = 1024 * 1024;

const synchronized = (name = 'payroll') =>
  until(`${name} synchronized`, async () => {
    const mirror = await lab.client.mirror.show({ mirror: name });
    return (
      (mirror.imageState === 'Synchronized' || mirror.imageState === 'Consistent') &&
      mirror.sync === null &&
      mirror.connection === 'connected'
    );
  });

beforeAll(async () => {
  lab = await open(directory.path, true);
});
afterAll(async () => {
  await lab.close();
  directory.remove();
});

describe('a two-site demo lab', () => {
  it('has the sites, servers, levels, volumes and mirrors that scripts rely on, in their order', async () => {
    expect((await lab.client.site.list()).map((site) => site.name)).toEqual(['north', 'south']);
    expect((await lab.client.server.list()).map((server) => [server.name, server.state])).toEqual([
      ['north-1', 'up'],
      ['south-1', 'up'],
    ]);
    expect((await lab.client.pool.list()).map((pool) => [pool.level, pool.slots.length, pool.health])).toEqual([
      ['raid6', 6, 'ok'],
      ['raid5', 4, 'ok'],
    ]);
    expect((await lab.client.link.list()).map((link) => [link.name, link.state])).toEqual([['north-south', 'up']]);
    expect((await lab.client.volume.list()).map((volume) => [volume.name, volume.site])).toEqual([
      ['payroll', 'north'],
      ['orders', 'north'],
      ['payroll-copy', 'south'],
      ['orders-copy', 'south'],
    ]);
    await synchronized('payroll');
    await synchronized('orders');
    const mirrors = await lab.client.mirror.list();
    expect(mirrors.map((mirror) => [mirror.name, mirror.direction, mirror.acting])).toEqual([
      ['payroll', 'forward', 'north'],
      ['orders', 'forward', 'north'],
    ]);
    expect(await lab.client.workload.list()).toEqual([]);
  });
  it('scenario 73: is refused to a second process with the pid and host of the first', async () => {
    const refusal = await refusalOf(open(directory.path, false));
    expect(refusal).toMatchObject({ code: 'lab/locked', details: { pid: process.pid, host: 'test-host' } });
    expect(JSON.parse(readFileSync(join(directory.path, 'lab.lock'), 'utf8'))).toMatchObject({
      pid: process.pid,
      host: 'test-host',
    });
  });
  it('keeps its files for their owner only', () => {
    for (const name of ['catalog.sqlite', 'lab.lock.db', 'lab.json', 'lab.lock'])
      expect(statSync(join(directory.path, name)).mode & 0o077, name).toBe(0);
  });
  it('answers every procedure of every list, and refuses unknown names with a hint', async () => {
    expect(await lab.client.lab.info()).toMatchObject({
      demo: 'two-site',
      sites: 2,
      servers: 2,
      volumes: 4,
      mirrors: 2,
    });
    expect((await lab.client.lab.opening()).done).toBe(true);
    expect((await lab.client.server.show({ server: 'north-1' })).timeline.length).toBeGreaterThan(0);
    expect((await lab.client.metrics.snapshot()).families.length).toBeGreaterThan(5);
    expect((await lab.client.mirror.stateMachine()).states).toHaveLength(8);
    expect(await refusalOf(lab.client.volume.show({ volume: 'nothing' }))).toMatchObject({
      code: 'volume/not-found',
      field: 'volume',
    });
    await expect(lab.client.site.create({ name: '../outside' })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});

describe('content of volumes', () => {
  it('is written, read and mirrored; both checksums agree', async () => {
    await synchronized();
    await lab.client.volume.write({
      volume: 'payroll',
      offset: 5000,
      dataBase64: Buffer.from('acknowledged').toString('base64'),
    });
    const read = await lab.client.volume.read({ volume: 'payroll', offset: 5000, length: 12 });
    expect(Buffer.from(read.dataBase64, 'base64').toString()).toBe('acknowledged');
    const source = await lab.client.volume.checksum({ volume: 'payroll' });
    expect(source.bytes).toBe(8 * MIB);
    await until(
      'equal checksums',
      async () => (await lab.client.volume.checksum({ volume: 'payroll-copy' })).sha256 === source.sha256,
    );
    const outside = lab.client.volume.read({ volume: 'payroll', offset: 8 * MIB - 1, length: 2 });
    expect(await refusalOf(outside)).toMatchObject({ code: 'volume/out-of-range' });
    expect(
      (await refusalOf(lab.client.volume.write({ volume: 'payroll-copy', offset: 0, dataBase64: 'AAAA' }))).code,
    ).toMatch(/^volume\//);
  });
  it('is imported from and exported to a file byte for byte, and what does not fit is refused', async () => {
    const file = join(directory.path, 'in.img');
    const content = Buffer.concat([randomBytes(1_000_000), Buffer.alloc(500_000), randomBytes(12_345)]);
    writeFileSync(file, content);
    const imported = await lab.client.job.wait({
      job: (await lab.client.volume.import({ volume: 'orders', path: file })).id,
    });
    expect(imported).toMatchObject({ state: 'done', error: null });
    const outside = temporaryDirectory();
    const out = join(outside.path, 'out.img');
    const exported = await lab.client.job.wait({
      job: (await lab.client.volume.export({ volume: 'orders-copy', path: out })).id,
    });
    expect(exported).toMatchObject({ state: 'done', result: { bytes: 4 * MIB } });
    const back = readFileSync(out);
    expect(back.length).toBe(4 * MIB);
    expect(createHash('sha256').update(back.subarray(0, content.length)).digest('hex')).toBe(
      createHash('sha256').update(content).digest('hex'),
    );
    expect(back.subarray(content.length).every((byte) => byte === 0)).toBe(true);
    expect(await refusalOf(lab.client.volume.export({ volume: 'orders', path: out }))).toMatchObject({
      code: 'file/exists',
    });
    expect(await refusalOf(lab.client.volume.import({ volume: 'orders', path: 'relative.img' }))).toMatchObject({
      code: 'file/not-absolute',
    });
    expect(
      await refusalOf(lab.client.volume.import({ volume: 'orders', path: join(directory.path, 'missing.img') })),
    ).toMatchObject({ code: 'file/not-found' });
    writeFileSync(file, Buffer.alloc(5 * MIB));
    expect(await refusalOf(lab.client.volume.import({ volume: 'orders', path: file }))).toMatchObject({
      code: 'volume/too-small',
    });
    rmSync(file);
    outside.remove();
  });
});

describe('changes', () => {
  it('are carried out once per request id, and the id serves no other request', async () => {
    const first = await lab.client.site.create({ name: 'west', requestId: 'request-0001' });
    const again = await lab.client.site.create({ name: 'west', requestId: 'request-0001' });
    expect(again).toEqual(first);
    expect(await refusalOf(lab.client.site.create({ name: 'east', requestId: 'request-0001' }))).toMatchObject({
      code: 'request/reused',
    });
    expect(await refusalOf(lab.client.site.create({ name: 'west' }))).toMatchObject({
      code: 'site/name-taken',
      field: 'name',
    });
  });
  it('are audited with who, what and result, and without content', async () => {
    const rows = lab.lab.catalog.audits(200);
    expect(rows.find((row) => row.procedure === 'site.create' && row.outcome === 'done')).toMatchObject({
      actor: 'test',
      input: { name: 'west' },
    });
    expect(rows.find((row) => row.procedure === 'site.create' && row.outcome === 'site/name-taken')).toBeDefined();
    expect(JSON.stringify(rows)).not.toContain(Buffer.from('acknowledged').toString('base64'));
  });
  it('that destroy something ask for the typed name', async () => {
    const pool = (await lab.client.pool.list())[0];
    await lab.client.volume.create({ name: 'scratch', pool: pool?.name ?? '', sizeBytes: MIB });
    expect(await refusalOf(lab.client.volume.delete({ volume: 'scratch' }))).toMatchObject({
      code: 'volume/confirmation-required',
      overridable: true,
    });
    expect(await refusalOf(lab.client.volume.delete({ volume: 'payroll', confirm: 'payroll' }))).toMatchObject({
      code: 'volume/mirrored',
    });
    await lab.client.volume.delete({ volume: 'scratch', confirm: 'scratch' });
    expect((await lab.client.volume.list()).some((volume) => volume.name === 'scratch')).toBe(false);
  });
});

describe('workloads and faults', () => {
  it('a crash of the source loses no acknowledged write, and the workload goes on when the server is back', async () => {
    await synchronized('orders');
    const started = await lab.client.workload.start({ volume: 'orders', profile: 'mixed' });
    expect(await refusalOf(lab.client.workload.start({ volume: 'orders' }))).toMatchObject({
      code: 'workload/overlapping',
    });
    const acknowledged = async () =>
      (await lab.client.workload.list()).find((one) => one.id === started.id)?.acknowledgedWrites ?? 0;
    await until('writes', async () => (await acknowledged()) > 100);
    const fault = await lab.client.fault.inject({ fault: { kind: 'server-crash', server: 'north-1' } });
    expect((await lab.client.server.show({ server: 'north-1' })).state).toBe('down');
    expect(
      await refusalOf(lab.client.fault.inject({ fault: { kind: 'server-crash', server: 'north-1' } })),
    ).toMatchObject({ code: 'fault/in-effect' });
    const before = await acknowledged();
    await lab.client.fault.clear({ fault: fault.id });
    await until('more writes', async () => (await acknowledged()) > before + 50);
    const audit = await lab.client.workload.audit({ volume: 'orders' });
    expect(audit).toMatchObject({ lost: 0, torn: 0, stale: 0, misplaced: 0 });
    expect(audit.verified).toBe(audit.acknowledged);
    expect(audit.acknowledged).toBeGreaterThan(150);
    await lab.client.workload.stop({});
  });
  it('scenario 67: a jump of the wall clock is seen on the wall and nowhere else', async () => {
    const mirrorBefore = await lab.client.mirror.show({ mirror: 'payroll' });
    const before = Date.parse((await lab.client.lab.info()).now);
    const fault = await lab.client.fault.inject({ fault: { kind: 'clock-jump', seconds: -7200 } });
    expect(Date.parse((await lab.client.lab.info()).now) - before).toBeLessThan(-7_100_000);
    const last = (await lab.client.event.list({ limit: 3 })).events.map((event) => event.id);
    expect([...last].sort((a, b) => b - a)).toEqual(last);
    const mirror = await lab.client.mirror.show({ mirror: 'payroll' });
    expect(mirror.imageState).toBe(mirrorBefore.imageState);
    expect(mirror.lag.seconds).toBeLessThan(60);
    await lab.client.fault.clear({ fault: fault.id });
    expect(Math.abs(Date.parse((await lab.client.lab.info()).now) - Date.now())).toBeLessThan(5_000);
  });
  it('a cut link is shown, fractures the mirror, and heals', async () => {
    await lab.client.fault.inject({ fault: { kind: 'link-cut', link: 'north-south' } });
    expect((await lab.client.link.show({ link: 'north-south' })).state).toBe('cut');
    await lab.client.volume.write({ volume: 'payroll', offset: 0, dataBase64: 'AAEC' });
    await until('fractured', async () =>
      (await lab.client.mirror.show({ mirror: 'payroll' })).conditions.some(
        (condition) => condition.code === 'FracturedSystem',
      ),
    );
    await lab.client.fault.clear({});
    await synchronized();
    const states = await lab.client.mirror.history({ mirror: 'payroll' });
    expect(states.length).toBeGreaterThan(1);
    expect((await lab.client.volume.checksum({ volume: 'payroll' })).sha256).toBe(
      (await lab.client.volume.checksum({ volume: 'payroll-copy' })).sha256,
    );
  });
  it('lab check finds a healthy lab clean', async () => {
    expect(await lab.client.lab.check()).toMatchObject({ verdict: 'clean', problems: [] });
  });
});

describe('a lab that is opened again', () => {
  it('has its topology, ledgers, ended workloads and events; ids go on without gaps', async () => {
    const before = {
      events: (await lab.client.event.list()).lastId,
      checksum: (await lab.client.volume.checksum({ volume: 'orders' })).sha256,
    };
    await lab.close();
    expect(existsSync(join(directory.path, 'lab.lock'))).toBe(false);
    lab = await open(directory.path, false);
    expect((await lab.client.volume.checksum({ volume: 'orders' })).sha256).toBe(before.checksum);
    expect((await lab.client.workload.audit({})).lost).toBe(0);
    expect((await lab.client.workload.list())[0]?.state).toBe('stopped');
    const after = await lab.client.event.list({ after: before.events - 1, limit: 1000 });
    expect(after.events.map((event) => event.id)).toEqual(after.events.map((_, index) => before.events + index));
  });
  it('scenario 71: rebuilds a lost and a corrupt catalog from the arrays, with every volume and mirror', async () => {
    const checksum = (await lab.client.volume.checksum({ volume: 'orders' })).sha256;
    for (const damage of ['lost', 'corrupt'] as const) {
      const names = (await lab.client.volume.list()).map((volume) => volume.name);
      await lab.close();
      const catalog = join(directory.path, 'catalog.sqlite');
      if (damage === 'lost') rmSync(catalog);
      else writeFileSync(catalog, Buffer.alloc(16_384, 0xa5));
      lab = await open(directory.path, false);
      expect(
        (await lab.client.volume.list()).map((volume) => volume.name),
        damage,
      ).toEqual(names);
      expect((await lab.client.mirror.list()).map((mirror) => mirror.name)).toEqual(['payroll', 'orders']);
      expect((await lab.client.event.list({ kind: 'lab/catalog-rebuilt' })).events).toHaveLength(1);
      expect((await lab.client.volume.checksum({ volume: 'orders' })).sha256).toBe(checksum);
      await synchronized('orders');
    }
  });
  it('scenario 74: migrates lab.json of format 0 with a backup and refuses a newer one untouched', async () => {
    await lab.close();
    const path = join(directory.path, 'lab.json');
    const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const newer = JSON.stringify({ ...file, format: 99 });
    writeFileSync(path, newer);
    expect(await refusalOf(open(directory.path, false))).toMatchObject({ code: 'lab/newer-format' });
    expect(readFileSync(path, 'utf8')).toBe(newer);
    writeFileSync(path, 'not json at all');
    expect(await refusalOf(open(directory.path, false))).toMatchObject({ code: 'lab/damaged' });
    writeFileSync(path, JSON.stringify({ format: 0, name: 'old', created: 5 }));
    lab = await open(directory.path, false);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ format: 1, name: 'old', createdAtMs: 5 });
    const migrated = (await lab.client.event.list({ kind: 'lab/migrated' })).events[0];
    expect(migrated?.message).toContain('backups/lab-format-0');
  });
});

describe('growing', () => {
  it('grows both volumes of a mirror when the one of the primary is grown, and refuses at the other', async () => {
    const pools = await lab.client.pool.list();
    const [north, south] = pools;
    if (north === undefined || south === undefined) throw new Error('two pools');
    const sizeBytes = 2 * 1024 * 1024;
    await lab.client.volume.create({ name: 'grown', pool: north.name, sizeBytes });
    await lab.client.volume.create({ name: 'grown-copy', pool: south.name, sizeBytes });
    await lab.client.mirror.create({ name: 'grown', source: 'grown', destination: 'grown-copy' });
    await synchronized('grown');
    expect(await refusalOf(lab.client.volume.grow({ volume: 'grown-copy', sizeBytes: 2 * sizeBytes }))).toMatchObject({ code: 'R01' });
    expect(await lab.client.volume.grow({ volume: 'grown', sizeBytes: 2 * sizeBytes })).toMatchObject({ sizeBytes: 2 * sizeBytes });
    for (const volume of ['grown', 'grown-copy']) expect(await lab.client.volume.show({ volume })).toMatchObject({ sizeBytes: 2 * sizeBytes });
    await synchronized('grown');
  });
});

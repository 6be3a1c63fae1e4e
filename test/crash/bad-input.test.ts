import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import Sqlite from 'better-sqlite3';
import { copyDirectory, flip } from './damage.ts';
import { cli, startHost, type Host } from './host.ts';
import { createSmallLab, synchronized, temporaryDirectory, VOLUME_BYTES } from './small-lab.ts';

const crashed = temporaryDirectory();
const work = temporaryDirectory();
const at = (name: string): string => join(work.path, name);
let host: Host | null = null;
let sum = '';

beforeAll(async () => {
  host = await createSmallLab(crashed.path);
  await host.client.volume.write({ volume: 'ledger', offset: 0, dataBase64: Buffer.from('kept').toString('base64') });
  sum = (await host.client.volume.checksum({ volume: 'ledger' })).sha256;
  writeFileSync(at('large.img'), Buffer.alloc(VOLUME_BYTES + 1));
  writeFileSync(at('there.img'), 'mine');
});
afterAll(async () => {
  await host?.stop();
  crashed.remove();
  work.remove();
});

const commands: readonly [args: string[], code: RegExp, exit: number][] = [
  [['volume', 'create', 'Bad Name', '--pool', 'north-pool', '--size', '4MiB'], /input\/invalid/, 2],
  [['volume', 'create', '../../etc', '--pool', 'north-pool', '--size', '4MiB'], /input\/invalid/, 2],
  [['volume', 'create', 'odd', '--pool', 'north-pool', '--size', '4097'], /input\/invalid/, 2],
  [['volume', 'create', 'ledger', '--pool', 'north-pool', '--size', '4MiB'], /volume\/name-taken/, 1],
  [['volume', 'create', 'lost', '--pool', 'nowhere', '--size', '4MiB'], /pool\/not-found/, 1],
  [['volume', 'show', 'nobody'], /volume\/not-found/, 1],
  [['volume', 'grow', 'ledger', '--size', '4MiB'], /volume\/shrink/, 1],
  [['volume', 'delete', 'ledger', '--yes'], /volume\/mirrored/, 1],
  [['volume', 'acknowledge', 'ledger', '--yes'], /volume\/nothing-lost/, 1],
  [['volume', 'read', 'ledger', '--offset', '16MiB', '--length', '1'], /volume\/out-of-range/, 1],
  [['volume', 'import', 'ledger', at('missing.img')], /file\/not-found/, 1],
  [['volume', 'import', 'ledger', work.path], /file\/not-a-file/, 1],
  [['volume', 'import', 'ledger', at('large.img')], /volume\/too-small/, 1],
  [['volume', 'export', 'ledger', at('there.img')], /file\/exists/, 1],
  [['volume', 'export', 'ledger', at('no/such/folder.img')], /file\/not-found/, 1],
  [['mirror', 'create', 'twice', '--source', 'ledger', '--destination', 'orders-copy'], /mirror\/volume-mirrored/, 1],
  [['mirror', 'failover', 'ledger', '--yes'], /mirror\/force-required|R01/, 1],
  [['fault', 'clear', 'no-such-fault'], /fault\/not-found/, 1],
  [['job', 'show', 'no-such-job'], /job\/not-found/, 1],
];

describe('requests that cannot be carried out', () => {
  it.each(commands)('lockstep %j is refused with a code and advice, and changes nothing', async (args, code, exit) => {
    const answer = await cli(crashed.path, args);
    expect(answer.out).toBe('');
    expect(answer.code, answer.err).toBe(exit);
    const { error } = answer.json as { error: { code: string; message: string; hint: string } };
    expect(error.code).toMatch(code);
    expect(error.message.length).toBeGreaterThan(5);
    expect(error.hint.length).toBeGreaterThan(5);
    expect(readFileSync(at('there.img'), 'utf8')).toBe('mine');
  });

  it('unknown procedures, broken JSON and noise on the control socket are refused or dropped; the host goes on', async () => {
    const socket = new WebSocket(`ws+unix:${join(crashed.path, 'control.sock')}:/rpc`);
    await new Promise((resolve) => socket.once('open', resolve));
    const answer = new Promise<string>((resolve) =>
      socket.once('message', (data) => resolve((data as Buffer).toString('utf8'))),
    );
    socket.send('{"i":');
    socket.send('[]');
    socket.send(JSON.stringify({ i: '1', p: { u: '/lab/explode', m: 'POST' } }));
    expect(await answer).toMatch(/NOT_FOUND|404/);
    socket.send(Buffer.from([0, 255, 3]));
    await new Promise((resolve) => socket.once('close', resolve));
    expect((await host?.client.volume.checksum({ volume: 'ledger' }))?.sha256).toBe(sum);
  });
});

describe('files of another format', () => {
  const sumOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

  it('scenario 74: a newer catalog is refused untouched, through the command line', async () => {
    await host?.stop();
    host = null;
    const lab = temporaryDirectory();
    copyDirectory(crashed.path, lab.path);
    const path = join(lab.path, 'catalog.sqlite');
    const database = new Sqlite(path);
    database.pragma('user_version = 99');
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.close();
    const before = sumOf(path);
    const answer = await cli(lab.path, ['lab', 'info']);
    expect(answer).toMatchObject({ code: 1, json: { error: { code: 'lab/newer-catalog' } } });
    expect(sumOf(path)).toBe(before);
    lab.remove();
  });

  it('scenario 74: a newer label on every disk is refused; the disks stay as they are', async () => {
    const lab = temporaryDirectory();
    copyDirectory(crashed.path, lab.path);
    const array = join(lab.path, 'arrays/north-array');
    const disks = readdirSync(array).filter((name) => name.endsWith('.img'));
    // The version field of an envelope is covered by its own checksum: a newer program writes both.
    for (const name of disks) for (const offset of [16_384, 32_768]) newerEnvelope(join(array, name), offset);
    const before = disks.map((name) => sumOf(join(array, name)));
    const running = await startHost(lab.path);
    const north = (await running.client.server.list({})).find((server) => server.name === 'north-1');
    expect(north).toMatchObject({ state: 'fenced' });
    expect(north?.cause).toMatch(/format|newer/);
    await running.stop();
    expect(disks.map((name) => sumOf(join(array, name)))).toEqual(before);
    lab.remove();
  });

  it('scenario 74: a lab of format 0 is migrated after a backup and mirrors on', async () => {
    const lab = temporaryDirectory();
    copyDirectory(crashed.path, lab.path);
    const path = join(lab.path, 'lab.json');
    writeFileSync(path, JSON.stringify({ format: 0, name: 'old', created: 5 }));
    const running = await startHost(lab.path);
    await synchronized(running.client);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ format: 1, name: 'old', createdAtMs: 5 });
    const backups = readdirSync(join(lab.path, 'backups')).filter((name) => name.startsWith('lab-format-0'));
    expect(backups).toHaveLength(1);
    expect((await running.client.volume.checksum({ volume: 'ledger' })).sha256).toBe(sum);
    await running.stop();
    lab.remove();
  });

  it('a file that leads out of the lab is not followed', async () => {
    const lab = temporaryDirectory();
    copyDirectory(crashed.path, lab.path);
    const outside = at('outside.img');
    const disk = join(lab.path, 'arrays/north-array/disk-1.img');
    copyFileSync(disk, outside);
    const before = sumOf(outside);
    rmSync(disk);
    symlinkSync(outside, disk);
    const running = await startHost(lab.path);
    await running.client.volume.write({ volume: 'orders', offset: 0, dataBase64: 'AAAA' });
    const check = await running.client.lab.check({});
    expect(check.problems.map((problem) => problem.file)).toContain('arrays/north-array/disk-1.img');
    await running.stop();
    expect(sumOf(outside)).toBe(before);
    lab.remove();
  });

  it('lab check names file and offset of damaged blocks, and --repair puts them right', async () => {
    const lab = temporaryDirectory();
    copyDirectory(crashed.path, lab.path);
    const disk = join(lab.path, 'arrays/north-array/disk-1.img');
    const { size } = statSync(disk);
    for (let offset = 65_536; offset < size; offset += 65_536) flip(disk, offset);
    const damaged = await cli(lab.path, ['lab', 'check']);
    expect(damaged.code).toBe(1);
    expect(damaged.json).toMatchObject({ verdict: 'damaged' });
    const { problems, checked } = damaged.json as {
      problems: { file: string; offset: number }[];
      checked: { files: number; blocks: number; bytes: number };
    };
    const named = problems.find((problem) => /^arrays\/north-array\/disk-\d\.img$/.test(problem.file));
    expect(named?.offset).toBeGreaterThan(65_535);
    expect(checked.files).toBeGreaterThan(20);
    expect(checked.blocks).toBeGreaterThan(0);
    expect(await cli(lab.path, ['lab', 'check', '--repair'])).toMatchObject({ code: 0, json: { verdict: 'repaired' } });
    expect(await cli(lab.path, ['lab', 'check'])).toMatchObject({ code: 0, json: { verdict: 'clean', problems: [] } });
    expect(await cli(lab.path, ['volume', 'checksum', 'ledger'])).toMatchObject({ json: { sha256: sum } });
    lab.remove();
  });
});

/** Version 99, with a right header checksum. */
function newerEnvelope(path: string, offset: number): void {
  const bytes = readFileSync(path);
  if (bytes.readUInt32LE(offset + 8) === 0) return; // an empty slot
  bytes.writeUInt32LE(99, offset + 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(offset, offset + 20)), offset + 20);
  writeFileSync(path, bytes);
}

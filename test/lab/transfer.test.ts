import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

const MIB = 1024 * 1024;
const SIZE = 48 * MIB;
const labs = temporaryDirectory();
const files = temporaryDirectory();
const at = (name: string): string => join(files.path, name);
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
let lab: OpenLab;
let lives = 0;

/** What a killed host leaves of a paused job: the files as they are, opened by the next one. */
async function killAndRestart(): Promise<void> {
  lives += 1;
  const next = join(labs.path, `life-${lives}`);
  cpSync(lab.directory, next, { recursive: true });
  await lab.close();
  lab = await open(next, false);
}
async function pausedHalfway(job: string): Promise<number> {
  await until('a part is done', async () => ((await lab.client.job.show({ job })).progress ?? 0) > 0.1);
  const paused = await lab.client.job.pause({ job });
  expect(paused.state).toBe('paused');
  expect(paused.progress).toBeLessThan(1);
  return paused.progress ?? 0;
}
const partials = (): string[] => readdirSync(files.path).filter((name) => name.endsWith('.partial'));

beforeAll(async () => {
  lab = await open(join(labs.path, 'life-0'), true);
  await lab.client.volume.create({ name: 'big', pool: 'north-pool', sizeBytes: SIZE });
});
afterAll(async () => {
  await lab.close();
  labs.remove();
  files.remove();
});

describe('an import', () => {
  const content = randomBytes(SIZE);

  it('scenario 72: goes on after kill -9 where it was, and the volume holds the file', async () => {
    writeFileSync(at('in.img'), content);
    const { id } = await lab.client.volume.import({ volume: 'big', path: at('in.img') });
    await pausedHalfway(id);
    await killAndRestart();
    expect((await lab.client.job.show({ job: id })).state).toBe('paused');
    await lab.client.job.resume({ job: id });
    const job = await lab.client.job.wait({ job: id });
    expect(job).toMatchObject({ state: 'done', result: { sha256: sha(content), bytes: SIZE } });
    expect(job.result?.['resumedFromBytes']).toBeGreaterThan(0);
    expect((await lab.client.volume.checksum({ volume: 'big' })).sha256).toBe(sha(content));
  });
  it('scenario 72: whose file was changed meanwhile fails and says so', async () => {
    const { id } = await lab.client.volume.import({ volume: 'big', path: at('in.img') });
    await pausedHalfway(id);
    writeFileSync(at('in.img'), randomBytes(SIZE));
    await killAndRestart();
    await lab.client.job.resume({ job: id });
    expect(await lab.client.job.wait({ job: id })).toMatchObject({
      state: 'failed',
      error: { code: 'volume/import-changed' },
    });
  });
  it('stands in the way of everybody else who would write, and says which job it is', async () => {
    const { id } = await lab.client.volume.import({ volume: 'big', path: at('in.img') });
    await pausedHalfway(id);
    const busy = { code: 'volume/busy', details: { job: id } };
    expect(await refusalOf(lab.client.volume.import({ volume: 'big', path: at('in.img') }))).toMatchObject(busy);
    expect(await refusalOf(lab.client.volume.write({ volume: 'big', offset: 0, dataBase64: 'AAAA' }))).toMatchObject(
      busy,
    );
    expect(await refusalOf(lab.client.workload.start({ volume: 'big' }))).toMatchObject(busy);
    expect(await refusalOf(lab.client.volume.delete({ volume: 'big', confirm: 'big' }))).toMatchObject({
      code: 'volume/in-use',
    });
    await lab.client.job.cancel({ job: id });
    await lab.client.volume.write({ volume: 'big', offset: 0, dataBase64: 'AAAA' });
  });
  it('of a pipe that nobody writes to is refused at once', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    expect(await refusalOf(lab.client.volume.import({ volume: 'big', path: at('pipe') }))).toMatchObject({
      code: 'file/not-a-file',
    });
  });
});

describe('an export', () => {
  it('scenario 72: goes on after kill -9 on its draft, and holds one moment of the volume', async () => {
    const { id } = await lab.client.volume.export({ volume: 'big', path: at('out.img') });
    await pausedHalfway(id);
    expect(partials()).toHaveLength(1);
    await killAndRestart();
    // Hosts write into the part that was exported before the kill, before the job goes on.
    const dataBase64 = randomBytes(4096).toString('base64');
    await lab.client.volume.write({ volume: 'big', offset: 8192, dataBase64 });
    await lab.client.job.resume({ job: id });
    const job = await lab.client.job.wait({ job: id });
    const { sha256 } = await lab.client.volume.checksum({ volume: 'big' });
    expect(job).toMatchObject({ state: 'done', result: { sha256 } });
    expect(sha(readFileSync(at('out.img')))).toBe(sha256);
    expect(partials()).toEqual([]);
  });
  it('scenario 72: begins anew where its draft is gone, and is cancelled without a trace', async () => {
    const { id } = await lab.client.volume.export({ volume: 'big', path: at('again.img') });
    await pausedHalfway(id);
    for (const name of partials()) rmSync(at(name));
    await killAndRestart();
    await lab.client.job.resume({ job: id });
    expect(await lab.client.job.wait({ job: id })).toMatchObject({ state: 'done', result: { resumedFromBytes: 0 } });
    const second = await lab.client.volume.export({ volume: 'big', path: at('cancelled.img') });
    await pausedHalfway(second.id);
    await lab.client.job.cancel({ job: second.id });
    expect(existsSync(at('cancelled.img'))).toBe(false);
    expect(partials()).toEqual([]);
  });
  it('never replaces what appeared under its name meanwhile', async () => {
    const { id } = await lab.client.volume.export({ volume: 'orders', path: at('taken.img') });
    writeFileSync(at('taken.img'), 'mine');
    expect(await lab.client.job.wait({ job: id })).toMatchObject({ state: 'failed', error: { code: 'file/exists' } });
    expect(readFileSync(at('taken.img'), 'utf8')).toBe('mine');
    expect(partials()).toEqual([]);
  });
  it('two at once to one name share no draft: one is done and right, the other is refused', async () => {
    const jobs = await Promise.all(
      ['payroll', 'big'].map((volume) => lab.client.volume.export({ volume, path: at('both.img') })),
    );
    const ended = await Promise.all(jobs.map((job) => lab.client.job.wait({ job: job.id })));
    expect(ended.map((job) => job.state).sort()).toEqual(['done', 'failed']);
    expect(ended.find((job) => job.state === 'failed')?.error).toMatchObject({ code: 'file/exists' });
    expect(sha(readFileSync(at('both.img')))).toBe(ended.find((job) => job.state === 'done')?.result?.['sha256']);
  });
  it('leaves files and links of the user beside it alone', async () => {
    writeFileSync(at('precious'), 'precious');
    symlinkSync(at('precious'), at('safe.img.partial'));
    const job = await lab.client.volume.export({ volume: 'orders', path: at('safe.img') });
    expect(await lab.client.job.wait({ job: job.id })).toMatchObject({ state: 'done' });
    expect(readFileSync(at('precious'), 'utf8')).toBe('precious');
    rmSync(at('safe.img.partial'));
  });
  it('rule 15: never goes into the directory of the lab, not through a link either', async () => {
    const inside = join(lab.directory, 'arrays', 'north-array', 'disk-0.img');
    symlinkSync(join(lab.directory, 'arrays'), at('way-in'));
    mkdirSync(at('folder'));
    for (const path of [inside, join(lab.directory, 'lab.json'), at('way-in/north-array/disk-0.img')])
      expect(await refusalOf(lab.client.volume.export({ volume: 'orders', path, overwrite: true }))).toMatchObject({
        code: 'file/inside-lab',
      });
    expect(
      await refusalOf(lab.client.volume.export({ volume: 'orders', path: at('folder'), overwrite: true })),
    ).toMatchObject({ code: 'file/not-a-file' });
    expect((await lab.client.lab.check({})).verdict).toBe('clean');
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli, type Host } from '../crash/host.ts';
import { createSmallLab, synchronized, temporaryDirectory, until, VOLUME_BYTES } from '../crash/small-lab.ts';

/** The tools lie where an ordinary user's PATH does not look. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const BLOCK = 4096;
const work = temporaryDirectory('lockstep-ext4-');
const lab = join(work.path, 'lab');
const at = (name: string): string => join(work.path, name);
let host: Host | null = null;

beforeAll(async () => {
  haveTools();
  mkdirSync(lab);
  host = await createSmallLab(lab);
}, 120_000);
afterAll(async () => {
  await host?.stop();
  work.remove();
});

it('a real ext4 file system survives mirroring, the loss of its site, failover, reverse resync and failback, file for file', async () => {
  if (host === null) throw new Error('the host runs');
  const { client } = host;
  realFiles(at('files'));
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', at('files'), at('disk.img'), `${VOLUME_BYTES / 1024}k`], { env });

  expect(await cli(lab, ['volume', 'import', 'ledger', at('disk.img')])).toMatchObject({
    code: 0,
    json: { kind: 'volume/import', state: 'done' },
  });
  await synchronized(client);

  // The source's site is gone; what the destination holds is a file system without a scratch.
  const fault = await client.fault.inject({ fault: { kind: 'site-loss', site: 'north' } });
  await until(async () => ((await client.site.show({ site: 'north' })).state === 'lost' ? null : 'the site is lost'));
  await until(async () => ((await client.mirror.show({ mirror: 'ledger' })).imageState === 'Synchronized' ? 'the loss is noticed' : null));
  expect(await cli(lab, ['mirror', 'failover', 'ledger', '--force', '--yes'])).toMatchObject({ code: 0 });
  await exported('ledger-copy', 'failed-over.img');
  expect(hashOf(at('failed-over.img'))).toBe(hashOf(at('disk.img')));
  expect(treeOf(extracted('failed-over.img'))).toEqual(treeOf(at('files')));

  // Work goes on at the destination: new, changed and deleted files, written as a host would, block by block.
  writeFileSync(at('report.txt'), 'written after the failover\n'.repeat(1000));
  cpSync(at('failed-over.img'), at('changed.img'));
  for (const command of [`write ${at('report.txt')} report.txt`, 'rm /docs/internals.md', 'mkdir /after']) {
    execFileSync('debugfs', ['-w', '-R', command, at('changed.img')], { env, stdio: 'ignore' });
  }
  const before = readFileSync(at('failed-over.img'));
  const after = readFileSync(at('changed.img'));
  let written = 0;
  for (let offset = 0; offset < after.length; offset += BLOCK) {
    const block = after.subarray(offset, offset + BLOCK);
    if (block.equals(before.subarray(offset, offset + BLOCK))) continue;
    await client.volume.write({ volume: 'ledger', offset, dataBase64: block.toString('base64') });
    written += 1;
  }
  expect(written).toBeGreaterThan(3);

  await client.fault.clear({ fault: fault.id });
  const resync = await cli(lab, ['mirror', 'reverse-resync', 'ledger', '--yes']);
  expect(resync, resync.err).toMatchObject({ code: 0, json: { state: 'done' } });
  const { bytesCopied } = (resync.json as { result: { bytesCopied: number } }).result;
  // Only what differs travels, not the file system.
  expect(bytesCopied).toBeGreaterThan(0);
  expect(bytesCopied).toBeLessThan(VOLUME_BYTES / 4);
  expect(await cli(lab, ['mirror', 'failback', 'ledger', '--yes'])).toMatchObject({ code: 0 });
  expect(await client.mirror.show({ mirror: 'ledger' })).toMatchObject({ direction: 'forward', acting: 'north' });
  await synchronized(client);

  for (const [volume, image] of [
    ['ledger', 'failed-back.img'],
    ['ledger-copy', 'failed-back-copy.img'],
  ] as const) {
    await exported(volume, image);
    expect(hashOf(at(image)), volume).toBe(hashOf(at('changed.img')));
    const tree = treeOf(extracted(image));
    expect(tree).toHaveProperty('report.txt');
    expect(tree).not.toHaveProperty('docs/internals.md');
    expect(tree).toEqual(treeOf(extracted('changed.img')));
  }
}, 180_000);

/** Directories, a link, an empty file, a file with a hole, text and noise. */
function realFiles(directory: string): void {
  const root = join(import.meta.dirname, '..', '..');
  mkdirSync(directory);
  for (const folder of ['docs', 'src-engine']) {
    cpSync(join(root, folder), join(directory, folder), {
      recursive: true,
      filter: (path) => !path.includes('screenshots'),
    });
  }
  mkdirSync(join(directory, 'a/rather/deep/folder'), { recursive: true });
  writeFileSync(join(directory, 'a/rather/deep/folder/noise.bin'), randomBytes(3_000_001));
  writeFileSync(join(directory, 'empty'), '');
  writeFileSync(join(directory, 'sparse'), 'end of the beginning');
  truncateSync(join(directory, 'sparse'), 1_000_000);
  symlinkSync('a/rather/deep', join(directory, 'short-cut'));
}

async function exported(volume: string, image: string): Promise<void> {
  expect(await cli(lab, ['volume', 'export', volume, at(image)])).toMatchObject({
    code: 0,
    json: { kind: 'volume/export', state: 'done' },
  });
  const check = spawnSync('e2fsck', ['-fn', at(image)], { env, encoding: 'utf8' });
  expect(check.status, `${check.stdout}${check.stderr}`).toBe(0);
}

function extracted(image: string): string {
  const directory = at(`${image}.files`);
  mkdirSync(directory, { recursive: true });
  execFileSync('debugfs', ['-R', `rdump / ${directory}`, at(image)], { env, stdio: 'ignore' });
  return directory;
}

/** Path to kind and content of everything below; `lost+found` is mke2fs's own. */
function treeOf(directory: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const full = join(directory, path);
    const stat = lstatSync(full);
    if (path === 'lost+found') continue;
    tree[relative(directory, full)] = stat.isSymbolicLink()
      ? `link ${readlinkSync(full)}`
      : stat.isDirectory()
        ? 'directory'
        : `${stat.size} ${hashOf(full)}`;
  }
  return tree;
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** e2fsprogs is part of every Debian; where it was left out and may be installed, it is. */
function haveTools(): void {
  const missing = (): string[] =>
    ['mke2fs', 'e2fsck', 'debugfs'].filter(
      (tool) => spawnSync(tool, ['-V'], { env, stdio: 'ignore' }).error !== undefined,
    );
  if (missing().length > 0 && process.getuid?.() === 0) {
    spawnSync('apt-get', ['install', '-y', '-q', 'e2fsprogs'], { env, stdio: 'ignore' });
  }
  if (missing().length > 0) throw new Error(`this test needs e2fsprogs (missing: ${missing().join(', ')})`);
}

import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open, refusalOf, temporaryDirectory } from './real-lab.ts';

const scratch = temporaryDirectory();
/** As a killed host leaves it: with acknowledged writes that are in the log only. */
const crashed = join(scratch.path, 'crashed');

/** Name, size and content of every file but the lock, which says who looks. */
function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(directory, name)).isFile() && !name.startsWith('lab.lock'))
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(directory, name));
      return `${name} ${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
    });
}

beforeAll(async () => {
  const lab = await open(join(scratch.path, 'lab'), true);
  const dataBase64 = Buffer.alloc(65_536, 5).toString('base64');
  for (let i = 0; i < 20; i += 1) await lab.client.volume.write({ volume: 'orders', offset: i * 65_536, dataBase64 });
  cpSync(lab.directory, crashed, { recursive: true });
  await lab.close();
});
afterAll(() => scratch.remove());

describe('a lab that is only looked at', () => {
  it('is recovered and checked in memory: no byte of it changes, however its host ended', async () => {
    for (const source of [crashed, join(scratch.path, 'lab')]) {
      const directory = join(scratch.path, 'look');
      rmSync(directory, { recursive: true, force: true });
      cpSync(source, directory, { recursive: true });
      const before = filesOf(directory);
      const lab = await open(directory, false, true);
      expect(await lab.client.lab.check({})).toMatchObject({ verdict: 'clean', problems: [] });
      // It sees what an opened lab would have.
      const { dataBase64 } = await lab.client.volume.read({ volume: 'orders', offset: 19 * 65_536, length: 4096 });
      expect(Buffer.from(dataBase64, 'base64').every((byte) => byte === 5)).toBe(true);
      await lab.close();
      expect(filesOf(directory)).toEqual(before);
    }
  });
  it('tells of damage, also of its catalog, and leaves it as it is', async () => {
    const directory = join(scratch.path, 'damaged');
    cpSync(join(scratch.path, 'lab'), directory, { recursive: true });
    writeFileSync(join(directory, 'catalog.sqlite'), Buffer.alloc(16_384, 0xa5));
    const topology = join(directory, 'arrays', 'north-array', 'shared', 'topology');
    writeFileSync(topology, readFileSync(topology).fill(0xa5, 0, 8));
    const before = filesOf(directory);
    const lab = await open(directory, false, true);
    const { verdict, problems } = await lab.client.lab.check({});
    expect(verdict).toBe('damaged');
    expect(problems.map((problem) => problem.file).sort()).toEqual([
      'arrays/north-array/shared/topology',
      'catalog.sqlite',
    ]);
    await lab.close();
    expect(filesOf(directory)).toEqual(before);
  });
  it('holds the lock meanwhile: nobody else opens it', async () => {
    const lab = await open(join(scratch.path, 'lab'), false, true);
    expect(await refusalOf(open(join(scratch.path, 'lab'), false))).toMatchObject({ code: 'lab/locked' });
    await lab.close();
  });
});

import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

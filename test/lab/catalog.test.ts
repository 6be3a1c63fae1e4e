import { mkdtempSync, rmSync, writeFileSync, readFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CatalogConflict,
  MemoryCatalog,
  openDatabase,
  openSqliteCatalog,
  type Catalog,
} from '../../src-engine/lab/catalog/index.ts';
import { acquireLock, readOwner } from '../../src-engine/lab/lock.ts';
import { instant } from '../../src-engine/lab/instant.ts';
import { Refused } from '../../src-engine/lab/refused.ts';
import { MemoryStorage } from '../host/memory.ts';

const directories: string[] = [];
function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-catalog-'));
  directories.push(directory);
  return directory;
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function openSqlite(path: string): Catalog {
  const opened = openSqliteCatalog({ path, fresh: true });
  if (!opened.ok) throw new Error(opened.message);
  return opened.catalog;
}

const kinds: { name: string; make: () => { catalog: Catalog; reopen: () => Catalog } }[] = [
  {
    name: 'in SQLite',
    make: () => {
      const path = join(temporary(), 'catalog.sqlite');
      const catalog = openSqlite(path);
      return { catalog, reopen: () => openSqlite(path) };
    },
  },
  {
    name: 'in memory',
    make: () => {
      const catalog = new MemoryCatalog();
      return { catalog, reopen: () => new MemoryCatalog(catalog) };
    },
  },
];

for (const kind of kinds) {
  describe(`a catalog ${kind.name}`, () => {
    it('keeps documents in order of creation, also after a replacement and a crash', () => {
      const { catalog, reopen } = kind.make();
      catalog.put('sites', { id: 'b', name: 'north', body: { n: 1 } });
      catalog.put('sites', { id: 'a', name: 'south', body: { n: 2 } });
      catalog.put('sites', { id: 'b', name: 'north', body: { n: 3 } });
      // No close: a crash leaves exactly what was committed.
      const again = reopen();
      expect(again.all('sites').map((site) => [site.name, site.body])).toEqual([
        ['north', { n: 3 }],
        ['south', { n: 2 }],
      ]);
      again.remove('sites', 'b');
      expect(again.get('sites', 'b')).toBeNull();
    });
    it('refuses a second document of the same name', () => {
      const { catalog } = kind.make();
      catalog.put('sites', { id: 'a', name: 'north', body: {} });
      expect(() => catalog.put('sites', { id: 'b', name: 'north', body: {} })).toThrow(CatalogConflict);
    });
    it('undoes a transaction that throws, as a whole', () => {
      const { catalog } = kind.make();
      expect(() =>
        catalog.transaction(() => {
          catalog.put('sites', { id: 'a', name: 'north', body: {} });
          catalog.transaction(() => catalog.put('sites', { id: 'b', name: 'south', body: {} }));
          throw new Error('no');
        }),
      ).toThrow('no');
      expect(catalog.all('sites')).toEqual([]);
    });
    it('gives events dense ids that go on after a restart and after pruning', () => {
      const { catalog, reopen } = kind.make();
      const event = {
        atMs: 5,
        kind: 'a/b',
        severity: 'info' as const,
        subject: 's/t',
        message: 'm',
        details: { x: 1 },
      };
      for (let i = 0; i < 10; i += 1) catalog.appendEvent(event);
      catalog.pruneEvents(4);
      const again = reopen();
      expect(again.appendEvent(event).id).toBe(11);
      expect(again.eventsAfter(0, 100).map((row) => row.id)).toEqual([7, 8, 9, 10, 11]);
      expect(again.eventsBefore(10, 2).map((row) => row.id)).toEqual([9, 8]);
      expect(again.eventRange()).toEqual({ firstId: 7, lastId: 11 });
      expect(again.eventsAfter(10, 1)[0]).toEqual({ ...event, id: 11, acknowledged: null });
    });
    it('keeps who acknowledged an event first, and how often the topology was changed', () => {
      const { catalog, reopen } = kind.make();
      const { id } = catalog.appendEvent({
        atMs: 5,
        kind: 'a/b',
        severity: 'error',
        subject: 's/t',
        message: 'm',
        details: null,
      });
      catalog.acknowledgeEvent(id, 7, 'cli');
      catalog.acknowledgeEvent(id, 9, 'console');
      catalog.put('sites', { id: 's1', name: 'north', body: {} });
      catalog.put('jobs', { id: 'j1', name: 'j1', body: {} });
      catalog.remove('sites', 's1');
      const again = reopen();
      expect(again.event(id)?.acknowledged).toEqual({ atMs: 7, by: 'cli' });
      expect(again.topologyNumber()).toBe(2);
    });
    it('remembers audits, answers and samples', () => {
      const { catalog } = kind.make();
      catalog.appendAudit({ atMs: 1, actor: 'cli', procedure: 'volume.grow', input: { volume: 'x' }, outcome: 'done' });
      expect(catalog.audits(5)[0]).toMatchObject({
        actor: 'cli',
        procedure: 'volume.grow',
        input: { volume: 'x' },
        outcome: 'done',
      });
      catalog.rememberAnswer('request-1', 'volume.grow', 'h', { ok: true }, 1);
      expect(catalog.answer('request-1')).toEqual({ procedure: 'volume.grow', inputHash: 'h', answer: { ok: true } });
      expect(catalog.answer('request-2')).toBeNull();
      catalog.appendSample(10, { v: 1 });
      catalog.appendSample(20, { v: 2 });
      expect(catalog.samples(15)).toEqual([{ atMs: 20, sample: { v: 2 } }]);
    });
  });
}

describe('the SQLite catalog file', () => {
  it('has STRICT tables only and runs in WAL', () => {
    const path = join(temporary(), 'catalog.sqlite');
    openSqlite(path).close();
    const database = openDatabase(path);
    const tables = database
      .prepare("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'")
      .all() as { name: string; strict: number }[];
    expect(tables.length).toBeGreaterThan(12);
    expect(tables.filter((table) => table.strict !== 1)).toEqual([]);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    database.close();
  });
  it('scenario 74: is refused when a newer program made it, and left as it was', () => {
    const path = join(temporary(), 'catalog.sqlite');
    openSqlite(path).close();
    const database = openDatabase(path);
    database.pragma('user_version = 99');
    database.close();
    const before = readFileSync(path);
    expect(openSqliteCatalog({ path, fresh: true })).toMatchObject({ ok: false, reason: 'newer' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });
  it('scenario 71: says damaged, without an exception, for garbage and for torn pages', () => {
    const directory = temporary();
    const garbage = join(directory, 'garbage.sqlite');
    writeFileSync(garbage, Buffer.alloc(8192, 0x5a));
    expect(openSqliteCatalog({ path: garbage })).toMatchObject({ ok: false, reason: 'damaged' });
    const torn = join(directory, 'torn.sqlite');
    openSqlite(torn).close();
    const bytes = readFileSync(torn);
    bytes.fill(0xff, 4096, bytes.length);
    writeFileSync(torn, bytes);
    expect(openSqliteCatalog({ path: torn })).toMatchObject({ ok: false, reason: 'damaged' });
  });
});

describe('the lab lock', () => {
  const owner = { pid: 4711, startedAt: 1, host: 'desk', socket: '/x/control.sock' };
  it('scenario 73: refuses a second opener with the pid and host of the owner', async () => {
    const directory = temporary();
    const storage = new MemoryStorage();
    const lock = await acquireLock({ directory, storage, owner });
    const second = acquireLock({ directory, storage, owner: { ...owner, pid: 4712 } });
    await expect(second).rejects.toThrow(Refused);
    await second.catch((error: unknown) => {
      expect(error instanceof Refused && error.refusal).toMatchObject({
        code: 'lab/locked',
        details: { pid: 4711, host: 'desk' },
      });
      expect(String(error)).toContain('4711');
    });
    await lock.announce({ url: 'http://127.0.0.1:1' });
    expect(await readOwner(storage)).toEqual({ ...owner, url: 'http://127.0.0.1:1' });
    await lock.release();
    const third = await acquireLock({ directory, storage, owner: { ...owner, pid: 4713 } });
    expect((await readOwner(storage))?.pid).toBe(4713);
    await third.release();
  });
  it('scenario 73: holds across processes and is free at once when its owner is killed', async () => {
    const directory = temporary();
    const script = `
      import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, '../../src-engine/lab/lock.ts'))};
      import { MemoryStorage } from ${JSON.stringify(join(import.meta.dirname, '../host/memory.ts'))};
      await acquireLock({ directory: ${JSON.stringify(directory)}, storage: new MemoryStorage(), owner: { pid: 1, startedAt: 1, host: 'h', socket: 's' } });
      console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(
      join(import.meta.dirname, '../../node_modules/.bin/node'),
      ['--input-type=module', '-e', script],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error('the child ended')));
    });
    await expect(acquireLock({ directory, storage: new MemoryStorage(), owner })).rejects.toThrow('lab/locked');
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const lock = await acquireLock({ directory, storage: new MemoryStorage(), owner });
    expect(existsSync(join(directory, 'lab.lock.db'))).toBe(true);
    await lock.release();
  });
});

describe('instants', () => {
  it('agree with the platform for every kind of day', () => {
    for (const ms of [0, 951_782_400_000, 1_709_164_800_123, 1_735_689_599_999, 4_102_444_800_000, 1_790_000_000_007]) {
      expect(instant(ms)).toBe(new Date(ms).toISOString());
    }
  });
});

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { isStoragePath } from '../../src-engine/runtime/index.ts';
import { nodeStorage, type FileSystem } from '../../src-engine/runtime/node/index.ts';
import { createSimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';
import { describeStorageContract } from './storage-contract.ts';

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'storage-test-'));
let roots = 0;
const newRoot = (): string => path.join(base, `root-${roots++}`);
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

describeStorageContract('node', async () => ({ storage: nodeStorage(newRoot()), settle: (promise) => promise }));
describeStorageContract('simulated', async () => {
  const world = createSimulatedWorld({ seed: 11 });
  return { storage: world.storage('array').storage, settle: (promise) => world.settle(promise) };
});
describeStorageContract('simulated, through an incarnation', async () => {
  const world = createSimulatedWorld({ seed: 12 });
  return { storage: world.server('a').boot().storageOf('array'), settle: (promise) => world.settle(promise) };
});

interface RecordedCall {
  readonly name: string;
  readonly target: string;
}

/** A file system that notes when each mutation and sync of a path *ended*, in order. */
function recordingFs(fail?: (name: string) => string | undefined): { fs: FileSystem; calls: RecordedCall[] } {
  const calls: RecordedCall[] = [];
  const pathOf = new Map<number, string>();
  const watched = [
    'open',
    'write',
    'writev',
    'writevSync',
    'ftruncate',
    'fsync',
    'fdatasync',
    'fdatasyncSync',
    'rename',
    'unlink',
    'mkdir',
  ];
  const recording = new Proxy(fs, {
    get: (target, name: keyof FileSystem) => {
      const original: unknown = target[name];
      if (typeof original !== 'function' || !watched.includes(name)) return original;
      return (...args: unknown[]): unknown => {
        const [first] = args;
        const code = fail?.(name);
        const failure = code === undefined ? undefined : Object.assign(new Error(`${code}: planted`), { code });
        const note = (): void => {
          const target = typeof first === 'number' ? (pathOf.get(first) ?? '?') : String(first);
          calls.push({ name, target: name === 'rename' ? `${target} -> ${String(args[1])}` : target });
        };
        const done = args.at(-1);
        if (typeof done !== 'function') {
          if (failure !== undefined) throw failure;
          const result: unknown = Reflect.apply(original, target, args);
          note();
          return result;
        }
        if (failure !== undefined) return void setImmediate(() => void done(failure));
        const noted = (error: unknown, value: unknown): void => {
          if (name === 'open' && typeof value === 'number') pathOf.set(value, String(first));
          if (error === null || error === undefined) note();
          done(error, value);
        };
        return Reflect.apply(original, target, [...args.slice(0, -1), noted]);
      };
    },
  });
  return { fs: recording, calls };
}

describe('real storage', () => {
  it('follows a new file by a sync of the file, then of its directory and of every directory it made', async () => {
    const root = newRoot();
    const { fs: recorded, calls } = recordingFs();
    const file = await nodeStorage(root, { fs: recorded }).open('d/e/x', {
      create: true,
      size: 8192,
      preallocate: true,
    });
    await file.close();
    const draft = `${root}/d/e/x.creating`;
    const order = calls.filter((entry) => entry.name !== 'open').map((entry) => `${entry.name} ${entry.target}`);
    expect(order).toEqual([
      `mkdir ${root}`,
      `mkdir ${root}/d`,
      `fsync ${root}`,
      `mkdir ${root}/d/e`,
      `fsync ${root}/d`,
      `writev ${draft}`,
      `fsync ${draft}`,
      `rename ${draft} -> ${root}/d/e/x`,
      `fsync ${root}/d/e`,
    ]);
  });

  it('never settles a rename or a removal before a sync of the directories', async () => {
    const root = newRoot();
    const { fs: recorded, calls } = recordingFs();
    const storage = nodeStorage(root, { fs: recorded });
    await (await storage.open('a/x', { create: true, size: 1 })).close();
    calls.length = 0;
    await storage.rename('a/x', 'b/y');
    const after = calls.slice(calls.findIndex((entry) => entry.name === 'rename') + 1);
    const synced = after.filter((entry) => entry.name === 'fsync').map((entry) => entry.target);
    expect(synced.sort()).toEqual([`${root}/a`, `${root}/b`]);
    calls.length = 0;
    await storage.remove('b/y');
    expect(calls.filter((entry) => entry.name !== 'open').map((entry) => entry.name)).toEqual(['unlink', 'fsync']);
  });

  it('never acknowledges a commit or sync before the fdatasync that covers it', async () => {
    const { fs: recorded, calls } = recordingFs();
    const file = await nodeStorage(newRoot(), { fs: recorded }).open('x', { create: true, size: 1024 * 1024 });
    for (const length of [1, 4096, 256 * 1024, 256 * 1024 + 1, 700_000]) {
      calls.length = 0;
      await file.commit([new Uint8Array(length)], 0);
      const names = calls.map((entry) => entry.name.replace('Sync', ''));
      expect(names.at(-1)).toBe('fdatasync');
      expect(names.slice(0, -1).every((name) => name === 'writev')).toBe(true);
      expect(names.length).toBeGreaterThan(1);
    }
    calls.length = 0;
    await file.sync();
    expect(calls.map((entry) => entry.name)).toEqual(['fdatasync']);
    await file.close();
  });

  it('cuts a large write into pieces, each synced before the next, while a log commits', async () => {
    const { fs: recorded, calls } = recordingFs();
    const storage = nodeStorage(newRoot(), { fs: recorded });
    const log = await storage.open('log', { create: true, size: 1024 * 1024, preallocate: true });
    const disk = await storage.open('disk', { create: true, size: 4 * 1024 * 1024 });
    const data = new Uint8Array(2 * 1024 * 1024).map((_, i) => (i >>> 12) ^ i);
    calls.length = 0;
    const committed = log.commit([new Uint8Array(4096)], 0);
    await Promise.all([committed, disk.write([data.subarray(0, 300_000), data.subarray(300_000)], 4096)]);
    const onDisk = calls.filter((entry) => entry.target.includes('disk')).map((entry) => entry.name);
    expect(onDisk.slice(0, 3)).toEqual(['writev', 'fdatasync', 'writev']);
    const back = new Uint8Array(data.length);
    await disk.read(back, 4096);
    expect(Buffer.compare(back, data)).toBe(0);
    await log.close();
    await disk.close();
  });

  it('translates what the system says, in the synchronous and in the asynchronous path', async () => {
    for (const [system, code] of [
      ['ENOSPC', 'no-space'],
      ['EIO', 'io'],
      ['EROFS', 'read-only'],
      ['EFBIG', 'io'],
    ] as const) {
      let armed = false;
      const { fs: failing } = recordingFs((name) => (armed && /^(writev|fdatasync)/.test(name) ? system : undefined));
      const file = await nodeStorage(newRoot(), { fs: failing }).open('x', { create: true, size: 4096 });
      armed = true;
      await expect(file.commit([new Uint8Array(512)], 0)).rejects.toMatchObject({
        name: 'StorageError',
        code,
        path: 'x',
      });
      await expect(file.commit([new Uint8Array(300_000)], 0)).rejects.toMatchObject({ code });
      await expect(file.write([new Uint8Array(1)], 0)).rejects.toMatchObject({ code });
      await expect(file.sync()).rejects.toMatchObject({ code });
      await file.close();
    }
  });

  it('leaves nothing behind when a file cannot be made, and can make it later', async () => {
    const root = newRoot();
    let full = true;
    const { fs: failing } = recordingFs((name) => (full && name === 'writev' ? 'ENOSPC' : undefined));
    const storage = nodeStorage(root, { fs: failing });
    const options = { create: true, size: 4096, preallocate: true };
    await expect(storage.open('x', options)).rejects.toMatchObject({ code: 'no-space' });
    expect(fs.readdirSync(root)).toEqual([]);
    full = false;
    await (await storage.open('x', options)).close();
    expect(fs.statSync(path.join(root, 'x')).size).toBe(4096);
  });

  it('hides and replaces the draft of a file whose making was cut off', async () => {
    const root = newRoot();
    const storage = nodeStorage(root);
    fs.mkdirSync(root);
    fs.writeFileSync(path.join(root, 'x.creating'), 'half');
    expect(await storage.list('')).toEqual([]);
    expect(await storage.exists('x')).toBe(false);
    const file = await storage.open('x', { create: true, size: 8 });
    expect(fs.readFileSync(path.join(root, 'x'))).toEqual(Buffer.alloc(8));
    await file.close();
  });

  it('really allocates when asked, and is private to its user', async () => {
    const root = newRoot();
    const file = await nodeStorage(root).open('d/x', { create: true, size: 1024 * 1024, preallocate: true });
    await file.close();
    const stat = fs.statSync(path.join(root, 'd/x'));
    expect(stat.blocks * 512).toBeGreaterThanOrEqual(1024 * 1024);
    expect(stat.mode & 0o777).toBe(0o600);
    expect(fs.statSync(path.join(root, 'd')).mode & 0o777).toBe(0o700);
  });

  it('does not follow symbolic links out of its root, nor to another file', async () => {
    const root = newRoot();
    const outside = newRoot();
    fs.mkdirSync(root);
    fs.mkdirSync(outside);
    fs.writeFileSync(path.join(outside, 'secret'), 'secret');
    fs.symlinkSync(outside, path.join(root, 'dir'));
    fs.symlinkSync(path.join(outside, 'secret'), path.join(root, 'file'));
    const storage = nodeStorage(root);
    await expect(storage.open('dir/secret')).rejects.toMatchObject({ code: 'io' });
    await expect(storage.open('dir/new', { create: true, size: 1 })).rejects.toMatchObject({ code: 'io' });
    await expect(storage.open('file')).rejects.toMatchObject({ code: 'io' });
    await expect(storage.remove('dir/secret')).rejects.toMatchObject({ code: 'io' });
    expect(await storage.list('')).toEqual([]);
    expect(fs.readdirSync(outside)).toEqual(['secret']);
  });

  it('does not close a descriptor while something is under way on it', async () => {
    const order: string[] = [];
    let release = (): void => {};
    const slow: FileSystem = new Proxy(fs, {
      get: (target, name: keyof FileSystem) => {
        if (name === 'close') {
          return (fd: number, done: fs.NoParamCallback) => {
            order.push('close');
            fs.close(fd, done);
          };
        }
        if (name !== 'writev') return target[name];
        return (
          _fd: number,
          buffers: readonly Uint8Array[],
          _at: number,
          done: (error: null, count: number) => void,
        ) => {
          release = () => {
            order.push('written');
            done(
              null,
              buffers.reduce((sum, buffer) => sum + buffer.length, 0),
            );
          };
        };
      },
    });
    const file = await nodeStorage(newRoot(), { fs: slow }).open('x', { create: true, size: 512 });
    order.length = 0;
    const writing = file.write([new Uint8Array(512)], 0);
    const closing = file.close();
    await new Promise((resolve) => void setImmediate(resolve));
    release();
    await Promise.all([writing, closing]);
    expect(order).toEqual(['written', 'close']);
  });
});

describe('storage paths', () => {
  const segment = fc.oneof(fc.constantFrom('..', '.', '', 'a', 'b.img', '~', '-x', 'C:'), fc.string());
  const anyPath = fc.array(segment, { maxLength: 5 }).map((parts) => parts.join('/'));

  it('that are accepted stay inside their root, whatever they are made of', () => {
    fc.assert(
      fc.property(anyPath, (candidate) => {
        if (!isStoragePath(candidate)) return;
        const resolved = path.resolve('/root/of/storage', candidate);
        expect(resolved.startsWith('/root/of/storage/')).toBe(true);
        expect(path.relative('/root/of/storage', resolved)).toBe(candidate);
      }),
      { numRuns: 2000 },
    );
  });

  it('that the engine uses are accepted', () => {
    const used = ['disk-0.img', 'shared/epochs-a', 'nvlog-b.log', 'shared/mirror-site_1.a-a.log'];
    expect(used.filter((candidate) => !isStoragePath(candidate))).toEqual([]);
  });
});

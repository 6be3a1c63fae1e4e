import { describe, expect, it } from 'vitest';
import type { Storage } from '../../src-engine/runtime/index.ts';

export interface StorageUnderTest {
  readonly storage: Storage;
  /** Makes time pass until the promise settles. */
  settle<T>(promise: Promise<T>): Promise<T>;
}

const bytesOf = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** What every `Storage` promises, whatever is below it. */
export function describeStorageContract(name: string, make: () => Promise<StorageUnderTest>): void {
  describe(`storage contract: ${name}`, () => {
    it('makes a file of the asked size that reads as zeros', async () => {
      for (const preallocate of [false, true]) {
        const { storage, settle } = await make();
        const size = 2 * 1024 * 1024 + 512;
        const file = await settle(storage.open('a/b/c.img', { create: true, size, preallocate }));
        expect([file.path, file.size]).toEqual(['a/b/c.img', size]);
        const into = bytesOf(1024, 7);
        await settle(file.read(into, size - 1024));
        expect(into).toEqual(bytesOf(1024, 0));
        await settle(file.close());
      }
    });

    it('rejects `not-found` for a file that is missing, and does not make it', async () => {
      const { storage, settle } = await make();
      await expect(settle(storage.open('dir/none'))).rejects.toMatchObject({ name: 'StorageError', code: 'not-found' });
      await expect(settle(storage.remove('dir/none'))).rejects.toMatchObject({ code: 'not-found' });
      await expect(settle(storage.rename('none', 'other'))).rejects.toMatchObject({ code: 'not-found' });
      expect(await settle(storage.exists('dir/none'))).toBe(false);
      expect(await settle(storage.list(''))).toEqual([]);
    });

    it('keeps size and content when `create` meets an existing file', async () => {
      const { storage, settle } = await make();
      const first = await settle(storage.open('x', { create: true, size: 1024 }));
      await settle(first.commit([bytesOf(512, 1)], 512));
      await settle(first.close());
      const second = await settle(storage.open('x', { create: true, size: 99 }));
      expect(second.size).toBe(1024);
      const into = bytesOf(1024, 9);
      await settle(second.read(into, 0));
      expect(into).toEqual(Uint8Array.of(...bytesOf(512, 0), ...bytesOf(512, 1)));
      await settle(second.close());
    });

    it('gives two callers who make the same file at once the same file', async () => {
      const { storage, settle } = await make();
      const options = { create: true, size: 4096, preallocate: true };
      const [one, two] = await settle(Promise.all([storage.open('x', options), storage.open('x', options)]));
      await settle(one.commit([bytesOf(512, 5)], 0));
      const into = bytesOf(512, 0);
      await settle(two.read(into, 0));
      expect(into).toEqual(bytesOf(512, 5));
      await settle(Promise.all([one.close(), two.close()]));
    });

    it('writes vectors at any offset and length, small, large, empty and unaligned', async () => {
      const { storage, settle } = await make();
      const size = 1_500_000;
      const file = await settle(storage.open('x', { create: true, size }));
      const expected = new Uint8Array(size);
      let value = 1;
      for (const [at, lengths] of [
        [0, [1]],
        [511, [2, 0, 700]],
        [4096, [4096, 4096, 512]],
        [10_001, [300_000, 70_000]],
        [500_000, Array.from({ length: 1500 }, () => 600)],
        [0, [0]],
        [0, []],
      ] as const) {
        for (const durable of [false, true]) {
          const buffers = lengths.map((length) => bytesOf(length, value++ & 255));
          await settle(durable ? file.commit(buffers, at) : file.write(buffers, at));
          let position: number = at;
          for (const buffer of buffers) {
            expected.set(buffer, position);
            position += buffer.length;
          }
        }
      }
      const into = new Uint8Array(size);
      await settle(file.read(into, 0));
      expect(Buffer.compare(into, expected)).toBe(0);
      expect(file.size).toBe(size);
      await settle(file.close());
    });

    it('grows when written past its end, and reads zeros in the gap', async () => {
      const { storage, settle } = await make();
      const file = await settle(storage.open('x', { create: true }));
      expect(file.size).toBe(0);
      await settle(file.commit([bytesOf(100, 3)], 1000));
      expect(file.size).toBe(1100);
      const into = bytesOf(1100, 9);
      await settle(file.read(into, 0));
      expect(into.subarray(0, 1000)).toEqual(bytesOf(1000, 0));
      expect(into.subarray(1000)).toEqual(bytesOf(100, 3));
      await settle(file.close());
    });

    it('rejects `out-of-range` when a read passes the end', async () => {
      const { storage, settle } = await make();
      const file = await settle(storage.open('x', { create: true, size: 512 }));
      await expect(settle(file.read(new Uint8Array(2), 511))).rejects.toMatchObject({ code: 'out-of-range' });
      await expect(settle(file.read(new Uint8Array(1), 4096))).rejects.toMatchObject({ code: 'out-of-range' });
      await settle(file.read(new Uint8Array(1), 511));
      await settle(file.close());
    });

    it('reads zeros after a discard, and leaves the rest', async () => {
      const { storage, settle } = await make();
      const file = await settle(storage.open('x', { create: true, size: 3 * 4096 }));
      await settle(file.commit([bytesOf(3 * 4096, 1)], 0));
      await settle(file.discard(4096, 4096));
      const into = new Uint8Array(3 * 4096);
      await settle(file.read(into, 0));
      expect(into).toEqual(Uint8Array.of(...bytesOf(4096, 1), ...bytesOf(4096, 0), ...bytesOf(4096, 1)));
      await settle(file.discard(2 * 4096, 100 * 4096));
      expect(file.size).toBe(3 * 4096);
      await settle(file.close());
    });

    it('lists by prefix, sorted, in all directories', async () => {
      const { storage, settle } = await make();
      for (const path of ['shared/b', 'shared/a', 'disk-1.img', 'disk-10.img', 'shared/deep/c', 'sharedish']) {
        await settle(storage.open(path, { create: true, size: 1 }).then((file) => file.close()));
      }
      expect(await settle(storage.list('shared/'))).toEqual(['shared/a', 'shared/b', 'shared/deep/c']);
      expect(await settle(storage.list('disk-1'))).toEqual(['disk-1.img', 'disk-10.img']);
      expect(await settle(storage.list('nothing/here'))).toEqual([]);
      expect(await settle(storage.list(''))).toHaveLength(6);
    });

    it('renames over an existing file, and removes', async () => {
      const { storage, settle } = await make();
      for (const [path, value] of [
        ['one', 1],
        ['two', 2],
      ] as const) {
        const file = await settle(storage.open(path, { create: true, size: 512 }));
        await settle(file.commit([bytesOf(512, value)], 0));
        await settle(file.close());
      }
      await settle(storage.rename('one', 'two'));
      expect(await settle(storage.list(''))).toEqual(['two']);
      const file = await settle(storage.open('two'));
      const into = new Uint8Array(1);
      await settle(file.read(into, 0));
      expect(into[0]).toBe(1);
      await settle(file.close());
      await settle(storage.rename('two', 'new/place'));
      expect(await settle(storage.exists('new/place'))).toBe(true);
      await settle(storage.remove('new/place'));
      expect(await settle(storage.exists('new/place'))).toBe(false);
    });

    it('treats a path that could leave its root as a bug', async () => {
      const { storage, settle } = await make();
      for (const path of [
        '/etc/passwd',
        '../x',
        'a/../../x',
        'a//b',
        '',
        '.',
        'a/.',
        'a\0b',
        'a\\b',
        'x.creating',
        '.hidden',
      ]) {
        await expect(settle((async () => storage.open(path, { create: true }))())).rejects.toThrow('assertion failed');
        await expect(settle((async () => storage.rename('x', path))())).rejects.toThrow('assertion failed');
      }
      await expect(settle((async () => storage.list('../'))())).rejects.toThrow('assertion failed');
    });

    it('knows how much space is free', async () => {
      const { storage, settle } = await make();
      expect(await settle(storage.freeBytes())).toBeGreaterThan(0);
    });

    it('does not let a closed file be used', async () => {
      const { storage, settle } = await make();
      const file = await settle(storage.open('x', { create: true, size: 512 }));
      await settle(file.close());
      await settle(file.close());
      await expect(settle((async () => file.write([bytesOf(1, 1)], 0))())).rejects.toThrow('assertion failed');
    });
  });
}

import { describe, expect, it } from 'vitest';
import { encodeEnvelope, Shelf } from '../../src-engine/disk/index.ts';
import { MemoryStorage } from '../pool/memory.ts';

const DISKS = [0, 1, 2].map((slot) => ({ slot, sizeBytes: 1048576 }));

function cut(storage: MemoryStorage, path: string, sizeBytes: number): void {
  const file = storage.files.get(path);
  if (file !== undefined) Object.defineProperty(file, 'size', { value: sizeBytes });
}

describe('a shelf', () => {
  it('refuses every I/O of an older handle once a raise began, waits for what was running, and remembers it', async () => {
    const storage = new MemoryStorage();
    const shelf = await Shelf.create(storage, { arrayId: 'a', disks: DISKS });
    await shelf.raiseEpoch('p', 1);
    const old = shelf.handle({ poolId: 'p', serverId: 's1', epoch: 1 });
    const other = shelf.handle({ poolId: 'q', serverId: 's1', epoch: 0 });
    const file = await old.file('bitmap', { create: true, size: 4096 });
    let slow = true;
    const step = storage.step.bind(storage);
    let release: () => void = () => undefined;
    storage.step = async (path, kind, at) => {
      if (slow && path === 'disk-0.img') await new Promise<void>((resolve) => (release = resolve));
      await step(path, kind, at);
    };
    const order: string[] = [];
    const running = old.disk(0).write(0, [new Uint8Array(4096)]).then(() => order.push('written'));
    const raised = shelf.raiseEpoch('p', 2).then(() => order.push('raised'));
    await expect(old.disk(1).write(0, [new Uint8Array(4096)])).rejects.toMatchObject({ code: 'fenced' });
    slow = false;
    release();
    await Promise.all([running, raised]);
    expect(order).toEqual(['written', 'raised']);
    for (const io of [
      () => old.disk(1).sync(),
      () => old.disk(1).read(0, new Uint8Array(4096)),
      () => old.disk(1).discard(0, 1),
      () => old.disk(1).writeLabel(0, new Uint8Array(16384)),
      () => file.write([new Uint8Array(512)], 0),
      () => file.commit([new Uint8Array(512)], 0),
      () => old.file('other', { create: true, size: 1 }),
    ]) {
      await expect(io()).rejects.toMatchObject({ code: 'fenced' });
    }
    await other.disk(1).sync();
    await expect(shelf.raiseEpoch('p', 2)).rejects.toMatchObject({ code: 'fenced' });
    const again = await Shelf.open(storage.restart(() => true));
    expect(again.epoch('p')).toBe(2);
    expect(again.findings).toEqual([]);
  });

  it('knows the epochs although one copy of them is damaged, and refuses to guess when both are', async () => {
    const storage = new MemoryStorage();
    const shelf = await Shelf.create(storage, { arrayId: 'a', disks: DISKS });
    await shelf.raiseEpoch('p', 7);
    storage.files.get('shared/epochs-a')?.bytes.fill(9, 0, 100);
    const again = await Shelf.open(storage);
    expect(again.epoch('p')).toBe(7);
    expect(again.findings[0]?.message).toMatch(/shared\/epochs-a offset 0/);
    storage.files.get('shared/epochs-b')?.bytes.fill(9, 40, 100);
    await expect(Shelf.open(storage)).rejects.toMatchObject({ shelfCode: 'array/epochs-lost', message: expect.stringMatching(/epochs-a offset 0: .*epochs-b offset 0: .*restore/) as string });
  });

  it.each([
    ['missing', async (storage: MemoryStorage, path: string): Promise<void> => storage.remove(path), /is missing, expected 65536 bytes/],
    ['truncated', async (storage: MemoryStorage, path: string): Promise<void> => cut(storage, path, 100), /ends at offset 100, expected 65536 bytes/],
    ['empty', async (storage: MemoryStorage, path: string): Promise<void> => cut(storage, path, 0), /ends at offset 0, expected/],
    ['zeroed', async (storage: MemoryStorage, path: string): Promise<void> => void storage.files.get(path)?.bytes.fill(0), /offset 0: expected epochs, found zeros/],
  ] as const)('scenario 69: goes on with one copy of the epochs when the other is %s, and makes it whole with the next raise', async (_, damage, says) => {
    const storage = new MemoryStorage();
    await (await Shelf.create(storage, { arrayId: 'a', disks: DISKS })).raiseEpoch('p', 3);
    await damage(storage, 'shared/epochs-b');
    const shelf = await Shelf.open(storage);
    expect(shelf.findings.map(({ message }) => message)).toEqual([expect.stringMatching(says) as string]);
    await shelf.raiseEpoch('p', 4);
    await damage(storage, 'shared/epochs-a');
    expect((await Shelf.open(storage)).epoch('p')).toBe(4);
    await damage(storage, 'shared/epochs-b');
    await damage(storage, 'shared/epochs-a');
    await expect(Shelf.open(storage)).rejects.toMatchObject({ shelfCode: 'array/epochs-lost' });
  });

  it('scenario 74: refuses epochs of a newer format, also when the other copy is older', async () => {
    const storage = new MemoryStorage();
    await Shelf.create(storage, { arrayId: 'a', disks: DISKS });
    storage.files.get('shared/epochs-b')?.bytes.set(encodeEnvelope('LSEPOCHS', 2, new Uint8Array(4), 4096));
    await expect(Shelf.open(storage)).rejects.toMatchObject({ shelfCode: 'array/newer-format', message: expect.stringMatching(/epochs-b offset 8/) as string });
  });

  it('scenario 70: says for every image why none can be read, and what to do', async () => {
    const storage = new MemoryStorage();
    await expect(Shelf.open(storage)).rejects.toMatchObject({ shelfCode: 'array/no-disk' });
    await Shelf.create(storage, { arrayId: 'a', disks: DISKS });
    storage.files.get('disk-0.img')?.bytes.fill(0, 0, 4096);
    storage.files.get('disk-1.img')?.bytes.fill(7, 0, 4096);
    cut(storage, 'disk-2.img', 5000);
    await expect(Shelf.open(storage)).rejects.toMatchObject({
      shelfCode: 'array/no-disk',
      message: expect.stringMatching(/disk-0\.img offset 0: .*disk-1\.img offset 0: .*disk-2\.img ends at offset 5000.*restore/) as string,
    });
  });

  it('reports missing, truncated and foreign images by file and offset and fails those disks only', async () => {
    const storage = new MemoryStorage();
    await Shelf.create(storage, { arrayId: 'a', disks: DISKS });
    const foreign = new MemoryStorage();
    await Shelf.create(foreign, { arrayId: 'b', disks: DISKS });
    await storage.remove('disk-0.img');
    const whole = storage.files.get('disk-1.img');
    if (whole !== undefined) Object.defineProperty(whole, 'size', { value: 500000 });
    const shelf = await Shelf.open(storage, { arrayId: 'a' });
    expect(shelf.findings.map((finding) => finding.message)).toEqual([
      'disk-0.img is missing, expected 1048576 bytes from offset 0',
      'disk-1.img ends at offset 500000, expected 1048576 bytes',
    ]);
    const handle = shelf.handle({ poolId: 'p', serverId: 's', epoch: 0 });
    await expect(handle.disk(0).read(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'io' });
    await handle.disk(2).read(0, new Uint8Array(4096));
    const alien = foreign.files.get('disk-2.img');
    if (alien !== undefined) storage.files.set('disk-2.img', alien);
    const third = await Shelf.open(storage, { arrayId: 'a' });
    expect(third.findings[2]?.message).toBe('disk-2.img offset 0: is disk 2 of array b, expected disk 2 of a');
    await expect(third.handle({ poolId: 'p', serverId: 's', epoch: 0 }).disk(2).sync()).rejects.toMatchObject({ code: 'io' });
    await storage.remove('disk-1.img');
    await expect(Shelf.open(storage, { arrayId: 'a' })).rejects.toMatchObject({ code: 'not-found' });
  });
});

import { describe, expect, it } from 'vitest';
import { incarnate, type Runtime, type Storage, type StorageFile } from '../../src-engine/runtime/index.ts';
import { createSimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';

/** A storage whose reads wait for `release`. */
function heldStorage(): { storage: Storage; release(): void; closed: () => boolean; reads: () => number } {
  let closed = false;
  let reads = 0;
  const waiting: (() => void)[] = [];
  const file: StorageFile = {
    path: 'x',
    size: 512,
    read: () => {
      reads++;
      return new Promise<void>((resolve) => waiting.push(resolve));
    },
    write: async () => {},
    sync: async () => {},
    commit: async () => {},
    discard: async () => {},
    close: async () => {
      closed = true;
    },
  };
  const storage: Storage = {
    open: async () => file,
    exists: async () => true,
    list: async () => [],
    remove: async () => {},
    rename: async () => {},
    freeBytes: async () => 1,
  };
  return {
    storage,
    release: () => {
      for (const resolve of waiting) resolve();
    },
    closed: () => closed,
    reads: () => reads,
  };
}

function baseRuntime(): { world: ReturnType<typeof createSimulatedWorld>; base: Runtime } {
  const world = createSimulatedWorld({ seed: 1 });
  return { world, base: world.server('a').boot().runtime };
}

describe('an incarnation', () => {
  it('passes everything through while it lives', async () => {
    const { world, base } = baseRuntime();
    const { runtime, wrapStorage } = incarnate(base);
    const storage = wrapStorage(world.storage('array').storage);
    const file = await world.settle(storage.open('d/x', { create: true, size: 1024 }));
    await world.settle(file.commit([new Uint8Array(512).fill(3)], 512));
    const into = new Uint8Array(1024);
    await world.settle(file.read(into, 0));
    expect(into[511]).toBe(0);
    expect(into[512]).toBe(3);
    expect(await world.settle(storage.list('d/'))).toEqual(['d/x']);
    await expect(world.settle(storage.open('none'))).rejects.toMatchObject({ code: 'not-found' });
    await world.settle(runtime.clock.sleep(5));
    let fired = false;
    runtime.clock.after(1, () => (fired = true)).cancel();
    await world.run({ untilMs: 100 });
    expect(fired).toBe(false);
  });

  it('settles nothing after it was revoked, neither what succeeds nor what fails', async () => {
    const { world, base } = baseRuntime();
    const { runtime, wrapStorage, revoke } = incarnate(base);
    const storage = wrapStorage(world.storage('array').storage);
    const seen: string[] = [];
    const note = (what: string) => () => void seen.push(what);
    storage.open('none').then(note('opened'), note('failed'));
    storage.list('').then(note('listed'), note('failed'));
    runtime.clock.sleep(1).then(note('slept'), note('failed'));
    runtime.network.dial('nobody').then(note('dialled'), note('refused'));
    runtime.clock.after(1, note('timer'));
    revoke();
    revoke();
    storage.exists('x').then(note('exists'), note('failed'));
    storage.open('y', { create: true }).then(note('opened'), note('failed'));
    runtime.clock.after(0, note('late timer'));
    await world.run({ untilMs: 1000 });
    expect(seen).toEqual([]);
    expect(world.storage('array').paths()).toEqual([]);
  });

  it('closes its sessions towards the peers and hears nothing more of them', async () => {
    const { world, base } = baseRuntime();
    const { runtime, revoke } = incarnate(base);
    const seen: string[] = [];
    world.links.endpoint('b').listen((session) => {
      session.onClose = (reason) => seen.push(reason);
      session.onFrame = () => session.send([new Uint8Array(1)]);
    });
    const session = await world.settle(runtime.network.dial('b'));
    session.onFrame = () => seen.push('frame');
    session.onClose = () => seen.push('close');
    session.send([new Uint8Array(1)]);
    revoke();
    await world.run({ untilMs: 5000 });
    expect(seen).toEqual(['closed by the peer']);
  });

  it('is drained once what it had begun below has ended, with its files closed', async () => {
    const { world, base } = baseRuntime();
    const below = heldStorage();
    const { wrapStorage, revoke, drained } = incarnate(base);
    const file = await wrapStorage(below.storage).open('x');
    let settled = false;
    void file.read(new Uint8Array(1), 0).then(() => (settled = true));
    revoke();
    let isDrained = false;
    const done = drained().then(() => (isDrained = true));
    await world.run({ untilMs: 10 });
    expect([isDrained, below.closed()]).toEqual([false, false]);
    below.release();
    await done;
    expect([settled, below.closed(), below.reads()]).toEqual([false, true, 1]);
  });
});

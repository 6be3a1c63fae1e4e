import { describe, expect, it } from 'vitest';
import { createSimulatedWorld, type SimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';

const PAYLOAD_BYTES = 4096;

/** Two servers that talk, write and wake each other; the trace depends on every random draw. */
async function play(seed: number): Promise<{ fingerprint: number; steps: number; world: SimulatedWorld }> {
  const world = createSimulatedWorld({ seed });
  world.links.setLink('a', 'b', { latencyMs: 1, jitterMs: 3, lossProbability: 0.1, up: true });
  const a = world.server('a').boot();
  const b = world.server('b').boot();
  let received = 0;
  b.runtime.network.listen((session) => {
    session.onFrame = (frame) => {
      received += frame.length;
      b.runtime.covered('test/frame');
      session.send([frame]);
    };
  });
  const work = async (): Promise<void> => {
    const file = await a.storageOf('array').open('x', { create: true, size: 64 * 1024 });
    const session = await a.runtime.network.dial('b');
    for (let i = 0; i < 20; i++) {
      session.send([a.runtime.random.bytes(10)]);
      await file.commit([a.runtime.random.bytes(512)], i * 512);
      await a.runtime.clock.sleep(a.runtime.random.float() * 5);
    }
  };
  await world.settle(work());
  expect(received).toBeGreaterThan(0);
  return { fingerprint: world.fingerprint, steps: world.steps, world };
}

describe('the simulated world', () => {
  it('takes the same way for the same seed', async () => {
    const first = await play(7);
    const second = await play(7);
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(second.steps).toBe(first.steps);
    expect(second.world.recentEvents).toEqual(first.world.recentEvents);
    expect(second.world.marks).toEqual(first.world.marks);
  });

  it('takes another way for another seed', async () => {
    const fingerprints = new Set<number>();
    for (let seed = 0; seed < 8; seed++) fingerprints.add((await play(seed)).fingerprint);
    expect(fingerprints.size).toBe(8);
  });

  it('runs an hour of timers without waiting for it', async () => {
    const world = createSimulatedWorld({ seed: 1 });
    let ticks = 0;
    const { runtime } = world.server('a').boot();
    const tick = (): void => {
      ticks++;
      runtime.clock.after(1000, tick);
    };
    runtime.clock.after(1000, tick);
    await world.run({ untilMs: 3_600_000 });
    expect(ticks).toBe(3600);
    expect(world.nowMs).toBe(3_600_000);
  });

  it('says that a promise never settled, with the seed', async () => {
    const world = createSimulatedWorld({ seed: 42 });
    await expect(world.settle(new Promise(() => {}), 1000)).rejects.toThrow('seed 42');
  });

  it('lets a broken assertion inside an event stop the run', async () => {
    const world = createSimulatedWorld({ seed: 1 });
    world.schedule(5, 'bad', () => {
      throw new Error('broken');
    });
    await expect(world.run({ untilMs: 10 })).rejects.toThrow('broken');
  });

  it('makes the wall clock jump without touching the monotonic one', () => {
    const world = createSimulatedWorld({ seed: 1 });
    const server = world.server('a');
    const { clock } = server.boot().runtime;
    const before = clock.wallMs();
    server.jumpWallClock(-86_400_000);
    expect(clock.wallMs()).toBe(before - 86_400_000);
    expect(clock.nowMs()).toBe(0);
  });

  it('answers planted bugs from the set it was given', () => {
    const world = createSimulatedWorld({ seed: 1, planted: new Set(['drop-fracture-bit'] as const) });
    const { runtime } = world.server('a').boot();
    expect(runtime.planted('drop-fracture-bit')).toBe(true);
    expect(runtime.planted('obey-stale-commit')).toBe(false);
  });
});

describe('a server crash', () => {
  it('leaves every acknowledged commit and tears what was not synced', async () => {
    let kept = 0;
    let lost = 0;
    for (let seed = 0; seed < 20; seed++) {
      const world = createSimulatedWorld({ seed });
      const server = world.server('a');
      const storage = server.boot().storageOf('array');
      const file = await world.settle(storage.open('x', { create: true, size: 2 * PAYLOAD_BYTES }));
      await world.settle(file.commit([new Uint8Array(PAYLOAD_BYTES).fill(1)], 0));
      await world.settle(file.write([new Uint8Array(PAYLOAD_BYTES).fill(2)], PAYLOAD_BYTES));
      server.crash();
      const bytes = world.storage('array').peek('x');
      expect(bytes.subarray(0, PAYLOAD_BYTES).every((byte) => byte === 1)).toBe(true);
      for (let at = PAYLOAD_BYTES; at < 2 * PAYLOAD_BYTES; at += 512) {
        const sector = bytes.subarray(at, at + 512);
        expect(sector.every((byte) => byte === sector[0])).toBe(true);
        if (sector[0] === 2) kept++;
        else lost++;
      }
    }
    expect(kept).toBeGreaterThan(30);
    expect(lost).toBeGreaterThan(30);
  });

  it('can leave a later write and lose an earlier one of the same sector', async () => {
    const left = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const world = createSimulatedWorld({ seed });
      const server = world.server('a');
      const file = await world.settle(server.boot().storageOf('array').open('x', { create: true, size: 512 }));
      await world.settle(file.sync());
      await world.settle(file.write([new Uint8Array(512).fill(1)], 0));
      await world.settle(file.write([new Uint8Array(512).fill(2)], 0));
      server.crash();
      left.add(world.storage('array').peek('x')[0] ?? 0);
    }
    expect(left).toEqual(new Set([0, 1, 2]));
  });

  it('takes only its own unsynced writes from a shared array', async () => {
    const half = 32 * 1024;
    let lost = 0;
    for (let seed = 0; seed < 20; seed++) {
      const world = createSimulatedWorld({ seed });
      const one = world.server('one');
      const two = world.server('two');
      const options = { create: true, size: 2 * half };
      const fileOfOne = await world.settle(one.boot().storageOf('array').open('x', options));
      await world.settle(fileOfOne.sync());
      const fileOfTwo = await world.settle(two.boot().storageOf('array').open('x', options));
      await world.settle(fileOfTwo.write([new Uint8Array(half).fill(2)], 0));
      await world.settle(fileOfOne.write([new Uint8Array(half).fill(1)], half));
      one.crash();
      const bytes = world.storage('array').peek('x');
      expect(bytes.subarray(0, half).every((byte) => byte === 2)).toBe(true);
      if (bytes.subarray(half).some((byte) => byte === 0)) lost++;
      await world.settle(fileOfTwo.sync());
      world.storage('array').crash();
      expect(
        world
          .storage('array')
          .peek('x', 0, half)
          .every((byte) => byte === 2),
      ).toBe(true);
    }
    expect(lost).toBeGreaterThan(5);
  });

  it('settles nothing, fires nothing and sends nothing afterwards', async () => {
    const world = createSimulatedWorld({ seed: 5 });
    const a = world.server('a');
    const boot = a.boot();
    const b = world.server('b').boot();
    const seen: string[] = [];
    const closed: string[] = [];
    b.runtime.network.listen((session) => {
      session.onFrame = () => seen.push('frame');
      session.onClose = (reason) => closed.push(reason);
    });
    const session = await world.settle(boot.runtime.network.dial('b'));
    session.onClose = () => seen.push('close here');
    const file = await world.settle(boot.storageOf('array').open('x', { create: true, size: 4096 }));
    await world.settle(file.sync());
    boot.runtime.clock.after(10, () => seen.push('timer'));
    void boot.runtime.clock.sleep(10).then(() => seen.push('sleep'));
    void file.commit([new Uint8Array(512)], 0).then(() => seen.push('commit'));
    a.crash();
    session.send([new Uint8Array(1)]);
    void file.write([new Uint8Array(512).fill(9)], 512).then(() => seen.push('write'));
    void boot.runtime.network.dial('b').then(() => seen.push('dial'));
    boot.runtime.clock.after(10, () => seen.push('late timer'));
    await world.run({ untilMs: 60_000 });
    expect(seen).toEqual([]);
    expect(closed).toHaveLength(1);
    expect(world.storage('array').peek('x', 512, 1)[0]).toBe(0);
  });

  it('of a process keeps what had settled', async () => {
    const world = createSimulatedWorld({ seed: 6 });
    const server = world.server('a');
    const file = await world.settle(server.boot().storageOf('array').open('x', { create: true, size: 4096 }));
    await world.settle(file.write([new Uint8Array(4096).fill(1)], 0));
    server.crash({ unsynced: 'keep' });
    expect(
      world
        .storage('array')
        .peek('x')
        .every((byte) => byte === 1),
    ).toBe(true);
  });

  it('loses or keeps a file whose directory entry was never synced, and never one that was', async () => {
    const left = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const world = createSimulatedWorld({ seed });
      const server = world.server('a');
      const storage = server.boot().storageOf('array');
      const durable = await world.settle(storage.open('durable', { create: true, size: 512 }));
      await world.settle(durable.sync());
      await world.settle(storage.open('fresh', { create: true, size: 512 }));
      server.crash();
      const paths = world.storage('array').paths();
      expect(paths).toContain('durable');
      left.add(paths.length);
    }
    expect(left).toEqual(new Set([1, 2]));
  });
});

describe('a simulated disk', () => {
  const opened = async (seed: number) => {
    const world = createSimulatedWorld({ seed });
    const disk = world.storage('array');
    const file = await world.settle(disk.storage.open('x', { create: true, size: 64 * 1024, preallocate: true }));
    await world.settle(file.sync());
    return { world, disk, file };
  };
  const ones = new Uint8Array(4096).fill(1);

  it('drops what was unsynced at a failed sync, although the next sync succeeds', async () => {
    let dropped = 0;
    for (let seed = 0; seed < 10; seed++) {
      const { world, disk, file } = await opened(seed);
      await world.settle(file.write([ones], 0));
      disk.inject({ kind: 'failing-sync', times: 1 });
      await expect(world.settle(file.sync())).rejects.toMatchObject({ code: 'io' });
      await world.settle(file.sync());
      expect(disk.peek('x', 0, 4096)).toEqual(ones); // still read, as from a page cache
      disk.crash();
      dropped += disk.peek('x', 0, 4096).filter((byte) => byte === 0).length;
    }
    expect(dropped).toBeGreaterThan(0);
  });

  it('rejects `io` for a latent sector error until the sector is written anew', async () => {
    const { world, disk, file } = await opened(1);
    disk.spoil('x', 512, 1);
    await expect(world.settle(file.read(new Uint8Array(4096), 0))).rejects.toMatchObject({ code: 'io' });
    await world.settle(file.read(new Uint8Array(512), 0));
    await world.settle(file.write([ones], 0));
    await world.settle(file.read(new Uint8Array(4096), 0));
  });

  it('flips exactly one bit when it rots', async () => {
    const { world, disk, file } = await opened(2);
    await world.settle(file.commit([ones], 0));
    const [at = -1] = disk.rot('x', 0, 4096);
    const bytes = disk.peek('x', 0, 4096);
    const differing = bytes.reduce((sum, byte, i) => sum + (byte === 1 ? 0 : i === at ? 1 : 100), 0);
    expect(differing).toBe(1);
    expect(Math.log2((bytes[at] ?? 0) ^ 1) % 1).toBe(0);
  });

  it('hangs until healed', async () => {
    const { world, disk, file } = await opened(3);
    const fault = disk.inject({ kind: 'hang', operations: ['write'] });
    let done = false;
    void file.write([ones], 0).then(() => (done = true));
    await world.run({ untilMs: world.nowMs + 100_000 });
    expect(done).toBe(false);
    fault.heal();
    expect(await world.runUntil(() => done, 100)).toBe(true);
  });

  it('acknowledges and drops a lost write, and puts a misdirected one elsewhere', async () => {
    const { world, disk, file } = await opened(4);
    disk.inject({ kind: 'lost-write', times: 1 });
    await world.settle(file.commit([ones], 0));
    expect(disk.peek('x').every((byte) => byte === 0)).toBe(true);
    disk.inject({ kind: 'misdirected-write', times: 1 });
    await world.settle(file.commit([ones], 0));
    expect(disk.peek('x').filter((byte) => byte === 1)).toHaveLength(4096);
    expect([disk.faultHits('lost-write'), disk.faultHits('misdirected-write')]).toEqual([1, 1]);
  });

  it('refuses with `no-space`, `read-only` and `io` when full, write-protected and offline', async () => {
    const { world, disk, file } = await opened(5);
    const full = disk.inject({ kind: 'disk-full' });
    await world.settle(file.write([ones], 0)); // preallocated
    await expect(world.settle(disk.storage.open('y', { create: true }))).rejects.toMatchObject({ code: 'no-space' });
    expect(await world.settle(disk.storage.freeBytes())).toBe(0);
    full.heal();
    const protectedDisk = disk.inject({ kind: 'read-only' });
    await expect(world.settle(file.write([ones], 0))).rejects.toMatchObject({ code: 'read-only' });
    protectedDisk.heal();
    disk.inject({ kind: 'offline' });
    await expect(world.settle(file.read(new Uint8Array(1), 0))).rejects.toMatchObject({ code: 'io' });
    disk.healAll();
    await world.settle(file.read(new Uint8Array(1), 0));
  });

  it('catches a caller that changes a buffer before its write settles', async () => {
    const { world, file } = await opened(6);
    const buffer = new Uint8Array(512);
    void file.write([buffer], 0);
    buffer[0] = 1;
    await expect(world.run({ untilMs: world.nowMs + 100 })).rejects.toThrow('buffers are left alone');
  });
});

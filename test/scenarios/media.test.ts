import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { encodeEnvelope } from '../../src-engine/disk/index.ts';
import { HALF_HEADER_BYTES } from '../../src-engine/nvlog/index.ts';
import { createSimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';
import { MIB } from '../server/fixture.ts';
import { BLOCK, diskImages, eventsOf, hashes, makeScene, patch, REGION, rel, SimulatedSite } from './scene.ts';

const NORTH = 'array-north';
const SOUTH = 'array-south';

describe('disks', () => {
  test('scenario 54: a crash in the middle of writing whole free stripes, restarted with a disk missing: untouched blocks are right', async () => {
    for (const seed of [601, 602, 603]) {
      const scene = await makeScene({ seed });
      const { world, north } = scene;
      for (let round = 0; round < 3; round++) {
        await scene.burst(north, 12, 20 + round);
        await scene.cp(north);
      }
      await scene.burst(north, 30, 60);
      await scene.crashAtPhase(north, seed === 602 ? 'sync' : 'write', north);
      const fault = world.storage(NORTH).inject({ kind: 'offline', prefix: 'disk-3' });
      await world.settle(north.boot());
      await scene.synchronized();
      await scene.expectContent(north);
      fault.heal();
    }
  });

  test('scenario 70: a missing image is named and its disk failed; nothing is made in its place, and the content is intact', async () => {
    const scene = await makeScene({ seed: 610 });
    const { world, north } = scene;
    north.crash();
    await world.settle(world.storage(NORTH).storage.remove('disk-2.img'));
    await world.settle(north.boot());
    expect(north.shelf?.findings).toEqual([{ slot: 2, message: expect.stringContaining('disk-2.img') as string }]);
    expect(world.storage(NORTH).paths('disk-2')).toEqual([]);
    expect(north.up.status().pools[0]?.state).toBe('degraded');
    await scene.synchronized();
    await scene.write(north, 0, 9);
    await scene.cp(north);
    await scene.expectContent(north);
  });

  test('scenario 70: a truncated image is named with its sizes, failed, and not filled up with zeros', async () => {
    const scene = await makeScene({ seed: 611 });
    const { world, north } = scene;
    north.crash();
    const disk = world.storage(NORTH);
    const half = disk.peek('disk-1.img').slice(0, 8 * MIB);
    await world.settle(disk.storage.remove('disk-1.img'));
    const file = await world.settle(disk.storage.open('disk-1.img', { create: true, size: half.length }));
    await world.settle(file.commit([half], 0));
    await world.settle(north.boot());
    expect(north.shelf?.findings[0]).toMatchObject({ slot: 1, message: expect.stringMatching(/disk-1\.img.*8388608/) as string });
    expect(disk.sizeOf('disk-1.img')).toBe(8 * MIB);
    expect(north.up.status().pools[0]?.state).toBe('degraded');
    await scene.synchronized();
    await scene.expectContent(north);
  });

  test('scenario 70: a read-only image fails its disk at the first write, and hosts do not notice', async () => {
    const scene = await makeScene({ seed: 612 });
    const { world, north } = scene;
    world.storage(NORTH).inject({ kind: 'read-only', prefix: 'disk-4' });
    await scene.burst(north, 10, 40);
    await scene.cp(north);
    expect(north.up.status().pools[0]?.state).toBe('degraded');
    await scene.expectContent(north);
  });

  test('scenario 70: an image changed from outside: check names file and offset of what is damaged, hosts read from the other disks, and repair makes the image right again', async () => {
    const scene = await makeScene({ seed: 613 });
    const { world, north } = scene;
    await scene.burst(north, 32, 40);
    await scene.cp(north);
    north.crash();
    // a disk that holds some of the blocks just written
    const block = Buffer.alloc(BLOCK, 43);
    const holds = (bytes: Uint8Array): number => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(block);
    const [victim, bytes] = [...diskImages(world, NORTH)].find(([, image]) => holds(image) >= 0) ?? ['', new Uint8Array(0)];
    const offset = Math.floor(holds(bytes) / BLOCK) * BLOCK;
    await patch(world, NORTH, victim, 65536, new Uint8Array(16 * MIB - 65536).fill(0xee));
    await world.settle(north.boot());
    await scene.synchronized();
    const found = await world.settle(north.up.check());
    const damaged = found.filter((problem) => problem.file.endsWith(victim));
    expect(damaged.map((problem) => problem.offset)).toContain(offset);
    expect(found.filter((problem) => /checksum/.test(problem.expected)).every((problem) => problem.file.endsWith(victim) && (problem.offset ?? 0) >= 65536)).toBe(true);
    await scene.expectContent(north);
    expect(world.marks.get('pool/reconstruct') ?? 0).toBeGreaterThan(0);
    await world.settle(north.up.check(true));
    expect(await world.settle(north.up.check())).toEqual([]);
    expect(world.storage(NORTH).peek(victim, offset, BLOCK)).toEqual(new Uint8Array(block));
  });

  test('scenario 69: one damaged copy of the epochs, a label slot or a disk header is survived; the good copy is used', async () => {
    const scene = await makeScene({ seed: 614 });
    const { world, north } = scene;
    const epochs = world.storage(NORTH).paths('shared/epochs');
    expect(epochs).toHaveLength(2);
    for (const damage of [() => world.storage(NORTH).rot(epochs[0] ?? '', 0, 64, 40), () => world.storage(NORTH).rot('disk-0.img', 16384, 64, 40), () => world.storage(NORTH).rot('disk-5.img', 0, 64, 40)]) {
      north.crash();
      damage();
      await world.settle(north.boot());
      expect(north.up.status().state).toEqual({ kind: 'up' });
      await scene.synchronized();
      await scene.expectContent(north);
    }
    expect(north.shelf?.findings.some((f) => f.slot === 5 && /disk-5\.img.*offset 0/.test(f.message))).toBe(true);
  });

  test('scenario 69: the fracture log with one damaged copy loses nothing; with both, every region counts as changed, never none', async () => {
    const scene = await makeScene({ seed: 615 });
    const { world, north } = scene;
    const disk = world.storage(NORTH);
    const file = disk.paths('shared/marks-m')[0] ?? '';
    const half = disk.sizeOf(file) / 2;
    scene.link(false);
    for (let i = 0; i < 3; i++) {
      await scene.write(north, (3 + i) * REGION, 50);
      await scene.cp(north);
    }
    north.crash();
    disk.rot(file, 0, half, 400);
    await world.settle(north.boot());
    expect(rel(north).fractureLog.dirty).toBe(3);
    north.crash();
    disk.rot(file, 0, 2 * half, 4000);
    await world.settle(north.boot());
    expect(rel(north).fractureLog.dirty).toBe(32);
    expect(rel(north).imageState).toBe('OutOfSync');
    expect(eventsOf(north, 'mirror/bitmap-failed').length).toBeGreaterThan(0);
    scene.link(true);
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test.each(['truncated', 'removed'] as const)('scenario 69: a fracture log that was %s is named and holds every region again; the server serves', async (how) => {
    const scene = await makeScene({ seed: 616 });
    const { world, north } = scene;
    const disk = world.storage(NORTH);
    scene.link(false);
    await scene.write(north, 3 * REGION, 50);
    north.crash();
    for (const file of disk.paths('shared/marks-m').concat(disk.paths('shared/kept-m'))) {
      await world.settle(disk.storage.remove(file));
      if (how === 'truncated') await world.settle(disk.storage.open(file, { create: true, size: 100 }));
    }
    await world.settle(north.boot());
    expect(north.up.status().state).toEqual({ kind: 'up' });
    expect(rel(north).fractureLog.dirty).toBe(32);
    const said = eventsOf(north, 'mirror/bitmap-unreadable').map(({ message }) => message);
    expect(said.join()).toMatch(/marks-m/);
    scene.link(true);
    await scene.synchronized();
    await scene.expectBothEqual();
  });

  test('scenario 69, scenario 70: a lost or damaged log or identity is refused by name and never made anew', async () => {
    for (const [seed, domainFile, code] of [[620, 'nvlog-a.log', /nvlog|file/], [621, 'identity.json', /identity/]] as const) {
      for (const how of ['removed', 'damaged'] as const) {
        const scene = await makeScene({ seed });
        const { world, north } = scene;
        const device = world.storage('server-north');
        north.crash();
        if (how === 'removed') await world.settle(device.storage.remove(domainFile));
        else if (domainFile === 'identity.json') device.rot(domainFile, 0, device.sizeOf(domainFile), 30);
        else for (const name of ['nvlog-a.log', 'nvlog-b.log']) device.rot(name, 0, BLOCK, 2000);
        const before = hashes(diskImages(world, NORTH));
        await world.settle(north.boot());
        const { state } = north.up.status();
        expect(state).toMatchObject({ kind: 'refused', message: expect.stringMatching(code) as string });
        expect(() => north.up.hostVolume('v')).toThrow(/no volume|not up/);
        if (how === 'removed') expect(device.paths(domainFile)).toEqual([]);
        expect(hashes(diskImages(world, NORTH))).toEqual(before);
      }
    }
  });

  test('scenario 74: files of a newer version are refused, by name, and left alone', async () => {
    const newer = new TextEncoder().encode('{}');
    for (const file of ['disk-0.img', 'nvlog', 'identity.json'] as const) {
      const scene = await makeScene({ seed: 630 });
      const { world, north } = scene;
      const device = world.storage('server-north');
      north.crash();
      if (file === 'disk-0.img') {
        for (let slot = 0; slot < 6; slot++) await patch(world, NORTH, `disk-${String(slot)}.img`, 0, encodeEnvelope('LSDISK\0\0', 99, newer, 4096));
      } else if (file === 'identity.json') {
        const text = new TextDecoder().decode(device.peek(file));
        await patch(world, 'server-north', file, 0, new TextEncoder().encode(text.replace('"format":1', '"format":9')));
      } else {
        for (const name of ['nvlog-a.log', 'nvlog-b.log']) {
          const header = device.peek(name, 0, HALF_HEADER_BYTES);
          const view = new DataView(header.buffer);
          view.setUint32(8, 9, true);
          view.setUint32(124, crc32(header.subarray(128), crc32(header.subarray(0, 124))), true);
          await patch(world, 'server-north', name, 0, header);
        }
      }
      const before = { ...hashes(diskImages(world, NORTH)), log: hashes(new Map(device.paths().map((path) => [path, device.peek(path)]))) };
      if (file === 'disk-0.img') await expect(world.settle(north.boot())).rejects.toThrow(/disk-0\.img.*version 99 is newer/);
      else {
        await world.settle(north.boot());
        expect(north.up.status().state.kind, file).toBe('refused');
      }
      const after = { ...hashes(diskImages(world, NORTH)), log: hashes(new Map(device.paths().map((path) => [path, device.peek(path)]))) };
      expect(after).toEqual(before);
      if (file === 'identity.json') expect(north.up.status().state).toMatchObject({ code: 'server/newer-format' });
      if (file === 'nvlog') expect(north.up.status().state).toMatchObject({ code: 'nvlog/newer-version' });
    }
  });
});

describe('space', () => {
  test('scenario 68: a pool without room tells hosts so before a consistency point could tear, keeps all it acknowledged, and goes on once room was made', async () => {
    const world = createSimulatedWorld({ seed: 640 });
    const site = new SimulatedSite(world, { id: 'solo', level: 'raid1', disks: 2, diskBytes: 16 * MIB }, { cpIntervalMs: 500 });
    await world.settle(site.boot());
    await world.settle(site.up.createVolume({ id: 'v', name: 'v', poolId: 'pool-solo', sizeBytes: 64 * MIB }));
    const volume = site.up.hostVolume('v');
    let written = 0;
    let error: unknown = null;
    while (error === null && written < 1024) {
      try {
        await world.settle(volume.write(written * REGION, new Uint8Array(REGION).fill((written % 250) + 1)));
        written++;
      } catch (caught) {
        error = caught;
      }
    }
    expect(error).toMatchObject({ code: 'volume/no-space' });
    expect(written).toBeGreaterThan(100);
    // every consistency point still ends, and everything acknowledged is there, after a power cut too
    expect((await world.settle(site.up.consistencyPoint('admin'))).phase).toBe('done');
    expect(site.up.status().state).toEqual({ kind: 'up' });
    site.crash();
    await world.settle(site.boot());
    for (let i = 0; i < written; i += 7) expect((await world.settle(site.up.hostVolume('v').read(i * REGION + 5, 1)))[0]).toBe((i % 250) + 1);
    expect(await world.settle(site.up.check())).toEqual([]);
    // room is made
    const again = site.up.hostVolume('v');
    await world.settle(again.trim(0, 20 * REGION));
    await world.settle(site.up.consistencyPoint('admin'));
    await world.settle(site.up.consistencyPoint('admin'));
    await world.settle(again.write(0, new Uint8Array(REGION).fill(7)));
    expect((await world.settle(again.read(0, 1)))[0]).toBe(7);
  });

  test('scenario 68: on a pool that is full to the last write a trim is admitted, and makes room, without a restart', async () => {
    const world = createSimulatedWorld({ seed: 643 });
    const site = new SimulatedSite(
      world,
      { id: 'solo', level: 'raid5', disks: 4, diskBytes: 4 * MIB },
      { logHalfBytes: 2 * MIB },
    );
    await world.settle(site.boot());
    await world.settle(site.up.createVolume({ id: 'v', name: 'v', poolId: 'pool-solo', sizeBytes: 16 * MIB }));
    const volume = site.up.hostVolume('v');
    // Full is: not one block, not even after a consistency point has given back what it had set aside.
    let vbn = 0;
    for (let refused = 0; refused < 2; ) {
      try {
        await world.settle(volume.write(vbn * BLOCK, new Uint8Array(BLOCK).fill(9)));
        vbn++;
        refused = 0;
        if (vbn % 64 === 0) await world.settle(site.up.consistencyPoint('admin'));
      } catch (error) {
        expect(error).toMatchObject({ code: 'volume/no-space' });
        refused++;
        await world.settle(site.up.consistencyPoint('admin'));
      }
    }
    expect(vbn).toBeGreaterThan(1000);
    // More than once: what a trim takes comes back with its consistency point.
    for (let i = 1; i <= 4; i++) {
      await world.settle(volume.trim((vbn - i * 96) * BLOCK, 96 * BLOCK));
      await world.settle(site.up.consistencyPoint('admin'));
    }
    await world.settle(site.up.consistencyPoint('admin'));
    for (let i = 1; i <= 96; i++) await world.settle(volume.write((vbn - i) * BLOCK, new Uint8Array(BLOCK).fill(10)));
    expect((await world.settle(site.up.consistencyPoint('admin'))).phase).toBe('done');
    expect(site.up.status().state).toEqual({ kind: 'up' });
    expect(await world.settle(site.up.check())).toEqual([]);
  });

  for (const prefix of ['', 'disk-']) {
    test(`scenario 68: the user disk below ${prefix === '' ? 'an array' : 'the images'} fills in a consistency point: hosts get a named state, nothing new is begun, nothing acknowledged is lost, and the same point goes on without a restart`, async () => {
      const scene = await makeScene({ seed: 641 });
      const { world, north } = scene;
      await scene.burst(north, 20, 30);
      const { incarnation } = north.up.status();
      const fault = world.storage(NORTH).inject({ kind: 'disk-full', prefix });
      const point = north.up.consistencyPoint('admin');
      await scene.until('it is suspended', () => north.up.status().state.kind === 'suspended', 5000);
      expect(north.up.status().state).toMatchObject({ inPlace: true, reason: expect.stringMatching(/space/) as string });
      const volume = scene.volumeOf(north);
      await expect(world.settle(volume.write(0, new Uint8Array(BLOCK)))).rejects.toMatchObject({ code: 'volume/suspended' });
      expect(north.up.volumes()[0]).toMatchObject({ state: 'suspended', stateReason: expect.stringMatching(/space/) as string });
      // no new snapshot, no new volume: they would need a label
      await expect(world.settle(north.up.frozenView(scene.volumeOf(north).id))).rejects.toMatchObject({ code: 'volume/suspended' });
      await expect(world.settle(north.up.createVolume({ id: 'w', name: 'w', poolId: north.up.volumes()[0]?.poolId ?? '', sizeBytes: REGION }))).rejects.toMatchObject({ code: 'volume/suspended' });
      // what is there can be read
      for (let offset = 0; offset < 8 * REGION; offset += REGION) expect(await world.settle(volume.read(offset, BLOCK))).toEqual(scene.expected.slice(offset, offset + BLOCK));
      await scene.run(20_000);
      expect(north.up.status().state.kind).toBe('suspended');
      fault.heal();
      expect((await world.settle(point)).phase).toBe('done');
      await scene.until('it serves', () => north.up.volumes()[0]?.state === 'online', 30_000);
      expect(north.up.status()).toMatchObject({ state: { kind: 'up' }, incarnation });
      expect(eventsOf(north, 'server/suspended')).toHaveLength(1);
      expect(eventsOf(north, 'server/resumed')).toHaveLength(1);
      await scene.synchronized();
      await scene.write(north, 0, 77);
      await scene.cp(north);
      await scene.expectBothEqual();
      expect(await world.settle(north.up.check())).toEqual([]);
    });
  }

  test('scenario 68: the destination has no room for its consistency point: the source goes on alone and both are equal again once there is room', async () => {
    const scene = await makeScene({ seed: 642 });
    const { world, north, south } = scene;
    await scene.burst(north, 20, 30);
    const fault = world.storage(SOUTH).inject({ kind: 'disk-full', prefix: 'disk-' });
    north.up.consistencyPoint('admin').catch(() => undefined);
    await scene.until('the destination is suspended', () => south.up.status().state.kind === 'suspended', 20_000);
    await scene.write(north, REGION, 78);
    expect(north.up.volumes()[0]?.state).toBe('online');
    await scene.run(20_000);
    fault.heal();
    await scene.until('it goes on', () => south.up.status().state.kind === 'up', 30_000);
    await scene.synchronized();
    await scene.expectBothEqual();
    expect(await world.settle(south.up.check())).toEqual([]);
  });

  test('scenario 68: the power goes while a consistency point waits for room: everything acknowledged is in the log', async () => {
    const scene = await makeScene({ seed: 643 });
    const { world, north } = scene;
    await scene.burst(north, 20, 30);
    const fault = world.storage(NORTH).inject({ kind: 'disk-full', prefix: 'disk-' });
    north.up.consistencyPoint('admin').catch(() => undefined);
    await scene.until('it is suspended', () => north.up.status().state.kind === 'suspended', 5000);
    north.crash('lose');
    fault.heal();
    await world.settle(north.boot());
    await scene.synchronized();
    await scene.expectBothEqual();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Shelf } from '../../src-engine/disk/index.ts';
import { geometryOf, gfMultiply, GroupFailedError, locate, minimumMembers, RaidGroup } from '../../src-engine/raid/index.ts';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { StorageError } from '../../src-engine/runtime/index.ts';
import { MemoryStorage, mulberry } from '../pool/memory.ts';

const UNIT = 2;
const STRIPES = 5;
const BASE = 3;

async function newGroup(level: RaidLevel, members: number) {
  const storage = new MemoryStorage();
  const slots = Array.from({ length: members }, (_, slot) => slot);
  const sizeBytes = 65536 + (BASE + STRIPES * UNIT) * 4096;
  const shelf = await Shelf.create(storage, { arrayId: 'a', disks: slots.map((slot) => ({ slot, sizeBytes })) });
  const handle = shelf.handle({ poolId: 'p', serverId: 's', epoch: 0 });
  const failed: number[] = [];
  const group = new RaidGroup({
    level,
    unitBlocks: UNIT,
    baseDbn: BASE,
    stripes: STRIPES,
    members: slots.map((slot) => ({ disk: handle.disk(slot), state: 'active' as const })),
    onMemberFailed: (index) => failed.push(index),
  });
  const data = randomBytes(STRIPES * group.geometry.stripeBlocks * 4096, 1);
  await group.writeStripes(0, STRIPES, data);
  await group.sync();
  return { storage, group, data, failed };
}

function randomBytes(length: number, seed: number): Uint8Array {
  const random = mulberry(seed);
  const words = new Uint32Array(length / 4);
  for (let i = 0; i < words.length; i++) words[i] = random() * 4294967296;
  return new Uint8Array(words.buffer);
}

async function readAll(group: RaidGroup, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  await group.read(0, into);
  return into;
}

/** Every set of lost members that the level must survive. */
function survivable(level: RaidLevel, members: number): number[][] {
  const sets: number[][] = [];
  for (let mask = 0; mask < 1 << members; mask++) {
    const lost = Array.from({ length: members }, (_, i) => i).filter((i) => (mask >> i) & 1);
    const limit = { raid0: 0, raid1: members - 1, raid10: members, raid5: 1, raid6: 2 }[level];
    if (lost.length > limit || (level === 'raid10' && lost.some((i) => lost.includes(i ^ 1)))) continue;
    sets.push(lost);
  }
  return sets;
}

const SHAPES: [RaidLevel, number][] = [['raid0', 1], ['raid0', 3], ['raid1', 2], ['raid1', 3], ['raid10', 4], ['raid10', 6], ['raid5', 3], ['raid5', 4], ['raid5', 7], ['raid6', 4], ['raid6', 5], ['raid6', 8]];

describe('a RAID group', () => {
  it.each(SHAPES)('%s of %i gives back its data after every loss within its redundancy, by failed disks or by read errors', async (level, members) => {
    for (const lost of survivable(level, members)) {
      const { storage, group, data } = await newGroup(level, members);
      storage.fault = (path, kind) => (kind === 'read' && lost.some((i) => path === `disk-${i}.img`) ? new StorageError('io', path, 'bad sector') : null);
      expect(Buffer.compare(await readAll(group, data.length), data)).toBe(0);
      storage.fault = () => null;
      for (const i of lost) group.failMember(i, new Error('pulled'));
      expect(group.state).toBe(lost.length === 0 ? 'healthy' : 'degraded');
      expect(Buffer.compare(await readAll(group, data.length), data)).toBe(0);
    }
  });

  it.each(SHAPES)('%s of %i writes on when members fail during the write, and refuses beyond its redundancy', async (level, members) => {
    const { storage, group, failed } = await newGroup(level, members);
    const losses = survivable(level, members);
    const lost = losses[losses.length - 1] ?? [];
    storage.fault = (path, kind) => (kind === 'write' && lost.some((i) => path === `disk-${i}.img`) ? new StorageError('io', path, 'dead') : null);
    const data = randomBytes(STRIPES * group.geometry.stripeBlocks * 4096, 2);
    await group.writeStripes(0, STRIPES, data);
    expect(failed).toEqual(lost);
    expect(Buffer.compare(await readAll(group, data.length), data)).toBe(0);
    storage.fault = (path, kind) => (kind === 'write' ? new StorageError('io', path, 'dead') : null);
    await expect(group.writeStripes(0, STRIPES, data)).rejects.toBeInstanceOf(GroupFailedError);
    expect(group.state).toBe('failed');
  });

  it('finds the right content among its candidates whatever one member says, and repairs it', async () => {
    for (const [level, members] of SHAPES) {
      if (level === 'raid0') continue;
      for (let liar = 0; liar < members; liar++) {
        const { storage, group, data } = await newGroup(level, members);
        storage.files.get(`disk-${liar}.img`)?.bytes.fill(0xee, 65536);
        for (let gbn = 0; gbn < data.length / 4096; gbn++) {
          const wanted = data.subarray(gbn * 4096, (gbn + 1) * 4096);
          let found = false;
          for await (const { content, repair } of group.candidates(gbn)) {
            if (Buffer.compare(content, wanted) !== 0) continue;
            found = true;
            await repair();
            break;
          }
          expect(found).toBe(true);
        }
        expect(Buffer.compare(await readAll(group, data.length), data)).toBe(0);
      }
    }
  });

  it('RAID-6 finds the right content although two members lie', async () => {
    const { storage, group, data } = await newGroup('raid6', 6);
    for (const liar of [1, 4]) storage.files.get(`disk-${liar}.img`)?.bytes.fill(0xee, 65536);
    for (let gbn = 0; gbn < data.length / 4096; gbn++) {
      const wanted = data.subarray(gbn * 4096, (gbn + 1) * 4096);
      let found = false;
      for await (const { content } of group.candidates(gbn)) found ||= Buffer.compare(content, wanted) === 0;
      expect(found).toBe(true);
    }
  });

  it('tells a stripe whose parity or copies disagree', async () => {
    for (const [level, members] of SHAPES) {
      if (level === 'raid0') continue;
      for (let liar = 0; liar < members; liar++) {
        const { storage, group } = await newGroup(level, members);
        expect(await group.verifyStripe(2)).toBe(true);
        const image = storage.files.get(`disk-${liar}.img`);
        if (image !== undefined) image.bytes[65536 + (BASE + 2 * UNIT) * 4096 + 77] = (image.bytes[65536 + (BASE + 2 * UNIT) * 4096 + 77] ?? 0) ^ 1;
        expect(await group.verifyStripe(2)).toBe(false);
        expect(await group.verifyStripe(1)).toBe(true);
      }
    }
  });
});

describe('the address mapping', () => {
  it('is a bijection: every unit of a stripe has a member of its own, mirrors apart', () => {
    fc.assert(
      fc.property(fc.constantFrom<RaidLevel>('raid0', 'raid1', 'raid10', 'raid5', 'raid6'), fc.nat(12), fc.nat(1000), fc.integer({ min: 1, max: 20 }), (level, more, stripe, unitBlocks) => {
        const members = minimumMembers(level) + more - (level === 'raid10' ? more % 2 : 0);
        const geometry = geometryOf({ level, members, unitBlocks });
        const used = [...geometry.parityMembers(stripe)];
        for (let unit = 0; unit < geometry.dataUnits; unit++) used.push(...geometry.copies(stripe, unit));
        expect([...used].sort((a, b) => a - b)).toEqual(Array.from({ length: members }, (_, i) => i));
        const gbn = stripe * geometry.stripeBlocks + (more % geometry.stripeBlocks);
        const at = locate(geometry, gbn);
        expect(at.stripe * geometry.stripeBlocks + at.unit * unitBlocks + at.offset).toBe(gbn);
      }),
    );
  });

  it('multiplies in GF(256) as the polynomial 0x11d says', () => {
    const slow = (a: number, b: number): number => {
      let product = 0;
      for (let x = a, y = b; y > 0; y >>= 1, x = x & 0x80 ? (x << 1) ^ 0x11d : x << 1) if (y & 1) product ^= x;
      return product;
    };
    for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) expect(gfMultiply(a, b)).toBe(slow(a, b));
  });
});

describe('a stripe of raid6 with one member lost', () => {
  it('is still found out when another member lies, so that nobody computes new parity from it', async () => {
    for (let lost = 0; lost < 5; lost++) {
      const { storage, group } = await newGroup('raid6', 5);
      group.failMember(lost, new Error('gone'));
      for (let stripe = 0; stripe < STRIPES; stripe++) expect(await group.verifyStripe(stripe)).toBe(true);
      const liar = (lost + 1) % 5;
      storage.files.get(`disk-${liar}.img`)?.bytes.fill(0x5a, 65536 + BASE * 4096, 65536 + (BASE + UNIT) * 4096);
      expect(await group.verifyStripe(0)).toBe(false);
    }
  });
});

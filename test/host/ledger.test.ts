import { describe, expect, it } from 'vitest';
import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import {
  audit,
  BLOCK_BYTES,
  judge,
  Ledger,
  readBlock,
  stampBlock,
  type BlockTarget,
} from '../../src-engine/host/index.ts';
import { MemoryStorage, seededRandom } from './memory.ts';

const BLOCKS = 64;

async function openLedger(
  storage = new MemoryStorage(),
  capacityBytes = 256 * 1024,
): Promise<{ ledger: Ledger; storage: MemoryStorage; tornTailAt: number | null }> {
  const result = await Ledger.open({
    storage,
    path: 'v.ledger',
    random: seededRandom(7),
    wallMs: 1,
    volumeBlocks: BLOCKS,
    capacityBytes,
  });
  if (!result.ok) throw new Error(result.problem.found);
  return { ledger: result.ledger, storage, tornTailAt: result.tornTailAt };
}

class MemoryVolume implements BlockTarget {
  readonly bytes = new Uint8Array(BLOCKS * BLOCK_BYTES);
  readonly sizeBytes = BLOCKS * BLOCK_BYTES;
  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.bytes.slice(offset, offset + length);
  }
  async write(offset: number, data: Uint8Array): Promise<void> {
    this.bytes.set(data, offset);
  }
  block(vbn: number): Uint8Array {
    return this.bytes.subarray(vbn * BLOCK_BYTES, (vbn + 1) * BLOCK_BYTES);
  }
}

async function write(
  ledger: Ledger,
  volume: MemoryVolume,
  vbn: number,
  acknowledged = true,
  land = true,
): Promise<number> {
  const sequence = ledger.issue(vbn, 1);
  await ledger.flushed();
  if (land) stampBlock(volume.block(vbn), { stream: ledger.stream, vbn, sequence, wallMs: 5, run: 1 });
  if (acknowledged) await ledger.acknowledge(vbn, 1, sequence);
  return sequence;
}

const counts = (result: {
  acknowledged: number;
  verified: number;
  lost: number;
  torn: number;
  stale: number;
  misplaced: number;
}) => ({
  acknowledged: result.acknowledged,
  verified: result.verified,
  lost: result.lost,
  torn: result.torn,
  stale: result.stale,
  misplaced: result.misplaced,
});

describe('a stamped block', () => {
  test.prop([
    fc.nat(2 ** 31),
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  ])('tells its stream, address, sequence and time, aligned or not', (vbn, sequence, stream) => {
    const buffer = new Uint8Array(BLOCK_BYTES + 1);
    for (const at of [0, 1]) {
      const block = buffer.subarray(at, at + BLOCK_BYTES);
      stampBlock(block, { stream, vbn, sequence, wallMs: 12345678901, run: 3 });
      expect(readBlock(block)).toEqual({
        kind: 'stamped',
        stamp: { stream, vbn, sequence, wallMs: 12345678901, run: 3 },
      });
    }
  });
  test.prop([fc.nat(BLOCK_BYTES * 8 - 1)])('never passes with one bit changed', (bit) => {
    const block = new Uint8Array(BLOCK_BYTES);
    stampBlock(block, { stream: 1, vbn: 2, sequence: 3, wallMs: 4, run: 1 });
    block[bit >> 3] = (block[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(readBlock(block).kind).toBe('torn');
  });
  it('is torn when only some 512-byte sectors of a write arrived, over zeros, foreign data or an older write', () => {
    for (const before of ['zero', 'foreign', 'older'] as const) {
      for (let sectors = 1; sectors < 8; sectors += 1) {
        for (const tail of [false, true]) {
          const block = new Uint8Array(BLOCK_BYTES).fill(before === 'foreign' ? 0x5a : 0);
          if (before === 'older') stampBlock(block, { stream: 1, vbn: 2, sequence: 3, wallMs: 4, run: 1 });
          const newer = new Uint8Array(BLOCK_BYTES);
          stampBlock(newer, { stream: 1, vbn: 2, sequence: 9, wallMs: 4, run: 1 });
          const from = tail ? BLOCK_BYTES - sectors * 512 : 0;
          block.set(newer.subarray(from, from + sectors * 512), from);
          expect(judge(block, 1, 2, 3).kind, `${before} ${sectors} ${tail}`).toBe('torn');
        }
      }
    }
  });
});

describe('an audit', () => {
  it('verifies every acknowledged write, also those rightly overwritten', async () => {
    const { ledger } = await openLedger();
    const volume = new MemoryVolume();
    for (let i = 0; i < 200; i += 1) await write(ledger, volume, (i * 7) % 40);
    expect(counts(await audit(ledger, volume))).toEqual({
      acknowledged: 200,
      verified: 200,
      lost: 0,
      torn: 0,
      stale: 0,
      misplaced: 0,
    });
  });
  it('accepts an unacknowledged write whether it landed or not, but not half of it', async () => {
    const { ledger } = await openLedger();
    const volume = new MemoryVolume();
    await write(ledger, volume, 1);
    await write(ledger, volume, 1, false, true);
    await write(ledger, volume, 2, false, true);
    await write(ledger, volume, 3, false, false);
    expect(counts(await audit(ledger, volume))).toMatchObject({ acknowledged: 1, verified: 1, lost: 0, torn: 0 });
    volume.block(2).fill(0, 1024, 2048);
    expect(await audit(ledger, volume)).toMatchObject({ torn: 1, verified: 1 });
  });
  it('states lost, torn, stale and misplaced writes exactly', async () => {
    const { ledger } = await openLedger();
    const volume = new MemoryVolume();
    for (let vbn = 0; vbn < 10; vbn += 1) await write(ledger, volume, vbn);
    const older = volume.block(3).slice();
    await write(ledger, volume, 3);
    await write(ledger, volume, 3);
    volume.block(0).fill(0);
    volume.block(1).fill(0x77);
    volume.block(2).copyWithin(0, 512, 1024);
    volume.block(3).set(older);
    volume.block(4).set(volume.block(5));
    const result = await audit(ledger, volume);
    // Block 3 misses two acknowledged writes, which is why stale is 2.
    expect(counts(result)).toEqual({
      acknowledged: 12,
      verified: 12 - 2 - 1 - 2 - 1,
      lost: 2,
      torn: 1,
      stale: 2,
      misplaced: 1,
    });
    expect(result.findings.find((finding) => finding.vbn === 4)?.kind).toBe('misplaced');
  });
  it('does not accuse where a foreign writer voided the range', async () => {
    const { ledger, storage } = await openLedger();
    const volume = new MemoryVolume();
    for (let vbn = 0; vbn < 10; vbn += 1) await write(ledger, volume, vbn);
    await ledger.void(0, 5);
    volume.bytes.fill(9, 0, 5 * BLOCK_BYTES);
    expect(counts(await audit(ledger, volume))).toEqual({
      acknowledged: 5,
      verified: 5,
      lost: 0,
      torn: 0,
      stale: 0,
      misplaced: 0,
    });
    await ledger.close();
    const again = await openLedger(storage);
    expect(counts(await audit(again.ledger, volume))).toMatchObject({ acknowledged: 5, lost: 0 });
  });
});

describe('the ledger file', () => {
  it('gives everything back after the process is gone without a goodbye', async () => {
    const { ledger, storage } = await openLedger();
    const volume = new MemoryVolume();
    for (let i = 0; i < 100; i += 1) await write(ledger, volume, i % 30);
    await write(ledger, volume, 40, false);
    const again = (await openLedger(storage)).ledger;
    expect(again.acknowledgedWrites).toBe(100);
    expect(again.lastSequence).toBe(101);
    expect(again.stream).toBe(ledger.stream);
    expect(again.issuedSequence(40)).toBe(101);
    expect(again.acknowledgedSequence(40)).toBe(0);
  });
  it('scenario 72: is begun anew where its creation was interrupted, at every step', async () => {
    for (const leftover of ['empty', 'zeros', 'draft'] as const) {
      const storage = new MemoryStorage();
      const path = leftover === 'draft' ? 'v.ledger.new' : 'v.ledger';
      await (await storage.open(path, { create: true, size: leftover === 'empty' ? 0 : 8192 })).close();
      const { ledger } = await openLedger(storage);
      expect(ledger.acknowledgedWrites).toBe(0);
      expect(await storage.list('')).toEqual(['v.ledger']);
      await ledger.close();
    }
  });
  it('scenario 12: cuts a torn tail at every byte and keeps what stands before it', async () => {
    const { ledger, storage } = await openLedger();
    const volume = new MemoryVolume();
    for (let i = 0; i < 5; i += 1) await write(ledger, volume, i);
    const full = (storage.files.get('v.ledger') ?? new Uint8Array(0)).slice();
    const end = full.findLastIndex((byte) => byte !== 0) + 1;
    for (let cut = 64; cut < end; cut += 1) {
      const bytes = full.slice();
      bytes.fill(0, cut);
      const damaged = new MemoryStorage();
      damaged.files.set('v.ledger', bytes);
      const again = (await openLedger(damaged)).ledger;
      expect(again.acknowledgedWrites).toBeLessThan(5);
      expect((await audit(again, volume)).lost).toBe(0);
      // and it goes on from there
      await write(again, volume, 50);
      expect((await openLedger(damaged)).ledger.acknowledgedSequence(50)).toBeGreaterThan(0);
    }
  });
  it('compacts when full and loses nothing', async () => {
    const { ledger, storage } = await openLedger(new MemoryStorage(), 16 * 1024);
    const volume = new MemoryVolume();
    for (let i = 0; i < 3000; i += 1) await write(ledger, volume, i % BLOCKS);
    expect((storage.files.get('v.ledger') ?? []).length).toBeLessThan(128 * 1024);
    const again = (await openLedger(storage)).ledger;
    expect(again.acknowledgedWrites).toBe(3000);
    expect(counts(await audit(again, volume))).toMatchObject({ acknowledged: 3000, verified: 3000 });
  });
  it('refuses a newer format and a damaged head, naming file and offset', async () => {
    const { storage } = await openLedger();
    const bytes = storage.files.get('v.ledger') ?? new Uint8Array(0);
    const open = () =>
      Ledger.open({ storage, path: 'v.ledger', random: seededRandom(1), wallMs: 1, volumeBlocks: BLOCKS });
    bytes[8] = 2;
    expect(await open()).toMatchObject({
      ok: false,
      reason: 'newer',
      problem: { file: 'v.ledger', offset: 0, found: 'version 2' },
    });
    bytes[8] = 1;
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    expect(await open()).toMatchObject({ ok: false, reason: 'damaged' });
  });
  it('takes nothing more once its device failed', async () => {
    const { ledger, storage } = await openLedger();
    storage.failWrites = true;
    ledger.issue(1, 1);
    await expect(ledger.flushed()).rejects.toThrow('device full');
    storage.failWrites = false;
    await expect(ledger.flushed()).rejects.toThrow('device full');
  });
});

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createNodeRuntime, jsonLines } from '../../src-engine/runtime/node/index.ts';
import { Prng } from '../../src-engine/runtime/simulated/index.ts';

describe('the real runtime', () => {
  it('fires timers in order, never early, and not when cancelled', async () => {
    const { clock } = createNodeRuntime();
    const seen: string[] = [];
    const startMs = clock.nowMs();
    clock.after(3, () => seen.push('three'));
    clock.after(0, () => seen.push('zero'));
    clock.after(1, () => seen.push('never')).cancel();
    clock.after(0, () => seen.push('never')).cancel();
    await clock.sleep(6.5);
    expect(seen).toEqual(['zero', 'three']);
    expect(clock.nowMs() - startMs).toBeGreaterThanOrEqual(6.5);
  });

  it('hashes like everybody else', () => {
    const { hash } = createNodeRuntime();
    const expected = new Uint8Array(createHash('sha256').update('abcdef').digest());
    const parts = ['abc', 'def'].map((text) => new TextEncoder().encode(text));
    expect(hash.sha256(parts)).toEqual(expected);
    const stream = hash.sha256Stream();
    for (const part of parts) stream.update(part);
    expect(stream.digest()).toEqual(expected);
  });

  it('writes a log of JSON lines which keep errors and big integers', () => {
    const lines: string[] = [];
    const log = jsonLines((line) => lines.push(line), 'info');
    log.write('debug', 'not this');
    log.write('error', 'a disk\nfailed', { error: new Error('bad'), count: 2n ** 60n });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    const fields = {
      level: 'error',
      message: 'a disk\nfailed',
      error: { name: 'Error', message: 'bad' },
      count: '1152921504606846976',
    };
    expect(JSON.parse(lines[0] ?? '')).toMatchObject(fields);
  });

  it('refuses to dial without a network', async () => {
    await expect(createNodeRuntime().network.dial('b')).rejects.toThrow('cannot be reached');
  });
});

describe('random numbers', () => {
  for (const [name, random] of [
    ['real', createNodeRuntime().random],
    ['simulated', new Prng(5)],
  ] as const) {
    it(`that are ${name} are uniform, and ids are 16 characters of base 32`, () => {
      const counts = new Array<number>(16).fill(0);
      for (let i = 0; i < 16_000; i++) {
        const value = random.float();
        expect(value >= 0 && value < 1).toBe(true);
        const bucket = Math.floor(value * 16);
        counts[bucket] = (counts[bucket] ?? 0) + 1;
      }
      for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(250);
      const ids = new Set(Array.from({ length: 100 }, () => random.id()));
      expect(ids.size).toBe(100);
      for (const id of ids) expect(id).toMatch(/^[a-z2-7]{16}$/);
      expect(random.bytes(7)).toHaveLength(7);
      expect(Number.isInteger(random.u32())).toBe(true);
    });
  }

  it('of neighbouring seeds and of forks have nothing in common', () => {
    const firsts = new Set<number>();
    for (let seed = 0; seed < 2000; seed++) firsts.add(new Prng(seed).u32());
    firsts.add(new Prng(2 ** 40).u32());
    const parent = new Prng(1);
    firsts.add(parent.fork().u32());
    firsts.add(parent.fork().u32());
    expect(firsts.size).toBe(2003);
  });
});

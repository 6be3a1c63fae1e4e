import { expect, test } from 'vitest';
import { fc } from '@fast-check/vitest';
import { REGION_BYTES, RegionSet, regionsOf } from '../../src-engine/replication/region-set.ts';

test('a set behaves as a set of numbers under any sequence of changes', () => {
  const size = 150;
  const range = fc.tuple(fc.nat(size), fc.nat(size)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const step = fc.record({ add: fc.boolean(), range });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const set = new RegionSet(size);
      const model = new Set<number>();
      for (const {
        add,
        range: [from, to],
      } of steps) {
        if (add) set.addRange(from, to);
        else set.deleteRange(from, to);
        for (let r = from; r < to; r += 1)
          if (add) model.add(r);
          else model.delete(r);
      }
      const members = [...model].sort((a, b) => a - b);
      expect(set.count).toBe(model.size);
      expect(Array.from({ length: size }, (_, r) => r).filter((r) => set.has(r))).toEqual(members);
      expect([...set.runs()].flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual(
        members,
      );
      expect(RegionSet.fromBytes(size, set.toBytes()).equals(set)).toBe(true);
      expect(set.next(0)).toBe(members[0] ?? -1);
      const all = RegionSet.full(size);
      all.subtract(set);
      expect(all.count).toBe(size - model.size);
      all.unite(set);
      expect(all.equals(RegionSet.full(size))).toBe(true);
    }),
  );
});

test('runs are maximal', () => {
  const set = new RegionSet(100);
  set.addRange(30, 70);
  set.add(99);
  expect([...set.runs()]).toEqual([
    { from: 30, to: 70 },
    { from: 99, to: 100 },
  ]);
});

test('a byte range marks every region it touches, and the last region may be partial', () => {
  const set = new RegionSet(regionsOf(2 * REGION_BYTES + 4096));
  expect(set.size).toBe(3);
  set.addByteRange(REGION_BYTES - 1, 2);
  expect([...set.runs()]).toEqual([{ from: 0, to: 2 }]);
  set.addBlocks(32, 1);
  expect(set.count).toBe(3);
  set.addByteRange(0, 0);
  expect(set.count).toBe(3);
});

test('a region outside the volume is a bug', () => {
  expect(() => new RegionSet(3).add(3)).toThrow('within its volume');
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gfMultiply } from '../../src-engine/raid/index.ts';
import { computeP, computeQ, words } from '../../src-engine/raid/parity.ts';

/** Byte by byte, as the definition says. */
function plainParities(units: readonly Uint8Array[], length: number): { readonly p: Uint8Array; readonly q: Uint8Array } {
  const p = new Uint8Array(length);
  const q = new Uint8Array(length);
  units.forEach((unit, i) => {
    let factor = 1;
    for (let k = 0; k < i; k++) factor = gfMultiply(factor, 2);
    for (let at = 0; at < length; at++) {
      p[at] = (p[at] ?? 0) ^ (unit[at] ?? 0);
      q[at] = (q[at] ?? 0) ^ gfMultiply(factor, unit[at] ?? 0);
    }
  });
  return { p, q };
}

describe('parity over words', () => {
  it('is what the definition says byte by byte, for any number of units and any word alignment', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }).chain((count) => fc.integer({ min: 1, max: 9 }).chain((length) => fc.tuple(
          fc.array(fc.uint8Array({ minLength: 4 * length, maxLength: 4 * length }), { minLength: count, maxLength: count }),
          fc.array(fc.constantFrom(0, 4), { minLength: count + 2, maxLength: count + 2 }),
        ))),
        ([units, offsets]) => {
          const length = units[0]?.length ?? 0;
          const placed = units.map((unit, i) => {
            const bytes = new Uint8Array(length + 8).subarray(offsets[i] ?? 0, (offsets[i] ?? 0) + length);
            bytes.set(unit);
            return bytes;
          });
          // What lies in the parity buffers before must not matter.
          const [p, q] = [units.length, units.length + 1].map((i) => new Uint8Array(length + 8).fill(0xa5).subarray(offsets[i] ?? 0, (offsets[i] ?? 0) + length));
          if (p === undefined || q === undefined) throw new Error('two buffers');
          computeP(words(p), placed.map(words));
          computeQ(words(q), placed.map(words));
          const plain = plainParities(units, length);
          expect(Buffer.compare(p, plain.p)).toBe(0);
          expect(Buffer.compare(q, plain.q)).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

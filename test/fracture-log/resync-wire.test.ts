import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeComparison, decodeRuns, decodeVerdicts, encodeComparison, encodeRuns, encodeVerdicts } from '../../src-engine/replication/resync-wire.ts';

const BLOCK = 4096;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function bits(mask: number): number {
  return mask.toString(2).replaceAll('0', '').length;
}

const region = fc.record({ region: fc.nat(), holes: fc.nat(0xffff), look: fc.nat(0xffff) });

describe('messages of a resync', () => {
  test('a comparison by checksums or hashes arrives as it was sent, wherever it lies in its frame, and cut short it is refused', () => {
    fc.assert(
      fc.property(fc.array(region, { minLength: 1, maxLength: 20 }), fc.boolean(), fc.nat(7), (asked, byHash, shift) => {
        const regions = byHash ? asked.map((one) => ({ ...one, holes: 0 })) : asked;
        const values = regions.reduce((sum, { look, holes }) => sum + bits(look & ~holes), 0);
        const comparison = byHash
          ? ({ form: 'hashes', regions, hashes: Uint8Array.from({ length: values * 16 }, (_, i) => i & 0xff) } as const)
          : ({ form: 'checksums', regions, checksums: Uint32Array.from({ length: values }, (_, i) => (i * 2654435761) >>> 0) } as const);
        const sent = joined(encodeComparison(comparison));
        const frame = new Uint8Array(sent.length + shift);
        frame.set(sent, shift);
        expect(decodeComparison(frame.subarray(shift))).toEqual(comparison);
        expect(decodeComparison(sent.subarray(0, -1))).toBeNull();
        expect(decodeComparison(joined([sent, new Uint8Array(1)]))).toBeNull();
      }),
      { numRuns: 50 },
    );
  });

  test('verdicts arrive as they were sent and are refused for another number of regions', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0xffff), fc.nat(0xffff)), { maxLength: 20 }), (masks) => {
        const verdicts = { wanted: Uint16Array.from(masks, ([w]) => w), alike: Uint16Array.from(masks, ([, a]) => a) };
        const sent = encodeVerdicts(verdicts);
        expect(decodeVerdicts(sent, masks.length)).toEqual(verdicts);
        expect(decodeVerdicts(sent, masks.length + 1)).toBeNull();
      }),
    );
  });

  test('runs of blocks and holes arrive with their checksums and bytes; bytes that are no runs are refused', () => {
    const run = fc.record({ vbn: fc.nat(), count: fc.integer({ min: 1, max: 3 }), hole: fc.boolean() });
    fc.assert(
      fc.property(fc.array(run, { maxLength: 6 }), fc.nat(7), (runs, shift) => {
        const blocks = runs.reduce((sum, { count, hole }) => sum + (hole ? 0 : count), 0);
        const checksums = Uint32Array.from({ length: blocks }, (_, i) => 0xffff_ffff - i);
        const data = Uint8Array.from({ length: blocks * BLOCK }, (_, i) => (i * 31) & 0xff);
        const half = Math.floor(blocks / 2) * BLOCK;
        const sent = joined(encodeRuns(runs, checksums, [data.subarray(0, half), data.subarray(half)]));
        const frame = new Uint8Array(sent.length + shift);
        frame.set(sent, shift);
        const got = decodeRuns(frame.subarray(shift));
        expect(got?.runs).toEqual(runs);
        expect(got?.checksums).toEqual(checksums);
        expect(Buffer.compare(got?.data ?? new Uint8Array(1), data)).toBe(0);
        if (sent.length > 4) expect(decodeRuns(sent.subarray(0, -1))).toBeNull();
        expect(decodeRuns(new Uint8Array([255, 255, 255, 255]))).toBeNull();
      }),
      { numRuns: 50 },
    );
  });
});

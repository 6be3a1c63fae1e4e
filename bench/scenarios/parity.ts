import type { Figure, Scenario } from '../figure.ts';
import { fillBlocks, interleaved } from '../measure.ts';
import { KIB } from '../site.ts';
import { computeP, computeQ, words } from '../../src-engine/raid/parity.ts';

const UNIT_BYTES = 64 * KIB;
const DATA_UNITS = 4;

/** Bytes of data per second for which one core computes the parities, in units that stay in its cache. */
export const parity: Scenario = {
  name: 'parity',
  async run(_directory, scale) {
    const units = Array.from({ length: DATA_UNITS }, (_, i) => words(fillBlocks(new Uint8Array(UNIT_BYTES), i + 1)));
    const p = words(new Uint8Array(UNIT_BYTES));
    const q = words(new Uint8Array(UNIT_BYTES));
    const rate = (compute: () => void): number => {
      const startMs = performance.now();
      let stripes = 0;
      while (performance.now() - startMs < scale.roundMs / 2) {
        for (let i = 0; i < 16; i++) compute();
        stripes += 16;
      }
      return (stripes * UNIT_BYTES * DATA_UNITS) / 1e6 / (performance.now() - startMs);
    };
    const rounds = await interleaved(scale.rounds, async () => ({
      p: rate(() => { computeP(p, units); }),
      pq: rate(() => { computeP(p, units); computeQ(q, units); }),
    }));
    const figures: readonly Figure[] = [
      { subject: `parity P of ${String(DATA_UNITS)} units of 64 KiB`, against: '', promise: 'none', unit: 'GB/s', better: 'higher', floor: 4, goal: 15, rounds: rounds.map((r) => r.p), note: 'bytes of data' },
      { subject: `parity P and Q of ${String(DATA_UNITS)} units of 64 KiB`, against: '', promise: 'none', unit: 'GB/s', better: 'higher', floor: 0.5, goal: 1.5, rounds: rounds.map((r) => r.pq), note: 'bytes of data' },
    ];
    return figures;
  },
};

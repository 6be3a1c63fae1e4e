import { describe, expect, test } from 'vitest';
import { runSeed, type SeedResult } from './campaign.ts';

/** Seeds that every run takes: found bugs once, or reach rare places. */
const FIXED_SEEDS = [6, 9, 11, 20, 40, 57, 84, 111, 115, 128, 1003, 1005, 1013, 1062, 5089, 5153];
const BUDGET_MS = 40_000;

function report(result: SeedResult): string {
  return `seed ${String(result.seed)}: ${result.violation ?? ''}\n${result.trace.slice(-40).join('\n')}\nreplay: npm run -s simulate -- --seed ${String(result.seed)}`;
}

describe('the whole engine under faults', () => {
  test('a seed is one schedule: run twice, it takes the same way', async () => {
    const first = await runSeed(2, { profile: 'calm' });
    const second = await runSeed(2, { profile: 'calm' });
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(second.steps).toBe(first.steps);
  });

  test.for(FIXED_SEEDS)('seed %i keeps every promise', async (seed) => {
    const result = await runSeed(seed);
    expect(result.violation, report(result)).toBeNull();
  });

  test('fresh seeds keep every promise', async () => {
    const untilMs = Date.now() + BUDGET_MS;
    for (let seed = Date.now() % 1_000_000_000; Date.now() < untilMs; seed++) {
      const result = await runSeed(seed);
      expect(result.violation, report(result)).toBeNull();
    }
  });
});

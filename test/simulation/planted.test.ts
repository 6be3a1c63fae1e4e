import { describe, expect, test } from 'vitest';
import { PLANTED_BUGS, type PlantedBug } from '../../src-engine/runtime/index.ts';
import { runSeed, type SeedOptions } from './campaign.ts';

/** Where each deliberate bug shows soonest, and within how many seeds it must have been caught. */
const HUNTS: Readonly<Record<PlantedBug, { readonly where: SeedOptions; readonly seeds: number }>> = {
  'acknowledge-before-keeper': { where: { profile: 'disaster' }, seeds: 30 },
  'serve-before-handshake': { where: { profile: 'disaster' }, seeds: 40 },
  'drop-fracture-bit': { where: { profile: 'network' }, seeds: 60 },
  'ignore-log-chain': { where: { profile: 'cp-crashes' }, seeds: 40 },
  'label-destination-with-source-number': { where: { directed: 'numbers-apart' }, seeds: 2 },
  'free-half-before-committed': { where: { directed: 'half-freed' }, seeds: 4 },
  'clear-bits-at-prepared': { where: { directed: 'cut-in-resync' }, seeds: 2 },
  'replay-below-applied-sequence': { where: { directed: 'swapped-and-restarted' }, seeds: 2 },
  'skip-relabel-on-open': { where: { directed: 'label-crashes' }, seeds: 6 },
  'skip-data-sync-before-label': { where: { directed: 'label-crashes' }, seeds: 4 },
  'resync-block-overwrites-later-cp': { where: { directed: 'writes-ahead-of-resync' }, seeds: 2 },
  'acknowledge-before-fracture-durable': { where: { directed: 'alone-and-gone' }, seeds: 4 },
  'reuse-staged-block': { where: { directed: 'staged-while-others-write' }, seeds: 2 },
  'obey-stale-commit': { where: { directed: 'cut-in-prepare' }, seeds: 4 },
  'keep-entries-beyond-cut': { where: { directed: 'entries-beyond-the-end' }, seeds: 6 },
  'drop-entry-at-drain': { where: { directed: 'promoted-in-flight' }, seeds: 2 },
  'hide-lost-records': { where: { directed: 'rotten-log' }, seeds: 3 },
  'retry-failed-sync': { where: { directed: 'failed-log-sync' }, seeds: 4 },
};

describe('the checkers see', () => {
  test.for(PLANTED_BUGS)('the deliberate bug %s is caught, and the same seed is clean without it', async (bug) => {
    const { where, seeds } = HUNTS[bug];
    const tried: string[] = [];
    let caught: string | null = null;
    for (let seed = 1; seed <= seeds && caught === null; seed++) {
      const { violation } = await runSeed(seed, { ...where, planted: new Set([bug]) });
      if (violation === null) continue;
      const clean = (await runSeed(seed, where)).violation;
      // A random seed that fails without the bug as well proves nothing; a directed one is always clean.
      if (where.directed !== undefined) expect(clean, `seed ${String(seed)} without the bug`).toBeNull();
      if (clean === null) caught = violation;
      else tried.push(`seed ${String(seed)} fails without the bug too: ${clean}`);
    }
    expect(caught, `${bug} was not caught within ${String(seeds)} seeds. ${tried.join('; ')}`).not.toBeNull();
  });
});

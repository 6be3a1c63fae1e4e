import { describe, expect, test } from 'vitest';
import { PLANTED_BUGS, type PlantedBug } from '../../src-engine/runtime/index.ts';
import { runSeed } from './campaign.ts';
import type { ProfileName } from './nemesis.ts';

/** Where each deliberate bug shows soonest, and within how many seeds it must have been caught. */
const HUNTS: Record<PlantedBug, { readonly profile: ProfileName; readonly from: number; readonly seeds: number }> = {
  'label-destination-with-source-number': { profile: 'admin', from: 1, seeds: 60 },
  'ignore-log-chain': { profile: 'crashes', from: 1, seeds: 60 },
  'free-half-before-committed': { profile: 'cp-crashes', from: 1, seeds: 60 },
  'clear-bits-at-prepared': { profile: 'network', from: 1, seeds: 60 },
  'replay-below-applied-sequence': { profile: 'crashes', from: 1, seeds: 60 },
  'skip-relabel-on-open': { profile: 'cp-crashes', from: 1, seeds: 60 },
  'serve-before-handshake': { profile: 'disaster', from: 1, seeds: 60 },
  'resync-block-overwrites-later-cp': { profile: 'network', from: 1, seeds: 60 },
  'acknowledge-before-fracture-durable': { profile: 'disaster', from: 1, seeds: 60 },
  'reuse-staged-block': { profile: 'cp-crashes', from: 1, seeds: 60 },
  'obey-stale-commit': { profile: 'network', from: 1, seeds: 60 },
  'keep-entries-beyond-cut': { profile: 'disaster', from: 1, seeds: 60 },
  'retry-failed-sync': { profile: 'media', from: 1, seeds: 60 },
  'skip-data-sync-before-label': { profile: 'crashes', from: 1, seeds: 60 },
  'drop-fracture-bit': { profile: 'network', from: 1, seeds: 60 },
  'acknowledge-before-keeper': { profile: 'disaster', from: 1, seeds: 60 },
};

describe('the checkers see', () => {
  test.for(PLANTED_BUGS)('the deliberate bug %s is caught', async (bug) => {
    const { profile, from, seeds } = HUNTS[bug];
    let caught: string | null = null;
    for (let seed = from; seed < from + seeds && caught === null; seed++) {
      caught = (await runSeed(seed, { profile, planted: new Set([bug]) })).violation;
    }
    expect(caught, `${bug} was not caught within ${String(seeds)} seeds of ${profile}`).not.toBeNull();
  });
});

import { describe, expect, test } from 'vitest';
import type { PlantedBug } from '../../src-engine/runtime/index.ts';
import { runSeed } from './campaign.ts';
import type { ProfileName } from './nemesis.ts';

/** Where each deliberate bug shows soonest, and within how many seeds it must have been caught. */
const HUNTS: readonly { readonly bug: PlantedBug; readonly profile: ProfileName; readonly seeds: number }[] = [
  { bug: 'acknowledge-before-keeper', profile: 'disaster', seeds: 30 },
  { bug: 'serve-before-handshake', profile: 'disaster', seeds: 40 },
  { bug: 'drop-fracture-bit', profile: 'network', seeds: 60 },
  { bug: 'ignore-log-chain', profile: 'cp-crashes', seeds: 40 },
];

describe('the checkers see', () => {
  test.for(HUNTS)('the deliberate bug $bug is caught', async ({ bug, profile, seeds }) => {
    let caught: string | null = null;
    for (let seed = 1; seed <= seeds && caught === null; seed++) {
      const { violation } = await runSeed(seed, { profile, planted: new Set([bug]) });
      // A seed that fails without the bug as well proves nothing.
      if (violation !== null && (await runSeed(seed, { profile })).violation === null) caught = violation;
    }
    expect(caught, `${bug} was not caught within ${String(seeds)} seeds of ${profile}`).not.toBeNull();
  });
});

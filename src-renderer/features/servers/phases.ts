import type { CpPhase } from '../../../src-engine/contract/index.ts';

/** In the order in which a consistency point goes through them. `done` is none that takes time. */
export const phases: readonly CpPhase[] = ['seal', 'write', 'sync', 'prepared', 'label', 'commit', 'committed', 'free'];

/**
 * Directed scenarios: sequences of events that a random campaign reaches too seldom, driven on the same world with the
 * same model and checkers. `--scenario NAME` runs one.
 */
import type { DirectedScenario } from './driver.ts';
import { logFailsAtStart, mirrorLogFailsAtStart } from './boot.ts';
import { labelCrashes } from './labels.ts';
import { aloneAndGone, failedLogSync, halfFreed, swappedAndRestarted } from './log.ts';
import { deletedMirror, overwrittenPrimary } from './operator.ts';
import { rottenLog, rottenLogMirrored, rottenMirrorLog } from './rot.ts';
import { littleRoom, noRoomToLeave, syncTakenBack } from './room.ts';
import { cutInPrepare, cutInResync, entriesBeyondTheEnd, numbersApart, promotedInFlight, stagedWhileOthersWrite, writesAheadOfResync } from './sync.ts';

const SCENARIOS = {
  'label-crashes': labelCrashes,
  'failed-log-sync': failedLogSync,
  'half-freed': halfFreed,
  'alone-and-gone': aloneAndGone,
  'swapped-and-restarted': swappedAndRestarted,
  'numbers-apart': numbersApart,
  'cut-in-resync': cutInResync,
  'writes-ahead-of-resync': writesAheadOfResync,
  'entries-beyond-the-end': entriesBeyondTheEnd,
  'cut-in-prepare': cutInPrepare,
  'staged-while-others-write': stagedWhileOthersWrite,
  'promoted-in-flight': promotedInFlight,
  'overwritten-primary': overwrittenPrimary,
  'deleted-mirror': deletedMirror,
  'rotten-log': rottenLog,
  'rotten-log-mirrored': rottenLogMirrored,
  'rotten-mirror-log': rottenMirrorLog,
  'little-room': littleRoom,
  'no-room-to-leave': noRoomToLeave,
  'sync-taken-back': syncTakenBack,
  'log-fails-at-start': logFailsAtStart,
  'mirror-log-fails-at-start': mirrorLogFailsAtStart,
} as const satisfies Record<string, () => DirectedScenario>;

export type DirectedName = keyof typeof SCENARIOS;
export const DIRECTED = Object.keys(SCENARIOS) as readonly DirectedName[];

export function directed(name: DirectedName): DirectedScenario {
  return SCENARIOS[name]();
}

export { Driver, type DirectedScenario } from './driver.ts';

import type { Refusal } from './types.ts';

export type RefusalCode = keyof typeof CATALOGUE;

interface Entry {
  /** `either`: the case at hand decides. */
  readonly weight: 'hard' | 'soft' | 'either';
  readonly text: string;
  readonly hint: string;
}

const hard = (text: string, hint: string): Entry => ({ weight: 'hard', text, hint });
const soft = (text: string, hint: string): Entry => ({ weight: 'soft', text, hint });

/** replication.md 3.6. Words in braces are filled from the details. */
export const CATALOGUE = {
  R01: hard('{peer} is serving this volume now.', 'Demote it there, or use the planned role swap (switchover).'),
  R02: soft('{bytes} / {seconds} s of writes would be missing.', 'Resync first, or use forced promote (failover).'),
  R03: hard(
    'This copy is part old, part new since {time}. It cannot be opened.',
    'Finish the sync ({eta}) or roll back to the safety snapshot ({snapshot}).',
  ),
  R04: hard('{kind} is running ({percent} %).', 'Wait, pause or cancel it.'),
  R05: hard('{peer} has been unreachable since {time} ({cause}).', 'Restore the connection, then try again.'),
  R06: hard(
    'An interrupted {direction} sync must be completed (or restored from snapshot) before the direction can change.',
    'Finish the {direction} sync, or roll back to the safety snapshot.',
  ),
  R07: soft('Cannot prove {peer} stopped writing.', 'Fence it first, or confirm it is powered off.'),
  R08: {
    weight: 'either',
    text: '{visible} of {total} votes visible, {needed} needed; missing: {missing}.',
    hint: 'Bring a missing voter back.',
  },
  R09: hard('State is changing.', 'Retry after {event}.'),
  R10: soft('In use by {hosts}.', 'Stop them or force-close.'),
  R11: hard('Both copies changed since {time}.', 'Choose a survivor; the other is kept as a snapshot.'),
  R12: hard('These volumes never belonged together.', 'Ask for a full overwrite explicitly.'),
  R13: hard('{target} is mounted on {host}; sync would change data under it.', 'Unmount it there first.'),
  R14: hard('Change tracking for {pair} is damaged.', 'Repair it or run a full sync.'),
  R15: hard('All members must use the same mode; {member} uses {mode}.', 'Change the mode of {member}.'),
  R16: hard('The queue cannot change while replicating.', 'Put the set into logging first.'),
  R17: hard('{subsystem} vetoes: {reason}.', '{workaround}'),
  R18: soft('{subsystem} vetoes: {reason}.', '{workaround}'),
  R19: hard('{a} is {x}, {b} is {y}.', 'Grow the smaller.'),
  R20: soft('A test failover runs on this group since {time}.', 'Clean it up first.'),
  R21: hard('Plan {plan} already uses this group; only one may run.', 'Wait for it, or cancel it.'),
  R22: soft('Unflushed writes were lost at {time}.', 'The volume is offline until you inspect and acknowledge.'),
  R23: hard('Needs {needed} on the disk that holds the images; {free} free.', 'Free space or add disks.'),
  R24: hard(
    'A restore and an establish exclude each other.',
    'Finish or cancel the restore; the mirror must stay split until then.',
  ),
  R25: hard('No copy exists yet.', 'Run a full sync (establish).'),
  R26: hard('{node} is in {state}.', 'Complete giveback first.'),
  R27: hard('The witness cannot confirm; replication continues, failover is disabled.', 'Restore the witness.'),
  R28: soft('{job} is running.', 'Retry after it ends.'),
  R29: hard('Another change won; state reloaded.', 'Look at the new state and decide again.'),
  R30: soft('Nothing proves that both copies are equal.', 'Run verify, or accept a full sync.'),
  R31: hard('{reason}', '{instead}'),
  R32: hard('No sync is running.', 'There is nothing to pause, resume or roll back.'),
} as const satisfies Record<string, Entry>;

/** What stands for a detail that nobody knows. */
const UNKNOWN: Readonly<Record<string, string>> = {
  peer: 'the other side',
  time: 'an unknown time',
  cause: 'cause unknown',
  eta: 'duration unknown',
  snapshot: 'none exists',
  percent: '?',
  kind: 'A sync',
  pair: 'this pair',
  reason: 'Copies are equal.',
  instead: 'Use the role swap (switchover).',
  event: 'it has settled',
};

export type RefusalDetails = Readonly<Record<string, string | number | readonly string[]>>;

/** A refusal with its texts filled in. `overridable` defaults to the catalogue's weight; `either` counts as hard. */
export function refuse(code: RefusalCode, details: RefusalDetails = {}, overridable?: boolean): Refusal {
  const entry: Entry = CATALOGUE[code];
  return {
    code,
    message: fill(entry.text, details),
    hint: fill(entry.hint, details),
    overridable: overridable ?? entry.weight === 'soft',
    details: { ...details },
  };
}

function fill(text: string, details: RefusalDetails): string {
  return text.replace(/\{(\w+)\}/g, (_whole, name: string) => {
    const value = details[name];
    if (value === undefined || value === '') return UNKNOWN[name] ?? 'unknown';
    return Array.isArray(value) ? value.join(', ') : String(value);
  });
}

/** Powers of 1024, three digits. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit] ?? 'B'}`;
}

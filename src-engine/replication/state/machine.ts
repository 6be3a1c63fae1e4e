/** The state machine as data, for drawing. The arrows are found by asking `transition`, so they are what the engine does. */
import type { RelationshipEvent } from './events.ts';
import { transition } from './transitions.ts';
import { ACTIONS, IMAGE_STATES, viewOf, type ImageState, type MirrorAction, type RelationshipView } from './types.ts';

export interface MachineState {
  readonly state: ImageState;
  readonly meaning: string;
  readonly promotable: 'yes' | 'with-loss' | 'forced' | 'no';
}

export interface MachineTransition {
  readonly from: ImageState;
  readonly to: ImageState;
  readonly event: string;
  readonly action: MirrorAction | null;
}

const MEANINGS: Record<ImageState, readonly [MachineState['promotable'], string]> = {
  NotEstablished: ['no', 'Never synchronized; everything is marked.'],
  Synchronizing: ['no', 'A copy runs: a mixture of old and new.'],
  Synchronized: ['yes', 'Equal to the primary, nothing in flight.'],
  Consistent: ['with-loss', 'Equal to the primary at some past instant.'],
  Outdated: ['forced', 'Consistent, and it is known that the primary moved on.'],
  OutOfSync: ['no', 'A sync is needed or was broken off; unusable.'],
  RollingBack: ['no', 'Goes back to a known good point.'],
  Diverged: ['no', 'Both sides wrote since the common ancestor.'],
};

const EVENTS: readonly (readonly [string, RelationshipEvent])[] = [
  ...ACTIONS.map((action) => [action, { kind: 'action', action }] as const),
  ['establish, equality verified', { kind: 'action', action: 'establish', proof: 'verified' }],
  ['sync complete', { kind: 'sync-complete' }],
  ['write on all copies', { kind: 'write-everywhere' }],
  ['write the copy misses', { kind: 'missed-write' }],
  ['secondary failed', { kind: 'secondary-failed', cause: 'peer' }],
  ['link lost', { kind: 'link-lost', cause: 'link' }],
  ['link back, nothing differs', { kind: 'link-back', equal: true }],
  ['source lost', { kind: 'source-died' }],
  ['rollback complete', { kind: 'rollback-complete' }],
  ['old primary returns', { kind: 'old-primary-returned', wroteAlone: 'new' }],
  ['fork found', { kind: 'fork-found' }],
  ['tracking damaged', { kind: 'tracking-damaged', copies: 'both' }],
  ['newer generation exists', { kind: 'quorum-regained', newerGeneration: true }],
  ['volume lost', { kind: 'volume-failed' }],
];

/** Circumstances under which each event is tried; an arrow is drawn if it is possible in one of them. */
function circumstances(image: ImageState): readonly RelationshipView[] {
  const sync = image === 'Synchronizing' ? ({ kind: 'update', paused: false, percent: 0, eta: '' } as const) : null;
  const base = viewOf({ image, sync, safetySnapshot: { at: '' } });
  return [
    base,
    { ...base, marks: 1 },
    { ...base, direction: 'reversed', marks: 1 },
    { ...base, connected: false, primaryServing: false },
    { ...base, lock: 'reverse' },
  ];
}

export function describeMachine(): {
  readonly states: readonly MachineState[];
  readonly transitions: readonly MachineTransition[];
} {
  const states = IMAGE_STATES.map((state) => ({ state, promotable: MEANINGS[state][0], meaning: MEANINGS[state][1] }));
  const found = new Map<string, MachineTransition>();
  for (const from of IMAGE_STATES) {
    for (const view of circumstances(from)) {
      for (const [name, event] of EVENTS) {
        const outcome = transition(view, event);
        if (outcome.kind === 'refused' || outcome.state.image === from) continue;
        const to = outcome.state.image;
        const action = event.kind === 'action' ? event.action : null;
        found.set(`${from} ${to} ${name}`, { from, to, event: name, action });
      }
    }
  }
  return { states, transitions: [...found.values()] };
}

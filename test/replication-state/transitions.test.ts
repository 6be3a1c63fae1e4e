import { describe, expect, test } from 'vitest';
import { fc } from '@fast-check/vitest';
import {
  ACTIONS,
  IMAGE_STATES,
  describeMachine,
  transition,
  viewOf,
  type Effect,
  type ImageState,
  type MirrorAction,
  type Outcome,
  type RelationshipEvent,
  type RelationshipView,
} from '../../src-engine/replication/state/index.ts';

const RUNNING = { kind: 'update', paused: false, percent: 40, eta: '' } as const;

function go(fields: Partial<RelationshipView>, event: RelationshipEvent): Extract<Outcome, { kind: 'moved' }> {
  const outcome = transition(viewOf({ sync: fields.image === 'Synchronizing' ? RUNNING : null, ...fields }), event);
  if (outcome.kind !== 'moved') throw new Error(`refused ${outcome.refusal.code}`);
  return outcome;
}

function refusal(fields: Partial<RelationshipView>, event: RelationshipEvent): string {
  const outcome = transition(viewOf(fields), event);
  return outcome.kind === 'refused' ? outcome.refusal.code : 'moved';
}

const action = (name: MirrorAction): RelationshipEvent => ({ kind: 'action', action: name });
const codes = (state: RelationshipView): string[] => state.conditions.map((each) => each.code).sort();

describe('replication.md 3.4, row by row', () => {
  test.each<ImageState>(['NotEstablished', 'OutOfSync', 'Outdated'])('Establish(full) from %s', (image) => {
    const { state, effects } = go({ image }, action('establish'));
    expect(state).toMatchObject({ image: 'Synchronizing', lock: 'forward', sync: { kind: 'full' } });
    expect(effects).toEqual(['mark-all', 'take-safety-snapshot-of-target', 'start-sync'] satisfies Effect[]);
  });

  test('Establish(assume equal) only after a verification, else R30', () => {
    expect(refusal({}, { kind: 'action', action: 'establish', proof: 'unverified' })).toBe('R30');
    expect(go({}, { kind: 'action', action: 'establish', proof: 'verified' }).state.image).toBe('Synchronized');
    expect(refusal({ image: 'Outdated' }, { kind: 'action', action: 'establish', proof: 'verified' })).toBe('R30');
  });

  test('Sync complete', () => {
    const { state, effects } = go(
      { image: 'Synchronizing', lock: 'reverse', forced: true, marks: 7 },
      { kind: 'sync-complete' },
    );
    expect(state).toMatchObject({
      image: 'Synchronized',
      lock: null,
      sync: null,
      forced: false,
      marks: 0,
      conditions: [],
    });
    expect(effects).toContain('adopt-generation');
    expect(refusal({ image: 'OutOfSync' }, { kind: 'sync-complete' })).toBe('R29');
  });

  test('Write, all copies ok', () => {
    const { state, effects } = go({ image: 'Synchronized' }, { kind: 'write-everywhere' });
    expect(state.image).toBe('Synchronized');
    expect(effects).toEqual(['acknowledge-hosts']);
  });

  test.each<ImageState>(['Synchronized', 'Consistent'])('Secondary write fails or times out on %s', (image) => {
    const { state, effects } = go({ image }, { kind: 'secondary-failed', cause: 'timeout' });
    expect(state).toMatchObject({ image: 'Outdated', fracture: 'system' });
    expect(state.conditions).toMatchObject([{ code: 'FracturedSystem', cause: 'timeout' }]);
    expect(effects.indexOf('append-fracture-record')).toBeLessThan(effects.indexOf('acknowledge-hosts'));
    expect(effects).toContain('append-fracture-record');
  });

  test('scenario 3: with policy strict hosts wait and then fail, nothing is fractured, the copy is not Outdated', () => {
    const { state, effects } = go(
      { image: 'Synchronized', policy: 'strict' },
      { kind: 'secondary-failed', cause: 'peer' },
    );
    expect(state).toMatchObject({ image: 'Synchronized', fracture: null });
    expect(effects).toEqual(['hold-hosts', 'fail-hosts']);
  });

  test('Link lost', () => {
    const lost = { kind: 'link-lost', cause: 'link' } as const;
    expect(go({ image: 'Synchronized' }, lost).state).toMatchObject({
      connected: false,
      image: 'Consistent',
      fracture: 'system',
    });
    expect(go({ image: 'Synchronized', policy: 'strict' }, lost).effects).toEqual(['hold-hosts']);
    expect(go({ image: 'Consistent', fracture: 'admin' }, lost).state).toMatchObject({
      fracture: 'admin',
      conditions: [],
    });
    expect(go({ image: 'NotEstablished' }, lost).state.image).toBe('NotEstablished');
  });

  test('scenario 23: Link lost during Synchronizing keeps lock and marks', () => {
    for (const lock of ['forward', 'reverse'] as const) {
      const { state } = go({ image: 'Synchronizing', lock, marks: 9 }, { kind: 'link-lost', cause: 'link' });
      expect(state).toMatchObject({ image: 'OutOfSync', lock, marks: 9, sync: null });
      expect(codes(state)).toEqual(['DirectionLocked', 'FracturedSystem']);
      expect(refusal({ ...state, primaryServing: false }, action('failover'))).toBe('R03');
    }
  });

  test('the first write that a fractured copy misses makes it Outdated', () => {
    expect(go({ image: 'Consistent' }, { kind: 'missed-write' }).state.image).toBe('Outdated');
    expect(go({ image: 'OutOfSync' }, { kind: 'missed-write' }).state.image).toBe('OutOfSync');
  });

  test('Fracture(admin)', () => {
    for (const image of ['Synchronized', 'Consistent'] as const) {
      const { state } = go({ image }, action('fracture'));
      expect(state).toMatchObject({ image: 'Consistent', fracture: 'admin' });
      expect(codes(state)).toEqual(['FracturedAdmin']);
      expect(go(state, { kind: 'link-back', equal: false }).effects).not.toContain('start-sync');
    }
    expect(go({ image: 'Synchronizing' }, action('fracture')).state).toMatchObject({
      image: 'OutOfSync',
      lock: 'forward',
    });
  });

  test('Link back', () => {
    const back = { kind: 'link-back', equal: false } as const;
    const fractured = { image: 'Outdated', connected: false, fracture: 'system', marks: 3 } as const;
    expect(go(fractured, back).effects).toEqual(['start-sync']);
    expect(codes(go(fractured, back).state)).toEqual(['QueuedForSync']);
    const manual = go({ ...fractured, recovery: 'manual' }, back);
    expect(codes(manual.state)).toEqual(['WaitingOnAdmin']);
    expect(manual.effects).toEqual(['offer-resync']);
    expect(go({ ...fractured, forced: true }, back).effects).toEqual(['offer-resync']);
    expect(go({ image: 'Consistent', connected: false }, { kind: 'link-back', equal: true }).state.image).toBe(
      'Synchronized',
    );
    expect(
      go({ image: 'Consistent', connected: false, marks: 1 }, { kind: 'link-back', equal: true }).state.image,
    ).toBe('Consistent');
    expect(go({ image: 'Diverged', connected: false }, back).effects).toEqual([]);
  });

  test.each<ImageState>(['Outdated', 'Consistent', 'OutOfSync'])('Resync(update) from %s', (image) => {
    const { state, effects } = go({ image, marks: 5, fracture: 'admin' }, action('resync'));
    expect(state).toMatchObject({ image: 'Synchronizing', lock: 'forward', fracture: null, sync: { kind: 'update' } });
    expect(effects).toEqual(['exchange-marks', 'take-safety-snapshot-of-target', 'start-sync']);
  });

  test('scenario 24: Source dies in Synchronizing, the copy is refused and can be rolled back', () => {
    const died = go({ image: 'Synchronizing', safetySnapshot: { at: '09:00' } }, { kind: 'source-died' });
    expect(died.state.image).toBe('OutOfSync');
    expect(died.effects).toContain('offer-rollback');
    expect(refusal(died.state, action('failover'))).toBe('R03');
    const rolling = go(died.state, action('rollback'));
    expect(rolling.state.image).toBe('RollingBack');
    const done = go(rolling.state, { kind: 'rollback-complete' });
    expect(done.state).toMatchObject({ image: 'Outdated', lock: null });
    expect(refusal(done.state, action('failover'))).toBe('moved');
  });

  test('SwitchRole(planned)', () => {
    for (const image of ['Synchronized', 'Consistent'] as const) {
      const { state, effects } = go({ image }, action('switchover'));
      expect(state).toMatchObject({ image: 'Synchronized', direction: 'reversed' });
      expect(effects.indexOf('demote-old-primary')).toBeLessThan(effects.indexOf('raise-role-epoch'));
      expect(effects.indexOf('drain')).toBeLessThan(effects.indexOf('demote-old-primary'));
      expect(go(state, action('failback')).state.direction).toBe('forward');
    }
  });

  test.each<ImageState>(['Consistent', 'Outdated', 'Synchronized'])('Promote(forced) from %s', (image) => {
    const { state, effects } = go({ image, primaryServing: false, connected: false }, action('failover'));
    expect(state).toMatchObject({ image: 'Outdated', direction: 'reversed', forced: true });
    expect(effects).toEqual(['drain', 'raise-role-epoch', 'open-generation-at-first-write']);
  });

  test('scenario 35: Old primary returns fenced, and forks if both wrote', () => {
    const forced = { image: 'Outdated', direction: 'reversed', forced: true, connected: false } as const;
    const back = go(forced, { kind: 'old-primary-returned', wroteAlone: 'new' });
    expect(codes(back.state)).toEqual(['Fenced', 'WaitingOnAdmin']);
    expect(back.effects).toContain('demote-old-primary');
    expect(back.effects).not.toContain('start-sync');
    const both = go(forced, { kind: 'old-primary-returned', wroteAlone: 'both' });
    expect(both.state.image).toBe('Diverged');
    expect(both.effects).toEqual(['stop-sync']);
  });

  test('ReverseResync locks the reverse direction; interrupted it needs a reverse sync', () => {
    const { state } = go({ image: 'Outdated', direction: 'reversed', forced: true }, action('reverse-resync'));
    expect(state).toMatchObject({ image: 'Synchronizing', lock: 'reverse', sync: { kind: 'reverse' } });
    const cut = go(state, { kind: 'link-lost', cause: 'link' }).state;
    expect(cut).toMatchObject({ image: 'OutOfSync', lock: 'reverse' });
    expect(go({ ...cut, connected: true }, action('reverse-resync')).state.image).toBe('Synchronizing');
  });

  test('OverwritePrimary runs against the flow and keeps the primary in a safety snapshot', () => {
    const { state, effects } = go({ image: 'Outdated' }, action('overwrite-primary'));
    expect(state).toMatchObject({ image: 'Synchronizing', lock: 'reverse', sync: { kind: 'overwrite-primary' } });
    expect(effects).toEqual(['quiesce-hosts', 'exchange-marks', 'take-safety-snapshot-of-target', 'start-sync']);
    expect(
      refusal({ ...go(state, { kind: 'link-lost', cause: 'link' }).state, connected: true }, action('resync')),
    ).toBe('R06');
  });

  test('scenario 31: Handshake finds a fork: no byte moves until a survivor is chosen', () => {
    const fork = go({ image: 'Outdated' }, { kind: 'fork-found' });
    expect(fork.state.image).toBe('Diverged');
    expect(fork.effects).not.toContain('start-sync');
    for (const each of ['establish', 'resync', 'switchover', 'failover', 'overwrite-primary'] as const) {
      expect(refusal({ ...fork.state, primaryServing: false }, action(each))).toBe('R11');
    }
    const kept = go(fork.state, { kind: 'action', action: 'resolve', keep: 'destination' });
    expect(kept.state).toMatchObject({ image: 'Outdated', direction: 'reversed' });
    expect(kept.effects).toEqual(['keep-victim-as-snapshot', 'exchange-marks', 'start-sync']);
  });

  test('Bitmap header bad: one copy is no matter, both mark everything', () => {
    expect(go({ image: 'Outdated' }, { kind: 'tracking-damaged', copies: 'one' })).toMatchObject({
      state: { image: 'Outdated' },
      effects: ['use-other-copy'],
    });
    const both = go({ image: 'Outdated' }, { kind: 'tracking-damaged', copies: 'both' });
    expect(both.state).toMatchObject({ image: 'OutOfSync', trackingFailed: true });
    expect(both.effects).toEqual(['mark-all']);
    expect(go(both.state, action('establish')).state.trackingFailed).toBe(false);
  });

  test('scenario 37: Quorum lost and regained', () => {
    const lost = go({ image: 'Synchronized' }, { kind: 'quorum-lost', hosts: 'suspended' });
    expect(lost.effects).toEqual(['hold-hosts']);
    expect(go(lost.state, { kind: 'quorum-regained', newerGeneration: false }).effects).toEqual(['acknowledge-hosts']);
    const newer = go(lost.state, { kind: 'quorum-regained', newerGeneration: true });
    expect(newer.state.image).toBe('Outdated');
    expect(newer.effects.slice(0, 2)).toEqual(['fail-hosts', 'demote-old-primary']);
  });

  test('Verify finds differences: usable but flagged, repaired only on demand', () => {
    const { state, effects } = go({ image: 'Synchronized' }, { kind: 'verify-found-differences', regions: 2 });
    expect(state).toMatchObject({ image: 'Synchronized', marks: 2 });
    expect(effects).toEqual(['mark-differences']);
  });

  test('the volume of the copy is lost', () => {
    const { state, effects } = go({ image: 'Synchronized' }, { kind: 'volume-failed' });
    expect(state.image).toBe('OutOfSync');
    expect(effects).toContain('mark-all');
  });

  test('pause and resume keep the sync', () => {
    const paused = go({ image: 'Synchronizing' }, action('pause')).state;
    expect(paused.sync?.paused).toBe(true);
    expect(codes(paused)).toEqual(['SyncPaused']);
    const resumed = go(paused, action('resume')).state;
    expect(resumed.sync?.paused).toBe(false);
    expect(codes(resumed)).toEqual([]);
  });
});

const events: fc.Arbitrary<RelationshipEvent> = fc.oneof(
  fc.constantFrom(...ACTIONS).map(action),
  fc.constantFrom<RelationshipEvent>(
    { kind: 'sync-complete' },
    { kind: 'write-everywhere' },
    { kind: 'missed-write' },
    { kind: 'secondary-failed', cause: 'disk' },
    { kind: 'link-lost', cause: 'link' },
    { kind: 'link-back', equal: true },
    { kind: 'link-back', equal: false },
    { kind: 'source-died' },
    { kind: 'rollback-complete' },
    { kind: 'old-primary-returned', wroteAlone: 'both' },
    { kind: 'old-primary-returned', wroteAlone: 'new' },
    { kind: 'fork-found' },
    { kind: 'tracking-damaged', copies: 'both' },
    { kind: 'quorum-lost', hosts: 'suspended' },
    { kind: 'quorum-regained', newerGeneration: true },
    { kind: 'verify-found-differences', regions: 1 },
    { kind: 'volume-failed' },
    { kind: 'action', action: 'resolve', keep: 'destination' },
  ),
);

const reached = fc
  .record({
    steps: fc.array(events, { maxLength: 30 }),
    policy: fc.constantFrom('availability' as const, 'strict' as const),
    recovery: fc.constantFrom('automatic' as const, 'manual' as const),
  })
  .map(({ steps, policy, recovery }) => {
    const trail: RelationshipView[] = [viewOf({ policy, recovery, safetySnapshot: { at: 'x' } })];
    for (const event of steps) {
      const before = trail.at(-1) ?? viewOf({});
      const outcome = transition(before, event);
      if (outcome.kind === 'moved') trail.push(outcome.state);
    }
    return trail;
  });

describe('whatever happens', () => {
  test('a sync runs exactly while the image is Synchronizing and holds the direction; without contact nothing is Synchronized', () => {
    fc.assert(
      fc.property(reached, (trail) => {
        for (const view of trail) {
          expect(view.sync !== null).toBe(view.image === 'Synchronizing');
          if (view.image === 'Synchronizing') expect(view.lock).not.toBeNull();
          if (view.image === 'Synchronized') {
            expect(view.lock).toBeNull();
            expect(view.connected).toBe(true);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a copy that was never fully synchronized never becomes usable but by a completed sync', () => {
    fc.assert(
      fc.property(reached, fc.nat(), (trail, at) => {
        const view = trail[at % trail.length] ?? viewOf({});
        if (view.image !== 'NotEstablished') return;
        for (const event of ACTIONS.map(action)) {
          const outcome = transition(view, event);
          if (outcome.kind === 'moved') expect(['NotEstablished', 'Synchronizing']).toContain(outcome.state.image);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('from everywhere there is a way back to Synchronized', () => {
    const helpful: readonly RelationshipEvent[] = [
      { kind: 'link-back', equal: false },
      { kind: 'sync-complete' },
      { kind: 'rollback-complete' },
      ...ACTIONS.filter((each) => each !== 'fracture' && each !== 'delete').map(action),
    ];
    const key = (view: RelationshipView): string =>
      [
        view.image,
        view.direction,
        view.lock,
        view.connected,
        view.forced,
        view.trackingFailed,
        view.fracture,
        view.primaryServing,
        view.marks > 0,
      ].join();
    fc.assert(
      fc.property(reached, (trail) => {
        const start = trail.at(-1) ?? viewOf({});
        const seen = new Set([key(start)]);
        const queue = [start];
        let found = false;
        while (queue.length > 0 && !found) {
          const view = queue.shift() ?? start;
          found = view.image === 'Synchronized' && view.connected;
          for (const event of helpful) {
            const outcome = transition(view, event);
            if (outcome.kind === 'refused' || seen.has(key(outcome.state))) continue;
            seen.add(key(outcome.state));
            queue.push(outcome.state);
          }
        }
        expect(found, key(start)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('the machine for drawing has every state, and arrows into and out of each', () => {
    const machine = describeMachine();
    expect(machine.states.map((each) => each.state)).toEqual(IMAGE_STATES);
    for (const state of IMAGE_STATES) {
      expect(
        machine.transitions.some((each) => each.from === state),
        `out of ${state}`,
      ).toBe(true);
      expect(
        machine.transitions.some((each) => each.to === state),
        `into ${state}`,
      ).toBe(true);
    }
    expect(machine.transitions).toContainEqual({
      from: 'OutOfSync',
      to: 'RollingBack',
      event: 'rollback',
      action: 'rollback',
    });
    expect(machine.transitions.some((each) => each.from === 'OutOfSync' && each.to === 'Synchronized')).toBe(false);
  });
});

import { describe, expect, test } from 'vitest';
import {
  ACTIONS,
  IMAGE_STATES,
  allowedActions,
  decideAction,
  describeConditions,
  refuse,
  viewOf,
  type AllowedAction,
  type ImageState,
  type MirrorAction,
  type RelationshipView,
} from '../../src-engine/replication/state/index.ts';

/** `ok`, `!` (typed confirmation), `no-op`, or the code of the refusal. */
function verdict(decision: AllowedAction): string {
  if (decision.refusal !== undefined) return decision.refusal.code;
  if (decision.noop) return 'no-op';
  return decision.confirm === 'typed' ? '!' : 'ok';
}

function decide(action: MirrorAction, fields: Partial<RelationshipView>): string {
  const image = fields.image ?? 'NotEstablished';
  const sync =
    image === 'Synchronizing' ? ({ kind: 'update', paused: false, percent: 40, eta: '2 min' } as const) : null;
  return verdict(decideAction(action, viewOf({ sync, ...fields })));
}

/** replication.md 3.5, in the column order of the page. Circumstances that the page names are varied further down. */
const PAGE: readonly (readonly [MirrorAction, Partial<RelationshipView>, string])[] = [
  //                                                NotEst Synchronizing Synchronized Consistent Outdated OutOfSync RollingBack Diverged
  ['establish', {}, '!     R04 !     !     !     !   R04 R11'],
  ['resync', {}, 'R25   R04 no-op no-op ok    ok  R04 R11'],
  // Marks of a synchronized pair are differences that a verify found: an explicit resync repairs them (3.4).
  ['resync', { marks: 3 }, 'R25   R04 ok    ok    ok    ok  R04 R11'],
  ['resync', { secondaryWrote: true }, 'R25   R04 no-op no-op !     ok  R04 R11'],
  ['resync', { fracture: 'admin' }, 'R25   R04 no-op ok    ok    ok  R04 R11'],
  ['reverse-resync', { direction: 'reversed' }, 'R25   R04 no-op no-op ok    ok  R04 R11'],
  ['reverse-resync', { direction: 'reversed', marks: 3 }, 'R25   R04 ok    ok    ok    ok  R04 R11'],
  ['reverse-resync', { direction: 'reversed', secondaryWrote: true }, 'R25   R04 no-op no-op !     ok  R04 R11'],
  ['overwrite-primary', {}, 'R25   R04 R31   !     !     R03 R04 R11'],
  ['fracture', {}, 'R25   !   ok    ok    no-op no-op R04 no-op'],
  ['pause', {}, 'R25   ok  R32   R32   R32   R32 R32 R32'],
  ['resume', {}, 'R25   no-op R32 R32   R32   R32 R32 R32'],
  ['switchover', {}, 'R25   R03 ok    ok    R02   R03 R04 R11'],
  ['failback', { direction: 'reversed' }, 'R25   R03 ok    ok    R02   R03 R04 R11'],
  ['failover', { primaryServing: false }, 'R25   R03 !     !     !     R03 R04 R11'],
  ['failover', { primaryServing: true }, 'R25   R03 R01   R01   R01   R03 R04 R11'],
  ['rollback', {}, 'R25   R04 R31   R31   R31   R03 R04 R11'],
  ['rollback', { safetySnapshot: { at: '09:00' } }, 'R25   R04 R31   R31   R31   !   R04 R11'],
  ['resolve', {}, 'R25   R31 R31   R31   R31   R31 R04 !'],
  ['verify', {}, 'R25   R04 ok    ok    R02   R03 R04 ok'],
  ['verify', { connected: false }, 'R25   R04 R05   R05   R05   R05 R04 R05'],
  ['delete', {}, 'ok    !   !     !     !     !   R04 !'],
];

describe('the table of actions', () => {
  for (const [action, circumstances, row] of PAGE) {
    const cells = row.split(/\s+/);
    IMAGE_STATES.forEach((image, column) => {
      const named = Object.keys(circumstances).length > 0 ? ` (${JSON.stringify(circumstances)})` : '';
      test(`${action} on ${image}${named} is ${cells[column] ?? '?'}`, () => {
        expect(decide(action, { image, ...circumstances })).toBe(cells[column]);
      });
    });
  }

  test('one entry per action, in the order of the vocabulary', () => {
    expect(allowedActions(viewOf({})).map((each) => each.action)).toEqual(ACTIONS);
  });
});

describe('prerequisites', () => {
  test('scenario 26: an interrupted sync locks its direction', () => {
    const interrupted = { image: 'OutOfSync', lock: 'reverse' } as const;
    expect(decide('resync', interrupted)).toBe('R06');
    expect(decide('establish', interrupted)).toBe('R06');
    expect(decide('overwrite-primary', interrupted)).toBe('ok');
    expect(decide('reverse-resync', { ...interrupted, direction: 'reversed' })).toBe('ok');
    expect(decide('reverse-resync', { ...interrupted, lock: 'forward', direction: 'reversed' })).toBe('R06');
    expect(decide('resync', { ...interrupted, lock: 'forward' })).toBe('ok');
  });

  test('what copies, compares or swaps needs the other side; fracture, failover, rollback and delete do not', () => {
    const cut = { connected: false, primaryServing: false, safetySnapshot: { at: '' } };
    const reversed = { direction: 'reversed' } as const;
    expect(decide('establish', cut)).toBe('R05');
    expect(decide('resync', { ...cut, image: 'Outdated' })).toBe('R05');
    expect(decide('reverse-resync', { ...cut, ...reversed, image: 'Outdated' })).toBe('R05');
    expect(decide('overwrite-primary', { ...cut, image: 'Outdated' })).toBe('R05');
    expect(decide('switchover', { ...cut, image: 'Consistent' })).toBe('R05');
    expect(decide('failback', { ...cut, ...reversed, image: 'Consistent' })).toBe('R05');
    expect(decide('resolve', { ...cut, image: 'Diverged' })).toBe('R05');
    expect(decide('fracture', { ...cut, image: 'Consistent' })).toBe('ok');
    expect(decide('failover', { ...cut, image: 'Consistent' })).toBe('!');
    expect(decide('rollback', { ...cut, image: 'OutOfSync' })).toBe('!');
    expect(decide('delete', { ...cut, image: 'OutOfSync' })).toBe('!');
  });

  test('a failover that cannot prove the old primary stopped says so', () => {
    const view = viewOf({ image: 'Consistent', primaryServing: false });
    expect(decideAction('failover', view).warning?.code).toBe('R07');
    expect(decideAction('failover', { ...view, primaryStopped: true }).warning).toBeUndefined();
  });

  test('fail back means nothing while the home roles are in place, reverse resync neither', () => {
    expect(decide('failback', { image: 'Synchronized' })).toBe('R31');
    expect(decide('reverse-resync', { image: 'Outdated' })).toBe('R31');
  });

  test('after a forced promotion only reverse resync goes on', () => {
    const forced = { image: 'Outdated', direction: 'reversed', forced: true } as const;
    expect(decide('resync', forced)).toBe('R31');
    expect(decide('reverse-resync', forced)).toBe('ok');
    expect(decide('reverse-resync', { ...forced, image: 'Consistent' })).toBe('ok');
    // The home source was promoted again: its direction is forward, and so is the resync that has to be asked for.
    expect(decide('resync', { ...forced, direction: 'forward' })).toBe('ok');
  });

  test('a planned swap of a fractured or marked copy would lose writes', () => {
    expect(decide('switchover', { image: 'Consistent', marks: 1 })).toBe('R02');
    expect(decide('switchover', { image: 'Consistent', fracture: 'admin' })).toBe('R02');
    expect(decideAction('switchover', viewOf({ image: 'Outdated' })).refusal?.overridable).toBe(false);
  });

  test('damaged tracking leaves only the full sync', () => {
    const damaged = { image: 'OutOfSync', trackingFailed: true } as const;
    expect(decide('resync', damaged)).toBe('R14');
    expect(decide('establish', damaged)).toBe('!');
  });

  test('scenario 30: unequal sizes refuse every sync', () => {
    const sizes = { sourceBytes: 2 * 1024 ** 2, destinationBytes: 1024 ** 2 };
    const refusal = decideAction('establish', viewOf({ sizes })).refusal;
    expect(refusal?.code).toBe('R19');
    expect(refusal?.message).toBe('the source is 2 MiB, the destination is 1 MiB.');
  });

  test('lost writes, missing space, hosts and a change on its way are named', () => {
    expect(decide('resync', { image: 'Outdated', nvfailSince: '09:00' })).toBe('R22');
    expect(decide('resync', { image: 'Outdated', shortage: { neededBytes: 5, freeBytes: 1 } })).toBe('R23');
    expect(decide('overwrite-primary', { image: 'Outdated', hosts: ['app-1'] })).toBe('R10');
    expect(decide('delete', { image: 'Outdated', changing: 'the role swap' })).toBe('R09');
  });

  test('pausing a paused sync and resuming a running one change nothing', () => {
    const sync = { kind: 'full', paused: true, percent: 1, eta: '' } as const;
    expect(decide('pause', { image: 'Synchronizing', sync })).toBe('no-op');
    expect(decide('resume', { image: 'Synchronizing', sync })).toBe('ok');
  });

  test('no unusable copy is ever promotable, whatever else is true', () => {
    const unusable: readonly ImageState[] = ['NotEstablished', 'Synchronizing', 'OutOfSync', 'RollingBack', 'Diverged'];
    for (const image of unusable) {
      for (const primaryStopped of [false, true]) {
        for (const lock of ['forward', 'reverse', null] as const) {
          const view = viewOf({ image, primaryStopped, primaryServing: false, lock, safetySnapshot: { at: 'x' } });
          expect(decideAction('failover', view).allowed).toBe(false);
          expect(decideAction('switchover', view).allowed).toBe(false);
        }
      }
    }
  });
});

describe('texts', () => {
  test('R03 names since when, how long, and the safety snapshot', () => {
    const view = viewOf({
      image: 'Synchronizing',
      imageSince: '10:00',
      sync: { kind: 'update', paused: false, percent: 40.7, eta: '2 min' },
      safetySnapshot: { at: '09:59' },
    });
    const refusal = decideAction('failover', view).refusal;
    expect(refusal?.message).toBe('This copy is part old, part new since 10:00. It cannot be opened.');
    expect(refusal?.hint).toBe('Finish the sync (2 min) or roll back to the safety snapshot (of 09:59).');
    expect(decideAction('resync', view).refusal?.message).toBe('An update sync is running (40 %).');
  });

  test('R01 names the server that serves, also where that server is asked itself', () => {
    const peer = { name: 'north-1', lostSince: '', lostCause: '' };
    const asked = viewOf({ image: 'Consistent', peer, primaryName: 'south-1' });
    expect(decideAction('failover', asked).refusal?.message).toBe('south-1 is serving this volume now.');
    const other = viewOf({ image: 'Consistent', peer });
    expect(decideAction('failover', other).refusal?.message).toBe('north-1 is serving this volume now.');
  });

  test('a sync of which only the other side knows the progress is not given figures', () => {
    const view = viewOf({ image: 'Synchronizing', sync: null });
    expect(decideAction('rollback', view).refusal?.message).toBe('A sync is running (? %).');
  });

  test('what has diverged is resolved and never resyncs by itself', () => {
    const conditions = [{ code: 'FracturedSystem', sinceWallMs: 2, cause: 'promotion' }] as const;
    const [fractured] = describeConditions(viewOf({ image: 'Diverged', conditions }), 5);
    expect(fractured?.nextStep).toBeNull();
    expect(fractured?.clearedBy).toEqual(['resolve']);
  });

  test('a detail that nobody knows leaves no brace behind', () => {
    for (let n = 1; n <= 32; n += 1) {
      const refusal = refuse(`R${String(n).padStart(2, '0')}` as Parameters<typeof refuse>[0]);
      expect(refusal.message + refusal.hint).not.toMatch(/[{}]/);
      expect(refusal.message.length).toBeGreaterThan(5);
    }
  });

  test('the headline is the most severe condition, and each says what would clear it', () => {
    const view = viewOf({
      image: 'OutOfSync',
      lock: 'forward',
      conditions: [
        { code: 'DirectionLocked', sinceWallMs: 1, cause: 'forward' },
        { code: 'FracturedSystem', sinceWallMs: 2, cause: 'link' },
      ],
    });
    const described = describeConditions(view, 5);
    expect(described.map((each) => each.code)).toEqual(['FracturedSystem', 'DirectionLocked']);
    expect(described[0]?.clearedBy).toEqual(['resync']);
    expect(described[1]?.clearedBy).toEqual(['resync', 'rollback']);
    expect(described[0]?.nextStep).toBe('resync');
    expect(describeConditions(viewOf({ image: 'Synchronized' }), 5).map((each) => each.code)).toEqual(['Active']);
  });
});

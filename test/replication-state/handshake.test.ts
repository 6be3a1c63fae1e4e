import { describe, expect, test } from 'vitest';
import { fc } from '@fast-check/vitest';
import {
  decideHandshake,
  mirrored,
  type Decision,
  type HandshakeSide,
} from '../../src-engine/replication/state/index.ts';

const primary = (fields: Partial<HandshakeSide> = {}): HandshakeSide => ({
  home: 'source',
  role: 'primary',
  roleEpoch: 1,
  generation: { current: 'g1', bitmap: '', history: [] },
  marks: 0,
  crashedPrimary: false,
  forced: false,
  fracturedByAdmin: false,
  image: 'Consistent',
  ...fields,
});
const secondary = (fields: Partial<HandshakeSide> = {}): HandshakeSide =>
  primary({ home: 'destination', role: 'secondary', ...fields });
const ids = (current: string, bitmap = '', ...history: readonly string[]): HandshakeSide['generation'] => ({
  current,
  bitmap,
  history,
});

/** Both sides decide, and must agree. */
function meet(mine: HandshakeSide, theirs: HandshakeSide, recovery: 'automatic' | 'manual' = 'automatic'): Decision {
  const decision = decideHandshake(mine, theirs, recovery);
  expect(decideHandshake(theirs, mine, recovery)).toEqual(mirrored(decision));
  return decision;
}

describe('replication.md 3.7, row by row', () => {
  test('both empty: nothing, an administrator establishes', () => {
    expect(meet(primary({ generation: ids('') }), secondary({ generation: ids('') }))).toMatchObject({
      kind: 'not-established',
      offered: ['establish'],
    });
  });

  test('one empty: full sync from the other, by itself only if a first sync had been asked for', () => {
    const empty = secondary({ generation: ids(''), image: 'NotEstablished' });
    const decision = meet(primary({ image: 'NotEstablished' }), empty);
    expect(decision).toMatchObject({
      kind: 'sync',
      extent: 'full',
      source: 'mine',
      automatic: false,
      offered: ['establish'],
    });
    expect(meet(primary({ image: 'OutOfSync' }), { ...empty, image: 'OutOfSync' })).toMatchObject({
      extent: 'full',
      automatic: true,
    });
  });

  test('equal, no marks: no sync', () => {
    expect(meet(primary(), secondary())).toEqual({ kind: 'in-sync', roles: { primary: 'mine', demote: null } });
  });

  test('scenario 27: equal ids with any mark on either side are synced, never dropped', () => {
    for (const [mine, theirs] of [
      [{ marks: 1 }, {}],
      [{}, { marks: 1 }],
      [{ crashedPrimary: true }, {}],
      [{ generation: ids('g1', 'g0') }, { generation: ids('g1', 'g0') }],
    ] as const) {
      expect(meet(primary(mine), secondary(theirs))).toMatchObject({
        kind: 'sync',
        extent: 'marked',
        source: 'mine',
        automatic: true,
      });
    }
  });

  test('only the primary wrote: delta from it', () => {
    expect(meet(primary({ generation: ids('g2', 'g1', 'g1'), marks: 5 }), secondary())).toMatchObject({
      kind: 'sync',
      extent: 'marked',
      source: 'mine',
      automatic: true,
      offered: ['resync'],
    });
  });

  test('my id in the history of the other only: its marks do not reach back, everything is compared', () => {
    expect(meet(secondary(), primary({ generation: ids('g3', 'g2', 'g2', 'g1') }))).toMatchObject({
      kind: 'sync',
      extent: 'compare',
      source: 'theirs',
    });
  });

  test('scenario 31: ids differ with one parent: split brain', () => {
    const decision = meet(
      primary({ generation: ids('a2', 'g1', 'g1') }),
      secondary({ role: 'primary', roleEpoch: 2, generation: ids('b2', 'g1', 'g1') }),
    );
    expect(decision).toMatchObject({
      kind: 'diverged',
      parent: 'same',
      refusal: { code: 'R11' },
      offered: ['resolve'],
    });
  });

  test('an older common parent: split brain, manual only', () => {
    const decision = meet(
      primary({ generation: ids('a3', 'a2', 'a2', 'g1') }),
      secondary({ generation: ids('b3', 'b2', 'b2', 'g1') }),
    );
    expect(decision).toMatchObject({ kind: 'diverged', parent: 'older' });
  });

  test('scenario 34: nothing in common: R12', () => {
    expect(meet(primary({ generation: ids('x') }), secondary({ generation: ids('y') }))).toMatchObject({
      kind: 'unrelated',
      refusal: { code: 'R12' },
    });
  });

  test('scenario 28: a sync that one side calls finished is finished, not started anew', () => {
    const decision = meet(
      primary({ generation: ids('g2', 'g1', 'g1'), marks: 4 }),
      secondary({ generation: ids('g2', '', 'g1'), image: 'Synchronized' }),
    );
    expect(decision).toMatchObject({ kind: 'sync', extent: 'finish', source: 'mine', automatic: true });
  });
});

describe('roles', () => {
  const promoted = (fields: Partial<HandshakeSide> = {}): HandshakeSide =>
    secondary({ role: 'primary', roleEpoch: 2, forced: true, ...fields });

  test('the higher role epoch is primary, the other demotes', () => {
    expect(meet(primary(), promoted()).roles).toEqual({ primary: 'theirs', demote: 'mine' });
  });

  test('scenario 33: a promotion without any write is no split brain, but waits for reverse-resync', () => {
    expect(meet(primary(), promoted())).toMatchObject({
      kind: 'sync',
      source: 'theirs',
      automatic: false,
      offered: ['reverse-resync'],
    });
  });

  test('after a forced promotion that wrote, the delta goes back on demand', () => {
    const decision = meet(primary({ marks: 2 }), promoted({ generation: ids('g2', 'g1', 'g1'), marks: 3 }));
    expect(decision).toMatchObject({
      kind: 'sync',
      extent: 'marked',
      source: 'theirs',
      automatic: false,
      offered: ['reverse-resync'],
    });
  });

  test('scenario 32: if only the side that is not primary wrote, no byte moves and its delta is offered', () => {
    const decision = meet(primary({ generation: ids('g2', 'g1', 'g1') }), promoted());
    expect(decision).toMatchObject({ kind: 'sync', source: 'mine', automatic: false, offered: ['overwrite-primary'] });
    expect(decision.roles.primary).toBe('theirs');
  });

  test('a swap that broke off leaves no primary, never two', () => {
    expect(meet(primary({ role: 'secondary' }), secondary()).roles).toEqual({ primary: null, demote: null });
    expect(meet(primary(), secondary({ role: 'primary' })).roles).toEqual({ primary: null, demote: null });
    expect(meet(primary(), secondary({ roleEpoch: 2 })).roles).toEqual({ primary: null, demote: 'mine' });
  });

  test('recovery manual and a fracture by an administrator wait', () => {
    expect(meet(primary({ marks: 1 }), secondary(), 'manual')).toMatchObject({
      automatic: false,
      waitingFor: 'recovery policy manual',
    });
    expect(meet(primary({ fracturedByAdmin: true }), secondary())).toMatchObject({
      kind: 'sync',
      automatic: false,
      offered: ['resync'],
    });
  });
});

const id = fc.constantFrom('', 'a', 'b', 'c', 'd');
const side: fc.Arbitrary<HandshakeSide> = fc.record({
  home: fc.constant('source' as const),
  role: fc.constantFrom('primary' as const, 'secondary' as const),
  roleEpoch: fc.integer({ min: 1, max: 3 }),
  generation: fc.record({
    current: id,
    bitmap: id,
    history: fc.array(
      id.filter((each) => each !== ''),
      { maxLength: 3 },
    ),
  }),
  marks: fc.nat({ max: 2 }),
  crashedPrimary: fc.boolean(),
  forced: fc.boolean(),
  fracturedByAdmin: fc.boolean(),
  image: fc.constantFrom(
    'NotEstablished' as const,
    'OutOfSync' as const,
    'Consistent' as const,
    'Synchronized' as const,
    'Outdated' as const,
  ),
});

describe('any two descriptions', () => {
  test('both sides reach the mirrored decision', () => {
    fc.assert(
      fc.property(side, side, fc.constantFrom('automatic' as const, 'manual' as const), (a, b, recovery) => {
        meet(a, { ...b, home: 'destination' }, recovery);
      }),
      { numRuns: 3000 },
    );
  });

  test('a sync that starts by itself always runs from the primary, and marks are never called in sync', () => {
    fc.assert(
      fc.property(side, side, (a, b) => {
        const other: HandshakeSide = { ...b, home: 'destination' };
        const decision = decideHandshake(a, other);
        if (decision.kind === 'sync' && decision.automatic) {
          expect(decision.source).toBe(decision.roles.primary);
          expect(a.forced || other.forced || a.fracturedByAdmin || other.fracturedByAdmin).toBe(false);
        }
        if (decision.kind === 'in-sync') {
          expect(a.marks + other.marks).toBe(0);
          expect(a.generation.current).toBe(other.generation.current);
          expect(a.generation.bitmap + other.generation.bitmap).toBe('');
        }
      }),
      { numRuns: 3000 },
    );
  });
});

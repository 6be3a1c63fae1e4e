import { describe, expect, test } from 'vitest';
import { fc } from '@fast-check/vitest';
import {
  adoptGeneration,
  decideHandshake,
  descendFrom,
  disownGeneration,
  openGeneration,
  provenHeld,
  writersOf,
  type Generation,
  type HandshakePeer,
  type HandshakeSelf,
  type HandshakeStep,
  type ImageState,
} from '../../src-engine/replication/state/index.ts';

const ids = (current: string, bitmap = '', ...history: readonly string[]): Generation => ({ current, bitmap, history });

/** The home source: primary of a pair that was synchronized when it went down, and knows what the other side holds. */
const own = (fields: Partial<HandshakeSelf> = {}): HandshakeSelf => ({
  home: 'source',
  role: 'primary',
  roleEpoch: 1,
  image: 'Synchronized',
  generation: ids('g1'),
  forced: false,
  handingOver: false,
  smallerId: true,
  recovery: 'automatic',
  fracture: null,
  resync: null,
  engaged: false,
  nvFailed: false,
  untouched: true,
  proven: true,
  markedRegions: 0,
  logId: 'log',
  ends: [],
  confirmedThrough: 10,
  peerBaseCp: 5,
  ...fields,
});

/** Its secondary, which has applied everything. */
const peer = (fields: Partial<HandshakePeer> = {}): HandshakePeer => ({
  role: 'secondary',
  roleEpoch: 1,
  image: 'Consistent',
  generation: ids('g1'),
  forced: false,
  markedRegions: 0,
  keptRegions: 0,
  held: 10,
  position: { logId: 'log', sequence: 10 },
  rootCp: 5,
  settled: true,
  ...fields,
});

const decide = (mine: Partial<HandshakeSelf> = {}, theirs: Partial<HandshakePeer> = {}): HandshakeStep => decideHandshake(own(mine), peer(theirs));
const UPDATE = { kind: 'sync', extent: 'update' } as const;

describe('replication.md 3.7, the primary and its secondary', () => {
  const rows: readonly (readonly [string, Partial<HandshakeSelf>, Partial<HandshakePeer>, Partial<HandshakeStep>])[] = [
    ['equal ids, no marks: no sync', {}, {}, { kind: 'rejoin' }],
    ['a secondary that never held anything of the log is equal as the record says', {}, { position: null, held: 10 }, UPDATE],
    ['the same without a confirmation to lose', { confirmedThrough: 0 }, { position: null, held: 0 }, { kind: 'rejoin' }],
    ['first what the other side holds is found out', { proven: false }, {}, { kind: 'prove', takeKept: false }],
    ['never established: full sync', { image: 'NotEstablished' }, { generation: ids(''), image: 'NotEstablished' }, { kind: 'sync', extent: 'full', outdate: false }],
    ['scenario 27: own marks are copied, never dropped', { markedRegions: 1 }, {}, { ...UPDATE, outdate: true }],
    ['marks of the other side too', {}, { markedRegions: 1 }, UPDATE],
    ['only the primary wrote: delta from it', { generation: ids('g2', 'g1', 'g1'), markedRegions: 5 }, {}, UPDATE],
    ['a generation that was opened without a mark left is synced all the same', { generation: ids('g2', 'g1', 'g1') }, {}, UPDATE],
    ['scenario 28: a sync that only the secondary calls finished: ids converge, what is marked is compared', { generation: ids('g2', 'g1', 'g1'), image: 'Synchronizing', resync: 'update', markedRegions: 4 }, { generation: ids('g2', '', 'g1'), image: 'Synchronized' }, { ...UPDATE, outdate: false }],
    ['an interrupted sync goes on', { image: 'OutOfSync', resync: 'update' }, { image: 'OutOfSync' }, { ...UPDATE, outdate: false }],
    ['fractured before: sync although nothing is marked', { fracture: 'system', image: 'Outdated' }, {}, UPDATE],
    ['the secondary lost entries it had confirmed', { confirmedThrough: 11 }, {}, UPDATE],
    ['the secondary is an older copy of itself', {}, { rootCp: 4 }, UPDATE],
    ['entries of another log were applied there', {}, { position: { logId: 'other', sequence: 3 }, keptRegions: 1 }, UPDATE],
    ['a mixture is never called equal', {}, { image: 'OutOfSync' }, UPDATE],
    ['fractured by an administrator: waits', { fracture: 'admin', image: 'Consistent' }, {}, { kind: 'wait', offered: ['resync'], part: false }],
    ['after a forced promotion: waits', { forced: true, image: 'Outdated', home: 'destination' }, {}, { kind: 'wait', offered: ['reverse-resync'], part: false }],
    ['recovery manual: waits, and hosts do not', { recovery: 'manual', markedRegions: 1 }, {}, { kind: 'wait', offered: ['resync'], part: true }],
    ['recovery manual, parted already', { recovery: 'manual', fracture: 'system', image: 'Outdated' }, {}, { kind: 'wait', part: false }],
    ['recovery manual, but a sync was asked for and interrupted', { recovery: 'manual', image: 'OutOfSync', resync: 'update' }, { image: 'OutOfSync' }, UPDATE],
    ['recovery manual, nothing to copy', { recovery: 'manual' }, {}, { kind: 'rejoin' }],
    ['scenario 32: only the secondary wrote: the delta from it is offered', { roleEpoch: 2, forced: true, image: 'Outdated', home: 'destination' }, { roleEpoch: 2, image: 'Outdated', generation: ids('a2', 'g1', 'g1') }, { kind: 'wait', offered: ['overwrite-primary', 'reverse-resync'] }],
    ['scenario 31: both wrote, found after one gave way', { image: 'Outdated', generation: ids('b2', 'g1', 'g1') }, { image: 'Outdated', generation: ids('a2', 'g1', 'g1') }, { kind: 'diverge' }],
    ['a sync over the writer that broke off says whose writes go', { image: 'OutOfSync', generation: ids('b2', 'g1', 'g1') }, { image: 'OutOfSync', generation: ids('a2', 'g1', 'g1') }, UPDATE],
    ['scenario 34: nothing in common', { generation: ids('x') }, { generation: ids('y') }, { kind: 'diverge', writers: 'unrelated' }],
    ['diverged: nothing moves', { image: 'Diverged', generation: ids('b2', 'g1', 'g1') }, { image: 'Diverged', generation: ids('a2', 'g1', 'g1') }, { kind: 'none' }],
    ['V5: an interrupted sync over the primary is finished first', { image: 'OutOfSync', resync: 'overwrite-primary' }, { image: 'Outdated' }, { kind: 'none' }],
    ['lost records: an administrator looks first', { nvFailed: true }, {}, { kind: 'none' }],
    ['in the stream', { engaged: true }, {}, { kind: 'none' }],
    ['the secondary still drains', {}, { settled: false }, { kind: 'none' }],
    ['the secondary has not learned of the epoch', { roleEpoch: 2 }, {}, { kind: 'none' }],
    ['entries beyond the end of the log are taken over', { proven: false, ends: [{ last: 9, next: 100 }] }, { keptRegions: 1 }, { kind: 'prove', takeKept: true }],
    ['but not once hosts were served', { proven: false, ends: [{ last: 9, next: 100 }], untouched: false }, { keptRegions: 1 }, { kind: 'prove', takeKept: false }],
    ['nor from an older image', { proven: false, ends: [{ last: 9, next: 100 }], image: 'OutOfSync' }, { keptRegions: 1 }, { kind: 'prove', takeKept: false }],
    ['nor from a mixture', { proven: false, ends: [{ last: 9, next: 100 }] }, { keptRegions: 1, image: 'OutOfSync' }, { kind: 'prove', takeKept: false }],
    ['nor after a fracture', { proven: false, ends: [{ last: 9, next: 100 }], fracture: 'system' }, { keptRegions: 1 }, { kind: 'prove', takeKept: false }],
    ['entries beyond the end are compared in any case', { ends: [{ last: 9, next: 100 }] }, {}, UPDATE],
    ['entries applied alone that this log holds too need no sync', {}, { keptRegions: 3 }, { kind: 'rejoin' }],
  ];
  test.each(rows)('%s', (_name, mine, theirs, step) => {
    expect(decide(mine, theirs)).toMatchObject(step);
  });
});

describe('who is primary', () => {
  const both = (mine: Partial<HandshakeSelf>, theirs: Partial<HandshakePeer>): HandshakeStep => decide(mine, { role: 'primary', ...theirs });

  test('the higher role epoch stays, the other gives way, whoever wrote', () => {
    expect(both({}, { roleEpoch: 2 })).toMatchObject({ kind: 'demote', writers: 'nobody' });
    expect(both({ roleEpoch: 3 }, { roleEpoch: 2 })).toMatchObject({ kind: 'none' });
    expect(both({ generation: ids('a2', 'g1', 'g1') }, { roleEpoch: 2 })).toMatchObject({ kind: 'demote', writers: 'this' });
    expect(both({}, { roleEpoch: 2, generation: ids('b2', 'g1', 'g1') })).toMatchObject({ kind: 'demote', writers: 'peer' });
  });

  test('scenario 31: both wrote: Diverged, once', () => {
    const forks = [ids('b2', 'g1', 'g1'), ids('b3', 'b2', 'b2', 'g1'), ids('x')];
    for (const generation of forks) {
      expect(both({ generation: ids('a2', 'g1', 'g1') }, { roleEpoch: 2, generation })).toMatchObject({ kind: 'diverge' });
      expect(both({ generation: ids('a2', 'g1', 'g1'), image: 'Diverged' }, { roleEpoch: 2, generation })).toMatchObject({ kind: 'none' });
    }
  });

  test('equal epochs: the writer stays, then the forced promotion, then the smaller id; never both and never neither', () => {
    const wrote = ids('n2', 'g1', 'g1');
    for (const smallerId of [true, false]) {
      expect(both({ smallerId, generation: wrote }, { forced: true })).toMatchObject({ kind: 'none' });
      expect(both({ smallerId, forced: true }, { generation: wrote })).toMatchObject({ kind: 'demote' });
      expect(both({ smallerId, forced: true }, {})).toMatchObject({ kind: 'none' });
      expect(both({ smallerId }, { forced: true })).toMatchObject({ kind: 'demote' });
      expect(both({ smallerId }, {}).kind).toBe(smallerId ? 'none' : 'demote');
    }
  });

  test('a secondary learns of a newer primary, and otherwise lets it drive', () => {
    expect(decide({ role: 'secondary' }, { role: 'primary', roleEpoch: 2 })).toEqual({ kind: 'adopt-epoch' });
    expect(decide({ role: 'secondary' }, { role: 'primary' })).toMatchObject({ kind: 'none' });
    expect(decide({ role: 'secondary', generation: ids('a2', 'g1', 'g1'), image: 'Outdated' }, { role: 'primary', generation: ids('b2', 'g1', 'g1') })).toMatchObject({ kind: 'diverge' });
  });

  test('a swap that broke off is resumed by the side that gave the role up, and by nobody else', () => {
    expect(decide({ role: 'secondary', handingOver: true })).toEqual({ kind: 'hand-over' });
    expect(decide({ role: 'secondary', handingOver: true }, { settled: false })).toMatchObject({ kind: 'none' });
    expect(decide({ role: 'secondary', handingOver: true, roleEpoch: 2 })).toMatchObject({ kind: 'none' });
    expect(decide({ role: 'secondary' })).toMatchObject({ kind: 'none' });
  });
});

describe('generation ids', () => {
  test('who wrote is told from both histories', () => {
    const g1 = ids('g1');
    expect(writersOf(g1, g1)).toBe('nobody');
    expect(writersOf(ids(''), g1)).toBe('nobody');
    expect(writersOf(openGeneration(g1, 'a'), g1)).toBe('this');
    expect(writersOf(g1, openGeneration(openGeneration(g1, 'a'), 'b'))).toBe('peer');
    expect(writersOf(openGeneration(g1, 'a'), openGeneration(g1, 'b'))).toBe('both');
    expect(writersOf(ids('x'), ids('y'))).toBe('unrelated');
  });

  test('more isolations than the history remembers do not hide the ancestor', () => {
    let mine = ids('g1');
    for (let i = 0; i < 40; i++) mine = openGeneration(mine, `a${String(i)}`);
    expect(mine.history.length).toBeLessThanOrEqual(16);
    expect(writersOf(mine, ids('g1'))).toBe('this');
  });

  test('a copy that gives its writes up is behind the survivor, not beside it', () => {
    const g1 = openGeneration(ids('g0'), 'g1');
    const equal = adoptGeneration(g1);
    const victim = openGeneration(openGeneration(equal, 'a'), 'b');
    const survivor = openGeneration(equal, 'c');
    expect(writersOf(survivor, victim)).toBe('both');
    expect(disownGeneration(victim)).toEqual(equal);
    expect(writersOf(survivor, disownGeneration(victim))).toBe('this');
  });

  test('a copy that was overwritten with another one descends from it', () => {
    const [a, b] = [openGeneration(ids('g1'), 'a'), openGeneration(ids('g1'), 'b')];
    expect(writersOf(descendFrom(a, b, 'n'), a)).toBe('this');
    expect(writersOf(a, descendFrom(a, b, 'n'))).toBe('peer');
  });
});

const image = fc.constantFrom<ImageState>('NotEstablished', 'Synchronizing', 'Synchronized', 'Consistent', 'Outdated', 'OutOfSync', 'Diverged');
const id = fc.constantFrom('a', 'b', 'c', 'd');
const generation = fc.record({ current: id, bitmap: fc.constantFrom('', 'a', 'b', 'c'), history: fc.array(id, { maxLength: 3 }) });
interface Side {
  readonly self: HandshakeSelf;
  readonly view: HandshakePeer;
}
const side: fc.Arbitrary<Side> = fc
  .record({
    role: fc.constantFrom('primary' as const, 'secondary' as const), roleEpoch: fc.integer({ min: 1, max: 2 }), image, generation, forced: fc.boolean(),
    handingOver: fc.boolean(), markedRegions: fc.nat({ max: 1 }), keptRegions: fc.nat({ max: 1 }), held: fc.integer({ min: 9, max: 11 }), settled: fc.boolean(),
    recovery: fc.constantFrom('automatic' as const, 'manual' as const), fracture: fc.constantFrom(null, 'admin' as const, 'system' as const),
    resync: fc.constantFrom(null, 'update' as const, 'overwrite-primary' as const), engaged: fc.boolean(), nvFailed: fc.boolean(), logId: fc.constantFrom('log', 'other'),
  })
  .map((fields) => ({ self: own(fields), view: peer({ ...fields, position: { logId: 'log', sequence: 10 } }) }));

describe('any two sides', () => {
  test('they never both give way and never both drive; a split brain is seen by both or by none', () => {
    fc.assert(
      fc.property(side, side, (a, b) => {
        const mine = decideHandshake({ ...a.self, smallerId: true }, b.view);
        const theirs = decideHandshake({ ...b.self, smallerId: false }, a.view);
        expect(mine.kind === 'demote' && theirs.kind === 'demote').toBe(false);
        const drives = (step: HandshakeStep): boolean => step.kind === 'rejoin' || step.kind === 'sync' || step.kind === 'prove';
        expect(drives(mine) && (drives(theirs) || theirs.kind === 'demote')).toBe(false);
        const twoPrimaries = a.self.role === 'primary' && b.self.role === 'primary';
        if (twoPrimaries && mine.kind === 'diverge') expect(theirs.kind === 'diverge' || b.self.image === 'Diverged').toBe(true);
        if (twoPrimaries && ![a, b].some((each) => each.self.image === 'Diverged')) {
          expect([mine.kind, theirs.kind].filter((kind) => kind === 'demote' || kind === 'diverge').length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('nothing is called equal that has marks, differing ids or an unusable image, and no sync starts by itself against an administrator', () => {
    fc.assert(
      fc.property(side, side, (a, b) => {
        const step = decideHandshake(a.self, b.view);
        if (step.kind === 'rejoin') {
          expect(a.self.markedRegions + b.view.markedRegions).toBe(0);
          expect(a.self.generation.current).toBe(b.view.generation.current);
          expect(['Synchronized', 'Consistent', 'Outdated']).toContain(b.view.image);
        }
        if (step.kind === 'rejoin' || (step.kind === 'sync' && step.extent === 'update')) {
          expect(a.self.role).toBe('primary');
          expect(a.self.forced || a.self.nvFailed || a.self.fracture === 'admin' || a.self.image === 'Diverged').toBe(false);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('a mixture proves nothing about what is held', () => {
    for (const state of ['OutOfSync', 'Synchronizing', 'NotEstablished'] as const) expect(provenHeld({ logId: 'log' }, peer({ image: state }))).toBe(0);
    expect(provenHeld({ logId: 'log' }, peer({ held: 12 }))).toBe(12);
    expect(provenHeld({ logId: 'else' }, peer())).toBe(0);
  });
});

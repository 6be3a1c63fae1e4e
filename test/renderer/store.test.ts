import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { applyLive, initialState, mergeById } from '../../src-renderer/client/index.ts';
import { htmlWithoutMarkup } from '../../src-renderer/app/trusted-types.ts';
import { calm, disaster, iso, mirror } from './lab/data.ts';

test('a snapshot replaces every list, also those it leaves empty', () => {
  const before = applyLive(initialState, disaster());
  const after = applyLive(before, { kind: 'snapshot', at: iso(), lastEventId: 50 });
  expect(after.faults).toEqual([]);
  expect(after.mirrors).toEqual([]);
});

test('a delta replaces by id, keeps the order of creation and leaves absent lists alone', () => {
  const before = applyLive(initialState, calm());
  const after = applyLive(before, {
    kind: 'delta',
    at: iso(10),
    lastEventId: 41,
    mirrors: [mirror('payroll', { imageState: 'Outdated' })],
  });
  expect(after.mirrors.map((one) => [one.name, one.imageState])).toEqual([
    ['payroll', 'Outdated'],
    ['orders', 'Synchronized'],
  ]);
  expect(after.servers).toBe(before.servers);
});

test('what the stream removes is gone', () => {
  const before = applyLive(initialState, disaster());
  expect(
    applyLive(before, { kind: 'delta', at: iso(), lastEventId: 41, removed: [{ noun: 'faults', id: 'flt-1' }] }).faults,
  ).toEqual([]);
});

const things = fc.uniqueArray(fc.record({ id: fc.stringMatching(/^[a-f]{1,2}$/), value: fc.nat() }), {
  selector: (one) => one.id,
});
property.prop([things, things])('merging by id is what a map would do', (old, changed) => {
  const expected = new Map([...old, ...changed].map((one) => [one.id, one]));
  expect(mergeById(old, changed, new Set())).toEqual([...expected.values()]);
});

test('text with markup never becomes HTML', () => {
  expect(() => htmlWithoutMarkup('<img src=x>')).toThrow(TypeError);
  expect(htmlWithoutMarkup(':root{--a:1}')).toBe(':root{--a:1}');
});

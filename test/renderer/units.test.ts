import { expect, test } from 'vitest';
import { units } from '../../src-renderer/shared/index.ts';

test('bytes are IEC with three significant digits, and nothing is an en dash rather than a zero', () => {
  expect([0, 512, 4096, 1536, 10 * 2 ** 20, 123.4 * 2 ** 30].map((one) => units.bytes(one))).toEqual([
    '0 B',
    '512 B',
    '4 KiB',
    '1.50 KiB',
    '10 MiB',
    '123 GiB',
  ]);
  expect(units.bytes(null)).toBe('–');
  expect(units.bytes(Number.NaN)).toBe('–');
});

test('a value just below the next unit does not print as a thousand of the smaller one', () => {
  expect(units.bytes(1024 ** 2 - 1)).toBe('1.00 MiB');
  expect(units.si(999_999)).toBe('1.00 M');
});

test('percent never rounds up to done', () => {
  expect(units.percent(0.99999)).toBe('99.9 %');
  expect(units.percent(1)).toBe('100 %');
});

test('durations show two leading units', () => {
  expect([0, 0.25, 3.2, 840, 9_400, 61_000, 3_720_000, 90_000_000].map((one) => units.durationMs(one))).toEqual([
    '0 ms',
    '0.25 ms',
    '3.2 ms',
    '840 ms',
    '9.4 s',
    '1 min 1 s',
    '1 h 2 min',
    '1 d 1 h',
  ]);
});

test('long counts are grouped, short ones are not', () => {
  expect(units.count(9204)).toBe('9204');
  expect(units.count(1204331)).toBe('1\u202f204\u202f331');
});

import { assert } from '../runtime/index.ts';

/**
 * Parity over words. P is the XOR of the data units; Q = sum of 2^i * unit i in GF(256) with polynomial 0x11d (the
 * usual Reed-Solomon P+Q), four bytes at a time: doubling four field elements is a shift, a mask and one multiply.
 */
export function words(bytes: Uint8Array): Int32Array {
  assert(bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0, 'parity buffers are word aligned');
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
}

function double(x: number): number {
  return ((x << 1) & 0xfefefefe) ^ Math.imul((x >>> 7) & 0x01010101, 0x1d);
}

/** into ^= from */
export function xorInto(into: Int32Array, from: Int32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) ^ (from[i] as number);
}

/**
 * p = XOR of the units: up to four sources in a pass; later passes take what is there as one of theirs. Not over
 * BigUint64Array: 1.7 times the rate in a loop of its own, but in a consistency point it made values on the heap and took
 * half again as much time as everything else together.
 */
export function computeP(p: Int32Array, units: readonly Int32Array[]): void {
  assert(units.length > 0, 'a stripe has data');
  let done = 0;
  while (done < units.length) {
    const pass: Int32Array[] = done === 0 ? [] : [p];
    while (pass.length < 4 && done < units.length) pass.push(units[done++] as Int32Array);
    const [a, b, c, d] = pass;
    assert(a !== undefined, 'a pass has a source');
    if (b === undefined) p.set(a);
    else if (c === undefined) xorTwo(p, a, b);
    else if (d === undefined) xorThree(p, a, b, c);
    else xorFour(p, a, b, c, d);
  }
}

function xorTwo(into: Int32Array, a: Int32Array, b: Int32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (a[i] as number) ^ (b[i] as number);
}

function xorThree(into: Int32Array, a: Int32Array, b: Int32Array, c: Int32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (a[i] as number) ^ (b[i] as number) ^ (c[i] as number);
}

function xorFour(into: Int32Array, a: Int32Array, b: Int32Array, c: Int32Array, d: Int32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (a[i] as number) ^ (b[i] as number) ^ (c[i] as number) ^ (d[i] as number);
}

/** q by Horner's rule from the last unit, three steps in a pass: q is read and written once for three units. */
export function computeQ(q: Int32Array, units: readonly Int32Array[]): void {
  let sum = units[units.length - 1] as Int32Array;
  let left = units.length - 1;
  if (left === 0) q.set(sum);
  while (left >= 3) {
    hornerThree(q, sum, units[left - 1] as Int32Array, units[left - 2] as Int32Array, units[left - 3] as Int32Array);
    sum = q;
    left -= 3;
  }
  for (; left > 0; left--) {
    hornerOne(q, sum, units[left - 1] as Int32Array);
    sum = q;
  }
}

function hornerThree(q: Int32Array, sum: Int32Array, a: Int32Array, b: Int32Array, c: Int32Array): void {
  for (let i = 0; i < q.length; i++) {
    let x = sum[i] as number;
    x = ((x << 1) & 0xfefefefe) ^ Math.imul((x >>> 7) & 0x01010101, 0x1d) ^ (a[i] as number);
    x = ((x << 1) & 0xfefefefe) ^ Math.imul((x >>> 7) & 0x01010101, 0x1d) ^ (b[i] as number);
    q[i] = ((x << 1) & 0xfefefefe) ^ Math.imul((x >>> 7) & 0x01010101, 0x1d) ^ (c[i] as number);
  }
}

function hornerOne(q: Int32Array, sum: Int32Array, a: Int32Array): void {
  for (let i = 0; i < q.length; i++) {
    const x = sum[i] as number;
    q[i] = ((x << 1) & 0xfefefefe) ^ Math.imul((x >>> 7) & 0x01010101, 0x1d) ^ (a[i] as number);
  }
}

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
{
  let x = 1;
  for (let i = 0; i < 255; i++) {
    EXP[i] = x;
    EXP[i + 255] = x;
    LOG[x] = i;
    x = double(x) & 0xff;
  }
}

export function gfMultiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return EXP[(LOG[a] as number) + (LOG[b] as number)] as number;
}

function gfInverse(a: number): number {
  assert(a !== 0, 'zero has no inverse');
  return EXP[(255 - (LOG[a] as number)) % 255] as number;
}

function power(i: number): number {
  return EXP[i % 255] as number;
}

/** into ^= factor * from, word-wise: at most eight doublings per word. */
export function scaleInto(into: Int32Array, from: Int32Array, factor: number): void {
  for (let i = 0; i < into.length; i++) {
    let x = from[i] as number;
    let sum = 0;
    for (let bits = factor; bits !== 0; bits >>>= 1) {
      if ((bits & 1) !== 0) sum ^= x;
      x = double(x);
    }
    into[i] = (into[i] as number) ^ sum;
  }
}

/**
 * Fills the missing data units (null) of one stripe from the others and the parities at hand. `length` in words. Returns
 * null when too much is missing.
 */
export function solveStripe(data: readonly (Int32Array | null)[], p: Int32Array | null, q: Int32Array | null, length: number): Int32Array[] | null {
  const missing: number[] = [];
  data.forEach((unit, i) => {
    if (unit === null) missing.push(i);
  });
  const solved = data.map((unit) => unit ?? new Int32Array(length));
  const present = data.filter((unit): unit is Int32Array => unit !== null);
  const [x, y] = missing;
  if (x === undefined) return solved;
  if (y === undefined && p !== null) {
    const unit = solved[x] as Int32Array;
    unit.set(p);
    for (const other of present) xorInto(unit, other);
    return solved;
  }
  if (q === null || missing.length > 2 || (missing.length === 2 && p === null)) return null;
  // qRest = q minus what the present units contribute.
  const qRest = new Int32Array(q);
  data.forEach((unit, i) => {
    if (unit !== null) scaleInto(qRest, unit, power(i));
  });
  if (y === undefined) {
    scaleInto(solved[x] as Int32Array, qRest, gfInverse(power(x)));
    return solved;
  }
  assert(p !== null, 'two unknowns need both parities');
  const pRest = new Int32Array(p);
  for (const other of present) xorInto(pRest, other);
  // Dx + Dy = pRest and gx Dx + gy Dy = qRest, so Dx = (qRest + gy pRest) / (gx + gy).
  const divisor = gfInverse(power(x) ^ power(y));
  const unitX = solved[x] as Int32Array;
  scaleInto(unitX, qRest, divisor);
  scaleInto(unitX, pRest, gfMultiply(divisor, power(y)));
  const unitY = solved[y] as Int32Array;
  unitY.set(pRest);
  xorInto(unitY, unitX);
  return solved;
}

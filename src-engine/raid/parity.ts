import { assert } from '../runtime/index.ts';

/**
 * Parity over words. P is the XOR of the data units, 64 bits at a time where buffers are aligned for it; Q = sum of 2^i * unit i in GF(256) with polynomial 0x11d (the
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

/** p = XOR of the units. */
export function computeP(p: Int32Array, units: readonly Int32Array[]): void {
  assert(units.length > 0, 'a stripe has data');
  const wide = wideWords(p);
  const sources = wide === null ? null : units.map(wideWords);
  if (wide !== null && sources?.every((unit) => unit !== null) === true) return xorWide(wide, sources);
  p.set(units[0] as Int32Array);
  for (let u = 1; u < units.length; u++) xorInto(p, units[u] as Int32Array);
}

function wideWords(words32: Int32Array): BigUint64Array | null {
  if (words32.byteOffset % 8 !== 0 || words32.length % 2 !== 0) return null;
  return new BigUint64Array(words32.buffer, words32.byteOffset, words32.length >>> 1);
}

/**
 * Up to four sources in a pass; later passes take what is there as one of theirs. 64-bit words are compiled to plain
 * machine words (twice the rate of 32-bit ones) as long as a value goes straight from array to array.
 */
function xorWide(into: BigUint64Array, sources: readonly BigUint64Array[]): void {
  let done = 0;
  while (done < sources.length) {
    const pass: BigUint64Array[] = done === 0 ? [] : [into];
    while (pass.length < 4 && done < sources.length) pass.push(sources[done++] as BigUint64Array);
    const [a, b, c, d] = pass;
    assert(a !== undefined, 'a pass has a source');
    if (b === undefined) into.set(a);
    else if (c === undefined) xorTwo(into, a, b);
    else if (d === undefined) xorThree(into, a, b, c);
    else xorFour(into, a, b, c, d);
  }
}

function xorTwo(into: BigUint64Array, a: BigUint64Array, b: BigUint64Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (a[i] as bigint) ^ (b[i] as bigint);
}

function xorThree(into: BigUint64Array, a: BigUint64Array, b: BigUint64Array, c: BigUint64Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (a[i] as bigint) ^ (b[i] as bigint) ^ (c[i] as bigint);
}

function xorFour(into: BigUint64Array, a: BigUint64Array, b: BigUint64Array, c: BigUint64Array, d: BigUint64Array): void {
  const pairs = into.length & ~1;
  for (let i = 0; i < pairs; i += 2) {
    into[i] = (a[i] as bigint) ^ (b[i] as bigint) ^ (c[i] as bigint) ^ (d[i] as bigint);
    into[i + 1] = (a[i + 1] as bigint) ^ (b[i + 1] as bigint) ^ (c[i + 1] as bigint) ^ (d[i + 1] as bigint);
  }
  if (pairs < into.length) into[pairs] = (a[pairs] as bigint) ^ (b[pairs] as bigint) ^ (c[pairs] as bigint) ^ (d[pairs] as bigint);
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

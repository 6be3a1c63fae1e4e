import { assert } from '../runtime/index.ts';

/**
 * Parity over 32-bit words. P is the XOR of the data units; Q = sum of 2^i * unit i in GF(256) with polynomial 0x11d (the
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
  const [first, second, third, fourth] = units;
  assert(first !== undefined, 'a stripe has data');
  let done = 1;
  if (second !== undefined && third !== undefined && fourth !== undefined) {
    // Four at a time: one pass over p instead of four.
    for (let i = 0; i < p.length; i++) p[i] = (first[i] as number) ^ (second[i] as number) ^ (third[i] as number) ^ (fourth[i] as number);
    done = 4;
  } else {
    p.set(first);
  }
  for (; done < units.length; done++) xorInto(p, units[done] as Int32Array);
}

/** q by Horner's rule from the last unit. */
export function computeQ(q: Int32Array, units: readonly Int32Array[]): void {
  q.set(units[units.length - 1] as Int32Array);
  for (let u = units.length - 2; u >= 0; u--) {
    const unit = units[u] as Int32Array;
    for (let i = 0; i < q.length; i++) {
      const x = q[i] as number;
      q[i] = ((x << 1) & 0xfefefefe) ^ Math.imul((x >>> 7) & 0x01010101, 0x1d) ^ (unit[i] as number);
    }
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

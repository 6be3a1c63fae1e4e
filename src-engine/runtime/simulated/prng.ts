import type { Random } from '../types.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Random numbers of a simulated world: xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32 so that
 * neighbouring seeds give unrelated streams. Not for secrets; the real runtime uses the operating system's generator.
 */
export class Prng implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` is any safe integer. */
  constructor(seed: number) {
    let state = ((Math.floor(seed / 0x1_0000_0000) * 0x85eb_ca6b) ^ (seed >>> 0)) | 0;
    const next = (): number => {
      state = (state + 0x9e37_79b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0_aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a_2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1; // never the all-zero state
  }

  u32(): number {
    const scrambled = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return scrambled;
  }

  float(): number {
    return this.u32() / 0x1_0000_0000;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.u32();
      for (let j = i; j < i + 4 && j < length; j++) out[j] = word >>> ((j - i) * 8);
    }
    return out;
  }

  id(): string {
    let out = '';
    for (let i = 0; i < 16; i++) out += BASE32.charAt(this.u32() >>> 27);
    return out;
  }

  /** Uniform integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.float() * bound);
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + this.float() * (high - low);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    const picked = items[this.below(items.length)];
    if (picked === undefined) throw new RangeError('pick from an empty list');
    return picked;
  }

  /** An independent stream, so that one actor's draws do not shift another's. */
  fork(): Prng {
    return new Prng(this.u32() * 0x20_0000 + (this.u32() >>> 11));
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

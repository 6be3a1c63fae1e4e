import { randomFillSync } from 'node:crypto';
import type { Random } from '../types.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const POOL_WORDS = 1024;

/** The operating system's generator, drawn in pools because one call for four bytes costs as much as one for thousands. */
export function createNodeRandom(): Random {
  const pool = new Uint32Array(POOL_WORDS);
  let next = POOL_WORDS;
  const u32 = (): number => {
    if (next === POOL_WORDS) {
      randomFillSync(pool);
      next = 0;
    }
    const word = pool[next] ?? 0;
    pool[next++] = 0; // used words do not stay in memory
    return word;
  };
  const bytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
  return {
    u32,
    bytes,
    float: () => ((u32() >>> 5) * 0x400_0000 + (u32() >>> 6)) / 2 ** 53,
    id: () => Array.from(bytes(16), (byte) => BASE32.charAt(byte & 31)).join(''),
  };
}

/**
 * What every 4 KiB block of a built-in workload looks like. A block is bound to its ledger, its address and its
 * sequence, so that a reader can tell from the content alone whether it is the right one, an older one, one that
 * belongs elsewhere, or a mixture. The check is deliberately not CRC-32: the engine's own pointers use CRC-32, and a
 * judge that shares the accused's arithmetic would share its blind spots.
 */
export const BLOCK_BYTES = 4096;
const SECTOR_BYTES = 512;
const WORDS = BLOCK_BYTES / 4;
const SECTOR_WORDS = SECTOR_BYTES / 4;

/** First word of every sector; `LSw1` little endian. */
const TAG = 0x3177534c;
/** Word offsets in the head of sector 0. Every other sector has only tag, sector number and sequence. */
const AT = {
  tag: 0,
  sector: 1,
  sequenceLow: 2,
  sequenceHigh: 3,
  stream: 4,
  vbn: 6,
  wall: 8,
  run: 10,
  checkA: 12,
  checkB: 13,
} as const;
const TWO_32 = 0x1_0000_0000;

export interface Stamp {
  /** The ledger's stream id: below 2^53, random per ledger. */
  readonly stream: number;
  readonly vbn: number;
  readonly sequence: number;
  readonly wallMs: number;
  /** Which workload run of the ledger wrote it. */
  readonly run: number;
}

export type BlockContent =
  | { readonly kind: 'stamped'; readonly stamp: Stamp }
  | { readonly kind: 'zero' }
  /** No sector carries our tag: content that no workload wrote. */
  | { readonly kind: 'foreign' }
  /** Some sectors carry our tag but they are not one whole write. */
  | { readonly kind: 'torn' };

/** The block as words; copies only when the bytes are not word aligned. Hosts of all supported platforms are little endian. */
function wordsOf(block: Uint8Array): Uint32Array {
  return block.byteOffset % 4 === 0
    ? new Uint32Array(block.buffer, block.byteOffset, WORDS)
    : new Uint32Array(block.slice().buffer, 0, WORDS);
}

let checkA = 0;
let checkB = 0;
/** 64-bit check in two multiply-rotate lanes (MurmurHash3 mixing, different seeds and constants); leaves it in checkA/B. */
function computeCheck(words: Uint32Array): void {
  let a = 0x9e3779b9 | 0;
  let b = 0x7f4a7c15 | 0;
  for (let i = 0; i < WORDS; i += 1) {
    const word = i === AT.checkA || i === AT.checkB ? 0 : (words[i] ?? 0);
    let k = Math.imul(word, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    a ^= Math.imul(k, 0x1b873593);
    a = (a << 13) | (a >>> 19);
    a = (Math.imul(a, 5) + 0xe6546b64) | 0;
    let m = Math.imul(word ^ i, 0x239b961b);
    m = (m << 16) | (m >>> 16);
    b ^= Math.imul(m, 0xab0e9789);
    b = (b << 17) | (b >>> 15);
    b = (Math.imul(b, 5) + 0x0bcaa747) | 0;
  }
  a += b;
  b += a;
  checkA = finish(a);
  checkB = finish(b ^ checkA);
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Fills `block` (exactly 4096 bytes). The payload follows from the stamp, so that the whole block can be made again. */
export function stampBlock(block: Uint8Array, stamp: Stamp): void {
  const aligned = block.byteOffset % 4 === 0;
  const words = aligned ? wordsOf(block) : new Uint32Array(WORDS);
  const low = stamp.sequence % TWO_32;
  const high = Math.floor(stamp.sequence / TWO_32);
  let state = (Math.imul(stamp.vbn, 0x9e3779b1) ^ Math.imul(low, 0x85ebca77) ^ (stamp.stream | 0)) | 1;
  for (let i = 0; i < WORDS; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  for (let sector = 0; sector < BLOCK_BYTES / SECTOR_BYTES; sector += 1) {
    const at = sector * SECTOR_WORDS;
    words[at + AT.tag] = TAG;
    words[at + AT.sector] = sector;
    words[at + AT.sequenceLow] = low;
    words[at + AT.sequenceHigh] = high;
  }
  put(words, AT.stream, stamp.stream);
  put(words, AT.vbn, stamp.vbn);
  put(words, AT.wall, stamp.wallMs);
  words[AT.run] = stamp.run;
  words[AT.run + 1] = 0;
  computeCheck(words);
  words[AT.checkA] = checkA;
  words[AT.checkB] = checkB;
  if (!aligned) block.set(new Uint8Array(words.buffer));
}

function put(words: Uint32Array, at: number, value: number): void {
  words[at] = value % TWO_32;
  words[at + 1] = Math.floor(value / TWO_32);
}

function get(words: Uint32Array, at: number): number {
  return (words[at] ?? 0) + (words[at + 1] ?? 0) * TWO_32;
}

/** Judges one block (exactly 4096 bytes) by its content alone. */
export function readBlock(block: Uint8Array): BlockContent {
  const words = wordsOf(block);
  if (words[AT.tag] === TAG) {
    computeCheck(words);
    if (words[AT.checkA] === checkA && words[AT.checkB] === checkB) {
      return {
        kind: 'stamped',
        stamp: {
          stream: get(words, AT.stream),
          vbn: get(words, AT.vbn),
          sequence: get(words, AT.sequenceLow),
          wallMs: get(words, AT.wall),
          run: words[AT.run] ?? 0,
        },
      };
    }
    return { kind: 'torn' };
  }
  for (let sector = 1; sector < BLOCK_BYTES / SECTOR_BYTES; sector += 1) {
    const at = sector * SECTOR_WORDS;
    if (words[at + AT.tag] === TAG && words[at + AT.sector] === sector) return { kind: 'torn' };
  }
  for (let i = 0; i < WORDS; i += 1) if (words[i] !== 0) return { kind: 'foreign' };
  return { kind: 'zero' };
}

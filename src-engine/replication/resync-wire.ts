import { BLOCK_BYTES } from '../volume/index.ts';

/** Bytes of a SHA-256 that are compared. */
export const HASH_BYTES = 16;

/**
 * One region in a comparison. `checksums` form: bit i of `holes` says that block i is a hole at the source, bit i of
 * `look` that it is to be looked at; `values` has the CRC of each block of `look` that is no hole. `hashes` form: `holes`
 * is 0 and `values` has the first 16 bytes of the SHA-256 of each block of `look`.
 */
export interface RegionQuestion {
  readonly region: number;
  readonly holes: number;
  readonly look: number;
}

export type Comparison =
  | { readonly form: 'checksums'; readonly regions: readonly RegionQuestion[]; readonly checksums: Uint32Array }
  | { readonly form: 'hashes'; readonly regions: readonly RegionQuestion[]; readonly hashes: Uint8Array };

const FORM_CHECKSUMS = 1;
const FORM_HASHES = 2;
const REGION_HEADER_BYTES = 8;

/** u32 form, u32 regions; per region u32 number, u16 holes, u16 look; then the values of all regions, in order. */
export function encodeComparison(comparison: Comparison): readonly Uint8Array[] {
  const { form, regions } = comparison;
  const head = new Uint8Array(8 + regions.length * REGION_HEADER_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, form === 'checksums' ? FORM_CHECKSUMS : FORM_HASHES, true);
  view.setUint32(4, regions.length, true);
  let at = 8;
  for (const { region, holes, look } of regions) {
    view.setUint32(at, region, true);
    view.setUint16(at + 4, holes, true);
    view.setUint16(at + 6, look, true);
    at += REGION_HEADER_BYTES;
  }
  return [head, form === 'checksums' ? bytesOf(comparison.checksums) : comparison.hashes];
}

/** Null for bytes that are no comparison. */
export function decodeComparison(bytes: Uint8Array): Comparison | null {
  if (bytes.length < 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const form = view.getUint32(0, true);
  const count = view.getUint32(4, true);
  const valuesAt = 8 + count * REGION_HEADER_BYTES;
  if (valuesAt > bytes.length || (form !== FORM_CHECKSUMS && form !== FORM_HASHES)) return null;
  const regions: RegionQuestion[] = [];
  let values = 0;
  for (let i = 0, at = 8; i < count; i++, at += REGION_HEADER_BYTES) {
    const question = { region: view.getUint32(at, true), holes: view.getUint16(at + 4, true), look: view.getUint16(at + 6, true) };
    values += bitsIn(question.look & ~question.holes);
    regions.push(question);
  }
  if (bytes.length !== valuesAt + values * (form === FORM_CHECKSUMS ? 4 : HASH_BYTES)) return null;
  if (form === FORM_HASHES) return { form: 'hashes', regions, hashes: bytes.subarray(valuesAt) };
  return { form: 'checksums', regions, checksums: wordsOf(bytes.subarray(valuesAt)) };
}

/** Per region, the blocks that are wanted, and those with equal checksums, which are to be compared by hash. */
export interface Verdicts {
  readonly wanted: Uint16Array;
  readonly alike: Uint16Array;
}

export function encodeVerdicts(verdicts: Verdicts): Uint8Array {
  const bytes = new Uint8Array(verdicts.wanted.length * 4);
  const view = new DataView(bytes.buffer);
  verdicts.wanted.forEach((mask, i) => view.setUint16(i * 4, mask, true));
  verdicts.alike.forEach((mask, i) => view.setUint16(i * 4 + 2, mask, true));
  return bytes;
}

/** Null when they are not the verdicts on so many regions. */
export function decodeVerdicts(bytes: Uint8Array, regions: number): Verdicts | null {
  if (bytes.length !== regions * 4) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const verdicts = { wanted: new Uint16Array(regions), alike: new Uint16Array(regions) };
  for (let i = 0; i < regions; i++) {
    verdicts.wanted[i] = view.getUint16(i * 4, true);
    verdicts.alike[i] = view.getUint16(i * 4 + 2, true);
  }
  return verdicts;
}

/** Successive blocks of a resync. Holes carry no data. */
export interface BlockRun {
  readonly vbn: number;
  readonly count: number;
  readonly hole: boolean;
}

/** Cause of a refusal: a block is not what its checksum says. */
export const DAMAGED = 'damaged';

const RUN_BYTES = 8;
const HOLE_BIT = 0x8000_0000;

/**
 * u32 runs; per run u32 VBN, u32 blocks (highest bit: holes); a CRC for each block that is no hole; then these blocks.
 * `data` are their bytes in order, in as many pieces as there are. Only VBNs, as in every list.
 */
export function encodeRuns(runs: readonly BlockRun[], checksums: Uint32Array, data: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = new Uint8Array(4 + runs.length * RUN_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, runs.length, true);
  let at = 4;
  for (const { vbn, count, hole } of runs) {
    view.setUint32(at, vbn, true);
    view.setUint32(at + 4, hole ? count + HOLE_BIT : count, true);
    at += RUN_BYTES;
  }
  return [head, bytesOf(checksums), ...data];
}

/** Null for bytes that are no runs. `data` is a view of `bytes`. */
export function decodeRuns(bytes: Uint8Array): { readonly runs: readonly BlockRun[]; readonly checksums: Uint32Array; readonly data: Uint8Array } | null {
  if (bytes.length < 4) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  const checksumsAt = 4 + count * RUN_BYTES;
  if (checksumsAt > bytes.length) return null;
  const runs: BlockRun[] = [];
  let blocks = 0;
  for (let i = 0, at = 4; i < count; i++, at += RUN_BYTES) {
    const coded = view.getUint32(at + 4, true);
    const hole = coded >= HOLE_BIT;
    const run = { vbn: view.getUint32(at, true), count: hole ? coded - HOLE_BIT : coded, hole };
    if (!hole) blocks += run.count;
    runs.push(run);
  }
  const dataAt = checksumsAt + blocks * 4;
  if (bytes.length !== dataAt + blocks * BLOCK_BYTES) return null;
  return { runs, checksums: wordsOf(bytes.subarray(checksumsAt, dataAt)), data: bytes.subarray(dataAt) };
}

export function bitsIn(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** Copied: a message's parts lie anywhere. Every machine this runs on is little endian, as the format is. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}

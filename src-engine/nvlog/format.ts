/**
 * Bytes of a log on disk, version 1, little endian, every structure in 4 KiB blocks.
 *
 * Half file: header area of 16 KiB (`HalfHeader`), then frames without gaps. Frame: header blocks (fixed part of 128
 * bytes, then packed record headers of 64 bytes plus the volume id), then the payloads, each padded to 4 KiB. A frame
 * names its own place (half, offset), so that a copy of it elsewhere, such as in a host's data, is no frame.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../runtime/index.ts';
import { RECORD_KINDS, type HalfIndex, type JsonObject, type LogRecord, type RecordKind } from './types.ts';

export const LOG_FORMAT_VERSION = 1;
export const BLOCK_BYTES = 4096;
export const HALF_HEADER_BYTES = 4 * BLOCK_BYTES;
export const FRAME_FIXED_BYTES = 128;
/** Bounds the work that a forged header can cause while a half is scanned. */
export const MAX_FRAME_HEADER_BYTES = 16 * BLOCK_BYTES;
export const MAX_FRAME_PAYLOAD_BYTES = 8 * 1024 * 1024;
const RECORD_FIXED_BYTES = 64;
const MAX_ID_BYTES = 32;
const HALF_MAGIC = 'LSKHALF1';
const FRAME_MAGIC = 'LSKFRAME';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const idBytesByVolume = new Map<string, Uint8Array>();

export function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Ids repeat for every record, their encodings are kept; the bound only matters for a caller with endless new ids. */
function idBytes(id: string): Uint8Array {
  let bytes = idBytesByVolume.get(id);
  if (bytes === undefined) {
    bytes = encoder.encode(id);
    assert(bytes.length <= 255, 'a volume id has at most 255 bytes');
    if (idBytesByVolume.size > 4096) idBytesByVolume.clear();
    idBytesByVolume.set(id, bytes);
  }
  return bytes;
}

export function recordHeaderBytes(volumeId: string): number {
  return RECORD_FIXED_BYTES + Math.ceil(idBytes(volumeId).length / 8) * 8;
}

function putU64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a 64-bit field is a safe, non-negative integer');
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x100000000), true);
}

/** Damaged bytes can hold more than 2^53; such a number is no valid field anywhere, and NaN compares false with all. */
function getU64(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * 0x100000000 + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

function putText(bytes: Uint8Array, at: number, text: string): void {
  bytes.set(encoder.encode(text), at);
}

function getId(bytes: Uint8Array, at: number): string {
  let end = at;
  while (end < at + MAX_ID_BYTES && bytes[end] !== 0) end += 1;
  return decoder.decode(bytes.subarray(at, end));
}

export function assertLogId(logId: string): void {
  const length = encoder.encode(logId).length;
  assert(length > 0 && length <= MAX_ID_BYTES && !logId.includes('\0'), 'a log id has 1 to 32 bytes');
}

function hasMagic(bytes: Uint8Array, at: number, magic: string): boolean {
  for (let i = 0; i < 8; i += 1) if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** CRC of the header blocks without the field that holds it. */
function headerCrc(bytes: Uint8Array): number {
  return crc32(bytes.subarray(128), crc32(bytes.subarray(0, 124)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The record before a place in the log: what the next frame must chain to. */
export interface ChainEnd {
  readonly sequence: number;
  readonly crc: number;
}

export interface HalfHeader {
  readonly logId: string;
  readonly index: HalfIndex;
  readonly incarnation: number;
  /** Counts the switches of halves; the higher one is the newer half. */
  readonly switchNumber: number;
  readonly previous: ChainEnd;
  readonly freedThrough: number;
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, number>>;
  readonly positions: JsonObject;
}

export function encodeHalfHeader(header: HalfHeader): Uint8Array {
  const bytes = new Uint8Array(HALF_HEADER_BYTES);
  const view = viewOf(bytes);
  const json = encoder.encode(JSON.stringify({ labels: header.labels, positions: header.positions }));
  assert(json.length <= HALF_HEADER_BYTES - 128, 'labels and positions fit into the header of a half');
  putText(bytes, 0, HALF_MAGIC);
  view.setUint32(8, LOG_FORMAT_VERSION, true);
  view.setUint32(12, HALF_HEADER_BYTES, true);
  putText(bytes, 16, header.logId);
  putU64(view, 48, header.incarnation);
  putU64(view, 56, header.switchNumber);
  putU64(view, 64, header.previous.sequence);
  view.setUint32(72, header.previous.crc, true);
  view.setUint32(76, header.index, true);
  putU64(view, 80, header.sizeBytes);
  putU64(view, 88, header.freedThrough);
  view.setUint32(96, json.length, true);
  bytes.set(json, 128);
  view.setUint32(124, headerCrc(bytes), true);
  return bytes;
}

export function looksLikeHalf(half: Uint8Array): boolean {
  return hasMagic(half, 0, HALF_MAGIC);
}

export type HalfHeaderResult =
  | { readonly kind: 'valid'; readonly header: HalfHeader }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'newer'; readonly version: number };

export function decodeHalfHeader(bytes: Uint8Array): HalfHeaderResult {
  if (bytes.length < HALF_HEADER_BYTES || !hasMagic(bytes, 0, HALF_MAGIC)) return { kind: 'damaged' };
  const area = bytes.subarray(0, HALF_HEADER_BYTES);
  const view = viewOf(area);
  if (view.getUint32(124, true) !== headerCrc(area)) return { kind: 'damaged' };
  const version = view.getUint32(8, true);
  if (version !== LOG_FORMAT_VERSION) return { kind: 'newer', version };
  const numbers = [48, 56, 64, 80, 88].map((at) => getU64(view, at));
  if (numbers.some((value) => Number.isNaN(value))) return { kind: 'damaged' };
  const index = view.getUint32(76, true);
  const jsonBytes = view.getUint32(96, true);
  if (index > 1 || jsonBytes > HALF_HEADER_BYTES - 128) return { kind: 'damaged' };
  const notes = parseNotes(area.subarray(128, 128 + jsonBytes));
  if (notes === null) return { kind: 'damaged' };
  return {
    kind: 'valid',
    header: {
      logId: getId(area, 16),
      index: index === 0 ? 0 : 1,
      incarnation: getU64(view, 48),
      switchNumber: getU64(view, 56),
      previous: { sequence: getU64(view, 64), crc: view.getUint32(72, true) },
      sizeBytes: getU64(view, 80),
      freedThrough: getU64(view, 88),
      labels: notes.labels,
      positions: notes.positions,
    },
  };
}

function parseNotes(bytes: Uint8Array): { labels: Record<string, number>; positions: JsonObject } | null {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return null; // not a header that this engine wrote
  }
  if (typeof value !== 'object' || value === null || !('labels' in value) || !('positions' in value)) return null;
  const { labels, positions } = value;
  if (typeof labels !== 'object' || labels === null || typeof positions !== 'object' || positions === null) return null;
  const named: Record<string, number> = {};
  for (const [pool, label] of Object.entries(labels)) {
    if (typeof label !== 'number' || !Number.isSafeInteger(label)) return null;
    named[pool] = label;
  }
  return { labels: named, positions: positions as JsonObject };
}

export interface FrameHeader {
  readonly logId: string;
  readonly half: number;
  readonly at: number;
  readonly incarnation: number;
  readonly firstSequence: number;
  readonly durableThrough: number;
  readonly freedThrough: number;
  readonly previous: ChainEnd;
}

/**
 * Writes the header blocks of a frame into `into` (long enough, see `padded(headerUsedBytes)`) and returns them with
 * their CRC, which the next frame names. Takes the payload CRCs on the way.
 */
export function encodeFrameHeader(
  into: Uint8Array,
  header: FrameHeader,
  records: readonly LogRecord[],
  headerUsedBytes: number,
): { readonly bytes: Uint8Array; readonly crc: number } {
  const bytes = into.subarray(0, padded(headerUsedBytes));
  bytes.fill(0);
  const view = viewOf(bytes);
  putText(bytes, 0, FRAME_MAGIC);
  view.setUint32(8, LOG_FORMAT_VERSION, true);
  view.setUint32(12, bytes.length, true);
  putText(bytes, 16, header.logId);
  putU64(view, 48, header.incarnation);
  putU64(view, 56, header.firstSequence);
  view.setUint32(64, records.length, true);
  view.setUint32(68, headerUsedBytes, true);
  putU64(view, 72, header.durableThrough);
  putU64(view, 80, header.freedThrough);
  putU64(view, 88, header.at);
  view.setUint32(96, header.half, true);
  view.setUint32(100, header.previous.crc, true);
  putU64(view, 104, header.previous.sequence);
  let at = FRAME_FIXED_BYTES;
  for (const record of records) at += encodeRecordHeader(bytes, view, at, record);
  assert(at === headerUsedBytes, 'a frame header is as long as it was reckoned');
  const crc = headerCrc(bytes);
  view.setUint32(124, crc, true);
  return { bytes, crc };
}

function encodeRecordHeader(bytes: Uint8Array, view: DataView, at: number, record: LogRecord): number {
  const id = idBytes(record.volumeId);
  view.setUint8(at, RECORD_KINDS.indexOf(record.kind) + 1);
  view.setUint8(at + 1, id.length);
  view.setUint32(at + 4, record.payload.length, true);
  view.setUint32(at + 8, crc32(record.payload), true);
  putU64(view, at + 16, record.offset);
  putU64(view, at + 24, record.length);
  putU64(view, at + 32, record.epoch);
  putU64(view, at + 40, record.sourceSequence);
  putU64(view, at + 48, record.streamSequence);
  putU64(view, at + 56, record.sourceIncarnation);
  bytes.set(id, at + RECORD_FIXED_BYTES);
  return RECORD_FIXED_BYTES + Math.ceil(id.length / 8) * 8;
}

/** A frame whose header blocks are whole; `payloadsWhole` tells whether the payloads are too, if they were checked. */
export interface FrameImage extends FrameHeader {
  readonly crc: number;
  /** Offset behind the frame. */
  readonly end: number;
  readonly lastSequence: number;
  readonly records: readonly LogRecord[];
  readonly payloadsWhole: boolean;
}

export function looksLikeFrame(half: Uint8Array, at: number): boolean {
  return hasMagic(half, at, FRAME_MAGIC);
}

/**
 * The frame at `at` of a half that was read into memory; null when its header is not whole or not of this place.
 * Without `checkPayloads` the work is bounded by the header blocks, whatever the lengths in it claim.
 */
export function decodeFrame(
  half: Uint8Array,
  at: number,
  logId: string,
  index: HalfIndex,
  checkPayloads: boolean,
): FrameImage | null {
  if (at + BLOCK_BYTES > half.length || !looksLikeFrame(half, at)) return null;
  const headerBytes = viewOf(half).getUint32(at + 12, true);
  if (headerBytes < BLOCK_BYTES || headerBytes > MAX_FRAME_HEADER_BYTES || headerBytes % BLOCK_BYTES !== 0) return null;
  if (at + headerBytes > half.length) return null;
  const bytes = half.subarray(at, at + headerBytes);
  const view = viewOf(bytes);
  const crc = headerCrc(bytes);
  if (view.getUint32(124, true) !== crc || view.getUint32(8, true) !== LOG_FORMAT_VERSION) return null;
  if (getId(bytes, 16) !== logId || getU64(view, 88) !== at || view.getUint32(96, true) !== index) return null;
  const incarnation = getU64(view, 48);
  const firstSequence = getU64(view, 56);
  const count = view.getUint32(64, true);
  if (!(incarnation > 0) || !(firstSequence > 0) || count === 0) return null;
  const durableThrough = getU64(view, 72);
  const freedThrough = getU64(view, 80);
  const previousSequence = getU64(view, 104);
  if (Number.isNaN(durableThrough + freedThrough + previousSequence + firstSequence + count)) return null;
  const records: LogRecord[] = [];
  let headerAt = FRAME_FIXED_BYTES;
  let payloadAt = at + headerBytes;
  let payloadsWhole = true;
  for (let i = 0; i < count; i += 1) {
    if (headerAt + RECORD_FIXED_BYTES > headerBytes) return null;
    const idLength = view.getUint8(headerAt + 1);
    const payloadBytes = view.getUint32(headerAt + 4, true);
    const kind: RecordKind | undefined = RECORD_KINDS[view.getUint8(headerAt) - 1];
    const idAt = headerAt + RECORD_FIXED_BYTES;
    if (kind === undefined || idAt + idLength > headerBytes || payloadAt + padded(payloadBytes) > half.length)
      return null;
    const payload = half.subarray(payloadAt, payloadAt + payloadBytes);
    if (checkPayloads && crc32(payload) !== view.getUint32(headerAt + 8, true)) payloadsWhole = false;
    records.push({
      kind,
      sequence: firstSequence + i,
      incarnation,
      epoch: getU64(view, headerAt + 32),
      volumeId: decoder.decode(bytes.subarray(idAt, idAt + idLength)),
      offset: getU64(view, headerAt + 16),
      length: getU64(view, headerAt + 24),
      sourceSequence: getU64(view, headerAt + 40),
      streamSequence: getU64(view, headerAt + 48),
      sourceIncarnation: getU64(view, headerAt + 56),
      payload,
    });
    headerAt += RECORD_FIXED_BYTES + Math.ceil(idLength / 8) * 8;
    payloadAt += padded(payloadBytes);
  }
  return {
    logId,
    half: index,
    at,
    incarnation,
    firstSequence,
    lastSequence: firstSequence + count - 1,
    durableThrough,
    freedThrough,
    previous: { sequence: previousSequence, crc: view.getUint32(100, true) },
    crc,
    end: payloadAt,
    records,
    payloadsWhole,
  };
}

/**
 * The ledger file: a 64-byte header, then frames. A frame is 16 bytes of head (magic, item count, CRC of the previous
 * frame, CRC of this one) and 16-byte items. Frames chain, so that what an older life of the file left behind a cut
 * is never taken for a continuation. Little endian.
 */
import { crc32 } from 'node:zlib';

export const LEDGER_VERSION = 1;
export const HEADER_BYTES = 64;
export const FRAME_HEAD_BYTES = 16;
export const ITEM_BYTES = 16;
const HEADER_MAGIC = 'LSLEDGER';
const FRAME_MAGIC = 0x464c534c;
const TWO_32 = 0x1_0000_0000;

/** What an item says. `value` is a sequence, but a number of blocks for `void` and a number of writes for `count`. */
export const ITEM = {
  intent: 1,
  acknowledged: 2,
  void: 3,
  keptAcknowledged: 4,
  keptIssued: 5,
  keptCount: 6,
  run: 7,
} as const;

export interface LedgerHeader {
  readonly stream: number;
  readonly volumeBlocks: number;
  readonly createdWallMs: number;
}

export type HeaderResult =
  | { readonly ok: true; readonly header: LedgerHeader }
  | { readonly ok: false; readonly reason: 'damaged' | 'newer'; readonly expected: string; readonly found: string };

export function encodeHeader(header: LedgerHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 8; i += 1) bytes[i] = HEADER_MAGIC.charCodeAt(i);
  view.setUint32(8, LEDGER_VERSION, true);
  view.setUint32(12, HEADER_BYTES, true);
  putNumber(view, 16, header.stream);
  putNumber(view, 24, header.volumeBlocks);
  putNumber(view, 32, header.createdWallMs);
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true);
  return bytes;
}

export function decodeHeader(bytes: Uint8Array): HeaderResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = String.fromCharCode(...bytes.subarray(0, 8));
  if (magic !== HEADER_MAGIC)
    return { ok: false, reason: 'damaged', expected: `magic ${HEADER_MAGIC}`, found: JSON.stringify(magic) };
  const version = view.getUint32(8, true);
  if (version > LEDGER_VERSION)
    return { ok: false, reason: 'newer', expected: `version ${LEDGER_VERSION}`, found: `version ${version}` };
  const crc = crc32(bytes.subarray(0, 60));
  const found = view.getUint32(60, true);
  if (crc !== found) return { ok: false, reason: 'damaged', expected: `CRC ${hex(crc)}`, found: `CRC ${hex(found)}` };
  return {
    ok: true,
    header: { stream: getNumber(view, 16), volumeBlocks: getNumber(view, 24), createdWallMs: getNumber(view, 32) },
  };
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function putNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

function getNumber(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
}

/** Writes one item: VBN in 6 bytes, kind, number of blocks (1..255), value in 8. */
export function putItem(view: DataView, at: number, kind: number, vbn: number, blocks: number, value: number): void {
  view.setUint32(at, vbn % TWO_32, true);
  view.setUint16(at + 4, Math.floor(vbn / TWO_32), true);
  view.setUint8(at + 6, kind);
  view.setUint8(at + 7, blocks);
  putNumber(view, at + 8, value);
}

/** Seals a frame whose items already stand behind the head; `frame` is exactly the frame. Returns its CRC, the next frame's link. */
export function sealFrame(frame: Uint8Array, link: number): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  view.setUint32(0, FRAME_MAGIC, true);
  view.setUint32(4, (frame.byteLength - FRAME_HEAD_BYTES) / ITEM_BYTES, true);
  view.setUint32(8, link, true);
  const crc = frameCrc(frame);
  view.setUint32(12, crc, true);
  return crc;
}

function frameCrc(frame: Uint8Array): number {
  return crc32(frame.subarray(FRAME_HEAD_BYTES), crc32(frame.subarray(0, 12)));
}

/** Bytes of the frame that begins with `head`, or 0 when none does. */
export function frameLength(head: Uint8Array, link: number): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0, true) !== FRAME_MAGIC || view.getUint32(8, true) !== link) return 0;
  return FRAME_HEAD_BYTES + view.getUint32(4, true) * ITEM_BYTES;
}

/** Walks the items of a whole frame; returns its CRC, or null when it is damaged (nothing was visited then). */
export function readFrame(
  frame: Uint8Array,
  visit: (kind: number, vbn: number, blocks: number, value: number) => void,
): number | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const crc = frameCrc(frame);
  if (view.getUint32(12, true) !== crc) return null;
  for (let at = FRAME_HEAD_BYTES; at < frame.byteLength; at += ITEM_BYTES) {
    const vbn = view.getUint32(at, true) + view.getUint16(at + 4, true) * TWO_32;
    visit(view.getUint8(at + 6), vbn, view.getUint8(at + 7), getNumber(view, at + 8));
  }
  return crc;
}

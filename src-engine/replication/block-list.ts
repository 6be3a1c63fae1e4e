import { BLOCK_BYTES, type BlockContent } from '../volume/index.ts';

/**
 * A batch of volume block number updates on the wire (data-path.md 4). An entry is a reference (VBN, CRC, sequence of the
 * log record that holds the block whole), a hole, or (VBN, CRC) with the block behind the list. Only VBNs: no message
 * addresses a block of the destination's disks.
 */
export interface BlockUpdate {
  readonly vbn: number;
  readonly crc: number;
  /** Sequence in the source's log of the record that holds the block; 0 when `content` is carried. */
  readonly reference: number;
  /** Present when the block is carried; null is a hole. */
  readonly content?: BlockContent;
}

const ENTRY_BYTES = 20;
const KIND_REFERENCE = 0;
const KIND_HOLE = 1;
const KIND_DATA = 2;

export function encodeBlockList(updates: readonly BlockUpdate[]): readonly Uint8Array[] {
  const list = new Uint8Array(4 + updates.length * ENTRY_BYTES);
  const view = new DataView(list.buffer);
  view.setUint32(0, updates.length, true);
  const parts: Uint8Array[] = [list];
  let at = 4;
  for (const update of updates) {
    view.setUint32(at, update.vbn, true);
    view.setUint32(at + 4, update.crc, true);
    view.setUint32(at + 8, update.reference % 2 ** 32, true);
    view.setUint32(at + 12, Math.floor(update.reference / 2 ** 32), true);
    view.setUint32(
      at + 16,
      update.content === undefined ? KIND_REFERENCE : update.content === null ? KIND_HOLE : KIND_DATA,
      true,
    );
    if (update.content !== undefined && update.content !== null) parts.push(update.content);
    at += ENTRY_BYTES;
  }
  return parts;
}

/** Null for bytes that are not a block list. Contents are views of `bytes`. */
export function decodeBlockList(bytes: Uint8Array): readonly BlockUpdate[] | null {
  if (bytes.length < 4) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  let data = 4 + count * ENTRY_BYTES;
  if (data > bytes.length) return null;
  const updates: BlockUpdate[] = [];
  for (let i = 0, at = 4; i < count; i++, at += ENTRY_BYTES) {
    const vbn = view.getUint32(at, true);
    const crc = view.getUint32(at + 4, true);
    const reference = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 2 ** 32;
    const kind = view.getUint32(at + 16, true);
    if (kind === KIND_REFERENCE) updates.push({ vbn, crc, reference });
    else if (kind === KIND_HOLE) updates.push({ vbn, crc, reference: 0, content: null });
    else if (kind === KIND_DATA && data + BLOCK_BYTES <= bytes.length) {
      updates.push({ vbn, crc, reference: 0, content: bytes.subarray(data, data + BLOCK_BYTES) });
      data += BLOCK_BYTES;
    } else return null;
  }
  return data === bytes.length ? updates : null;
}

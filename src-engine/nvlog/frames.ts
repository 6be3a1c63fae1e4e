import { BLOCK_BYTES, FRAME_FIXED_BYTES, MAX_FRAME_HEADER_BYTES, MAX_FRAME_PAYLOAD_BYTES, padded, recordHeaderBytes } from './format.ts';
import type { Half } from './half.ts';
import type { JsonObject, LogRecord } from './types.ts';

/** What the header of a half says of the moment when it became the active one. */
export interface HalfOpening {
  readonly switchNumber: number;
  readonly labels: Readonly<Record<string, number>>;
  readonly positions: JsonObject;
}

/** One group commit. Open for further records until its turn to be written comes. */
export interface Frame {
  readonly half: Half;
  readonly at: number;
  readonly records: LogRecord[];
  headerUsedBytes: number;
  payloadBytes: number;
  /** For the first frame of a half: what its header says. Taken at the switch, since further ones may follow before the commit. */
  readonly opens: HalfOpening | null;
}

const ZEROS = new Uint8Array(BLOCK_BYTES);

/** Group commit: gathers records in frames that wait for their turn to be written. */
export class FrameQueue {
  readonly #frames: Frame[] = [];
  #open: Frame | null = null;

  /** The frame whose turn it is; null when nothing waits. */
  get first(): Frame | null {
    return this.#frames[0] ?? null;
  }

  /** No further record goes into the frame. */
  close(frame: Frame): void {
    if (this.#open === frame) this.#open = null;
  }

  /** The next record begins a frame of its own. */
  closeOpen(): void {
    this.#open = null;
  }

  /** The first frame is on the medium. */
  shift(): void {
    this.#frames.shift();
  }

  /** Room that all waiting frames take. */
  get bytes(): number {
    return this.#frames.reduce((sum, frame) => sum + padded(frame.headerUsedBytes) + frame.payloadBytes, 0);
  }

  get records(): LogRecord[] {
    return this.#frames.flatMap((frame) => frame.records);
  }

  clear(): void {
    this.#frames.length = 0;
    this.#open = null;
  }

  /** Puts the record into the open frame or a new one of `half`, if it ends at or before `limitBytes`. `opening`: for the first frame of the half. */
  layOut(half: Half, record: LogRecord, limitBytes: number, opening: HalfOpening | null): boolean {
    const headerBytes = recordHeaderBytes(record.volumeId);
    const payloadBytes = padded(record.payload.length);
    let frame = this.#open;
    if (
      frame !== null &&
      (frame.headerUsedBytes + headerBytes > MAX_FRAME_HEADER_BYTES ||
        frame.payloadBytes + payloadBytes > MAX_FRAME_PAYLOAD_BYTES)
    ) {
      frame = null;
    }
    const at = frame === null ? half.nextOffset : frame.at;
    const headerUsedBytes = (frame === null ? FRAME_FIXED_BYTES : frame.headerUsedBytes) + headerBytes;
    const framePayloadBytes = (frame === null ? 0 : frame.payloadBytes) + payloadBytes;
    const end = at + padded(headerUsedBytes) + framePayloadBytes;
    if (end > limitBytes) return false;
    if (frame === null) {
      frame = { half, at, records: [], headerUsedBytes, payloadBytes: framePayloadBytes, opens: opening };
      this.#open = frame;
      this.#frames.push(frame);
    }
    frame.headerUsedBytes = headerUsedBytes;
    frame.payloadBytes = framePayloadBytes;
    frame.records.push(record);
    half.nextOffset = end;
    return true;
  }
}

/** The payloads of a frame as they lie behind its header, each padded to a block. */
export function pushPayloads(frame: Frame, buffers: Uint8Array[]): void {
  for (const record of frame.records) {
    const { payload } = record;
    if (payload.length === 0) continue;
    buffers.push(payload);
    const padding = padded(payload.length) - payload.length;
    if (padding > 0) buffers.push(ZEROS.subarray(0, padding));
  }
}

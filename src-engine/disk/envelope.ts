import { crc32 } from 'node:zlib';
import { assert } from '../runtime/index.ts';

/**
 * The envelope of every small persistent structure: magic (8 bytes), format version, payload length, payload CRC-32 and
 * a CRC-32 of these fields, little endian, then the payload at byte 32.
 */
export const ENVELOPE_HEAD_BYTES = 32;

export type Envelope =
  | { readonly kind: 'ok'; readonly payload: Uint8Array }
  /** All zero: never written. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'damaged'; readonly expected: string; readonly found: string }
  | { readonly kind: 'newer'; readonly version: number };

/** `sizeBytes`: total length, zero padded. Asserts that the payload fits. */
export function encodeEnvelope(magic: string, version: number, payload: Uint8Array, sizeBytes: number): Uint8Array {
  assert(magic.length === 8, 'magic is 8 characters');
  assert(payload.length + ENVELOPE_HEAD_BYTES <= sizeBytes, `${magic}: ${payload.length} bytes do not fit in ${sizeBytes}`);
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < 8; i++) bytes[i] = magic.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, version, true);
  view.setUint32(12, payload.length, true);
  view.setUint32(16, crc32(payload), true);
  view.setUint32(20, crc32(bytes.subarray(0, 20)), true);
  bytes.set(payload, ENVELOPE_HEAD_BYTES);
  return bytes;
}

export function decodeEnvelope(bytes: Uint8Array, magic: string, knownVersion: number): Envelope {
  if (bytes.length < ENVELOPE_HEAD_BYTES) {
    return { kind: 'damaged', expected: `at least ${ENVELOPE_HEAD_BYTES} bytes`, found: `${bytes.length} bytes` };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let found = '';
  for (let i = 0; i < 8; i++) found += String.fromCharCode(bytes[i] ?? 0);
  if (found !== magic) {
    if (bytes.subarray(0, ENVELOPE_HEAD_BYTES).every((byte) => byte === 0)) return { kind: 'empty' };
    return { kind: 'damaged', expected: `magic ${magic}`, found: JSON.stringify(found) };
  }
  const headCrc = crc32(bytes.subarray(0, 20));
  if (headCrc !== view.getUint32(20, true)) {
    return { kind: 'damaged', expected: `header CRC ${headCrc}`, found: String(view.getUint32(20, true)) };
  }
  const version = view.getUint32(8, true);
  if (version > knownVersion) return { kind: 'newer', version };
  const length = view.getUint32(12, true);
  if (length + ENVELOPE_HEAD_BYTES > bytes.length) {
    return { kind: 'damaged', expected: `at most ${bytes.length - ENVELOPE_HEAD_BYTES} payload bytes`, found: String(length) };
  }
  const payload = bytes.subarray(ENVELOPE_HEAD_BYTES, ENVELOPE_HEAD_BYTES + length);
  const crc = crc32(payload);
  if (crc !== view.getUint32(16, true)) {
    return { kind: 'damaged', expected: `payload CRC ${view.getUint32(16, true)}`, found: String(crc) };
  }
  return { kind: 'ok', payload };
}

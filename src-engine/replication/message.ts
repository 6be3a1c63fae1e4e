import type { JsonObject } from '../pool/index.ts';

/** The kinds of messages between two servers. */
export type MessageKind = 'call' | 'reply' | 'refusal' | 'notify';

export interface Message {
  readonly kind: MessageKind;
  /** Number of the call that a reply or refusal answers; 0 for notify. */
  readonly call: number;
  readonly method: string;
  readonly parameters: JsonObject;
  readonly body: Uint8Array;
}

const MAGIC = 0x4c4b4d31; // 'LKM1'
const KINDS: readonly MessageKind[] = ['call', 'reply', 'refusal', 'notify'];
const HEADER_BYTES = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const NO_BYTES = new Uint8Array(0);
/** A frame above this is refused: nothing in the protocol needs more. */
export const MAXIMUM_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Header: magic, kind, call number, length of the JSON; then the JSON {method, parameters}; then the body. */
export function encodeMessage(
  kind: MessageKind,
  call: number,
  method: string,
  parameters: JsonObject,
  body: readonly Uint8Array[] = [],
): readonly Uint8Array[] {
  const json = encoder.encode(JSON.stringify([method, parameters]));
  const head = new Uint8Array(HEADER_BYTES + json.length);
  const view = new DataView(head.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, KINDS.indexOf(kind), true);
  view.setUint32(8, call, true);
  view.setUint32(12, json.length, true);
  head.set(json, HEADER_BYTES);
  return [head, ...body];
}

/** Null for anything that is not a message: the caller drops the session. */
export function decodeMessage(frame: Uint8Array): Message | null {
  if (frame.length < HEADER_BYTES || frame.length > MAXIMUM_MESSAGE_BYTES) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return null;
  const kind = KINDS[view.getUint32(4, true)];
  const jsonBytes = view.getUint32(12, true);
  if (kind === undefined || HEADER_BYTES + jsonBytes > frame.length) return null;
  try {
    const parsed: unknown = JSON.parse(decoder.decode(frame.subarray(HEADER_BYTES, HEADER_BYTES + jsonBytes)));
    if (!Array.isArray(parsed) || parsed.length !== 2 || typeof parsed[0] !== 'string') return null;
    const parameters: unknown = parsed[1];
    if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) return null;
    const body = HEADER_BYTES + jsonBytes === frame.length ? NO_BYTES : frame.subarray(HEADER_BYTES + jsonBytes);
    return { kind, call: view.getUint32(8, true), method: parsed[0], parameters: parameters as JsonObject, body };
  } catch {
    return null;
  }
}

/** A text of a message's parameters; '' where it is missing or no text. */
export function textOf(parameters: JsonObject, key: string): string {
  const value = parameters[key];
  return typeof value === 'string' ? value : '';
}

/** Base64 of RFC 4648 and hexadecimal, without the ambient `Buffer`. */
import { assert } from '../runtime/index.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.byteLength; i += 3) {
    const a = bytes[i] ?? 0;
    const b = bytes[i + 1];
    const c = bytes[i + 2];
    parts.push(
      ALPHABET.charAt(a >> 2) +
        ALPHABET.charAt(((a & 3) << 4) | ((b ?? 0) >> 4)) +
        (b === undefined ? '=' : ALPHABET.charAt(((b & 15) << 2) | ((c ?? 0) >> 6))) +
        (c === undefined ? '=' : ALPHABET.charAt(c & 63)),
    );
  }
  return parts.join('');
}

/** Null when the text is not base64. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let to = 0;
  for (let i = 0; i < text.length; i += 4) {
    let word = 0;
    for (let k = 0; k < 4; k += 1) {
      const character = text.charAt(i + k);
      const value = character === '=' && i + k >= text.length - padding ? 0 : ALPHABET.indexOf(character);
      if (value < 0) return null;
      word = (word << 6) | value;
    }
    for (let k = 2; k >= 0 && to < bytes.byteLength; k -= 1) {
      bytes[to] = (word >> (8 * k)) & 255;
      to += 1;
    }
  }
  assert(to === bytes.byteLength, 'base64 filled its buffer');
  return bytes;
}

export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

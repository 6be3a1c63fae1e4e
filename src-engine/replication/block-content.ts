import { crcOfBlock } from '../pool/index.ts';
import { BLOCK_BYTES, type BlockContent } from '../volume/index.ts';

export const ZERO_BLOCK = new Uint8Array(BLOCK_BYTES);
/** What a hole reads as has this checksum too. */
export const ZERO_CRC = crcOfBlock(ZERO_BLOCK);

export function crcOfContent(content: BlockContent): number {
  return content === null ? ZERO_CRC : crcOfBlock(content);
}

export function isZero(block: Uint8Array): boolean {
  if (block.byteOffset % 4 === 0 && block.length % 4 === 0) {
    // Indexed 32-bit words: an iterator over 64-bit ones makes a BigInt of each and took 10 us per block.
    const words = new Int32Array(block.buffer, block.byteOffset, block.length >>> 2);
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
    return true;
  }
  return block.every((byte) => byte === 0);
}

import { crc32 } from 'node:zlib';
import { BLOCK_BYTES } from '../disk/index.ts';

const HALF = BLOCK_BYTES / 2;

/**
 * The checksum of block pointers: CRC-32 over bytes 2048..4095 and then 0..2047, so that a block which ends in its own
 * CRC-32 does not always give the same value (layout.md).
 */
export function crcOfBlock(block: Uint8Array): number {
  return crc32(block.subarray(0, HALF), crc32(block.subarray(HALF, BLOCK_BYTES)));
}

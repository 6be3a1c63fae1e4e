import { createHash } from 'node:crypto';
import type { Hash } from '../types.ts';

/** SHA-256 by `node:crypto`: pure, hence also what the simulator uses. */
export const nodeHash: Hash = {
  sha256: (parts) => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return plain(hash.digest());
  },
  sha256Stream: () => {
    const hash = createHash('sha256');
    return {
      update: (part) => void hash.update(part),
      digest: () => plain(hash.digest()),
    };
  },
};

/** A `Buffer` differs from a `Uint8Array` in `slice`; none leaves the runtime. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

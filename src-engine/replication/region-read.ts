import type { Pool, TreeRoot } from '../pool/index.ts';
import { BLOCK_BYTES } from '../volume/index.ts';

/**
 * The blocks `firstVbn + i` of a region whose bit `i` of `mask` is set (at most 16), read at the same time; the others
 * stay zeros. A region of which one block changed costs one block. Rejects as `Pool.read` does.
 */
export async function readMasked(pool: Pool, root: TreeRoot, firstVbn: number, count: number, mask: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count * BLOCK_BYTES);
  const reads: Promise<void>[] = [];
  for (let from = 0; from < count; ) {
    if ((mask & (1 << from)) === 0) {
      from++;
      continue;
    }
    let to = from + 1;
    while (to < count && (mask & (1 << to)) !== 0) to++;
    reads.push(pool.read(root, firstVbn + from, to - from, bytes.subarray(from * BLOCK_BYTES, to * BLOCK_BYTES)));
    from = to;
  }
  await Promise.all(reads);
  return bytes;
}

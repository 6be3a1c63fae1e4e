/** The judge: what a block's content means, given what its ledger was promised. Pure. */
import { readBlock } from './stamp.ts';

export type Verdict =
  /** The promised content, or a newer write that was issued but never acknowledged. */
  | { readonly kind: 'good'; readonly sequence: number }
  /** Neither the acknowledged write nor an older one: zeros, or content no workload wrote. */
  | { readonly kind: 'lost'; readonly sequence: 0 }
  /** A whole, older write of the same block. */
  | { readonly kind: 'stale'; readonly sequence: number }
  /** Not one whole write. */
  | { readonly kind: 'torn'; readonly sequence: 0 }
  /** A whole write that belongs to another block or another ledger. */
  | { readonly kind: 'misplaced'; readonly sequence: 0; readonly belongsTo: number };

/**
 * `promised`: newest sequence acknowledged before the read began (0: none). A sequence above everything the ledger
 * knows is legal, since a ledger may have lost its unsynced tail.
 */
export function judge(block: Uint8Array, stream: number, vbn: number, promised: number): Verdict {
  const content = readBlock(block);
  switch (content.kind) {
    case 'torn':
      return { kind: 'torn', sequence: 0 };
    case 'zero':
    case 'foreign':
      return promised === 0 ? { kind: 'good', sequence: 0 } : { kind: 'lost', sequence: 0 };
    case 'stamped': {
      const stamp = content.stamp;
      if (stamp.stream !== stream) {
        return promised === 0
          ? { kind: 'good', sequence: 0 }
          : { kind: 'misplaced', sequence: 0, belongsTo: stamp.vbn };
      }
      if (stamp.vbn !== vbn) return { kind: 'misplaced', sequence: 0, belongsTo: stamp.vbn };
      if (stamp.sequence >= promised) return { kind: 'good', sequence: stamp.sequence };
      return { kind: 'stale', sequence: stamp.sequence };
    }
  }
}

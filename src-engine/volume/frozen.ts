/** Bytes of a volume block. */
export const BLOCK_BYTES = 4096;

/** A block's content in memory: its 4096 bytes, or null for a hole (reads as zeros). */
export type BlockContent = Uint8Array | null;

/** A dirty block; `sequence` names the own log's record that holds it whole, 0 when it was merged of several. */
export interface FrozenBlock {
  readonly content: BlockContent;
  readonly sequence: number;
}

/**
 * The dirty blocks of one volume as of a seal: last writer wins, every record of the sealed half merged by sequence,
 * also those that no host has seen yet. Immutable.
 */
export interface FrozenImage {
  /** Ascending volume block numbers. */
  readonly vbns: readonly number[];
  get(vbn: number): FrozenBlock | undefined;
}

export const EMPTY_IMAGE: FrozenImage = { vbns: [], get: () => undefined };

import type { RaidLevel } from '../raid/index.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** PBN 0 is a hole; its birth still tells when it became one. `crc` is `crcOfBlock` of the content. */
export interface BlockPointer {
  readonly pbn: number;
  readonly birth: number;
  readonly crc: number;
}

/** `levels` pages between root and blocks; a tree of L levels covers 256^L blocks. Null: nothing was ever written. */
export interface TreeRoot {
  readonly pointer: BlockPointer | null;
  readonly levels: number;
}

export const EMPTY_ROOT: TreeRoot = { pointer: null, levels: 1 };

export type KeptPurpose = 'committed' | 'resync' | 'safety' | 'snapshot';

export interface KeptRoot {
  readonly name: string;
  readonly purpose: KeptPurpose;
  readonly root: TreeRoot;
  readonly cp: number;
  readonly createdAtMs: number;
  readonly sizeBlocks: number;
  readonly usedBlocks: number;
}

export interface VolumeRecord {
  readonly id: string;
  readonly name: string;
  readonly sizeBlocks: number;
  readonly policy: 'logged';
  readonly root: TreeRoot;
  /** Blocks that `root` maps to content; holes and map pages do not count. */
  readonly usedBlocks: number;
  /** Number (birth) of the CP that made `root`. */
  readonly cp: number;
  /** CP of the last root swing that was not an ordinary CP; 0 when there was none. */
  readonly lineStart: number;
  /** Opaque to the pool: applied sequences, mirror positions. */
  readonly attributes: JsonObject;
  /** Oldest first. */
  readonly keptRoots: readonly KeptRoot[];
}

export interface GroupLayout {
  readonly level: RaidLevel;
  readonly slots: readonly number[];
  readonly unitBlocks: number;
}

export interface PoolSpec {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly GroupLayout[];
  /** Blocks at the front of every disk for the stripe journal; default 256. */
  readonly journalBlocks?: number;
}

export interface NewVolume {
  readonly id: string;
  readonly name: string;
  readonly sizeBlocks: number;
  readonly policy: 'logged';
  readonly attributes: JsonObject;
}

export interface PoolMember {
  readonly slot: number;
  readonly group: number;
  readonly state: 'active' | 'failed';
  /** Label number at which the member last was complete. */
  readonly completeLabel: number;
}

export interface Capacity {
  readonly totalBlocks: number;
  readonly usedBlocks: number;
  readonly freeBlocks: number;
  /** Blocks set aside by `reserve`, worst case included. */
  readonly reservedBlocks: number;
  readonly wholeFreeStripes: number;
}

export interface Finding {
  readonly kind: 'relabelled' | 'stale-member' | 'missing-member' | 'failed-member' | 'damaged-label' | 'journal-replayed';
  readonly slot: number | null;
  readonly message: string;
}

export interface Problem {
  readonly kind: 'checksum' | 'parity' | 'leak' | 'unallocated' | 'double-use' | 'label' | 'deadlist' | 'out-of-range' | 'count';
  readonly where: string;
  readonly message: string;
  /** Disk and byte offset in its image, where one block is meant. */
  readonly place?: { readonly slot: number; readonly offset: number };
  /** `repair` was asked for, and the block is right again. */
  readonly repaired?: boolean;
}

export type OpenRefusalCode = 'pool/older-than-log' | 'pool/two-histories' | 'pool/no-label' | 'pool/newer-format' | 'pool/failed';

/** The blocks of a volume (or of the pool's own trees) that no combination of members gives back. */
export class MediaError extends Error {
  /** Volume block number, or null for a block of the pool's own structures. */
  readonly vbn: number | null;
  readonly pbn: number;
  constructor(vbn: number | null, pbn: number) {
    super(`block ${pbn}${vbn === null ? '' : ` (volume block ${vbn})`} cannot be read or reconstructed`);
    this.name = 'MediaError';
    this.vbn = vbn;
    this.pbn = pbn;
  }
}

/** No room although the caller holds a reservation is a bug; without one it is an answer. */
export class PoolFullError extends Error {
  constructor() {
    super('no free stripe is left in the pool');
    this.name = 'PoolFullError';
  }
}

/** The pool refuses a request as it stands; nothing changed. */
export class PoolRequestError extends Error {
  readonly code: 'no-such-volume' | 'volume-exists' | 'no-such-root' | 'root-exists' | 'stage-open' | 'not-newest' | 'shrink' | 'record-too-large' | 'not-finished';
  constructor(code: PoolRequestError['code'], message: string) {
    super(message);
    this.name = 'PoolRequestError';
    this.code = code;
  }
}

/** The pool ended: fenced, or its group failed. Nothing more is written; what the last label says stands. */
export class PoolFailedError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'PoolFailedError';
  }
}

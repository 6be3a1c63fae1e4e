/**
 * Pool: write-anywhere storage on RAID groups. Everything hangs from a label (volume table, volume records, block maps,
 * blocks, space map); one label is one consistency point.
 *
 * Promises: a label names only what was synced before it; after a crash the pool is at the newest label that was being
 * written or at the one before, never between. A live block is never overwritten. A freed block is used again only when
 * the label that freed it is durable on all active members, no kept root needs it and no read that began earlier runs.
 * What is read is what was written: each block is verified against its pointer, reconstructed where it differs, and
 * refused (`MediaError`) where that is impossible. Labels of one number never differ.
 */
export { Pool } from './pool.ts';
export type { OpenResult } from './pool.ts';
export type { PoolDeps } from './open.ts';
export type { CommitRequest } from './request.ts';
export { Stage } from './stage.ts';
export type { PointerRun } from './tree.ts';
export { blankCapacity } from './capacity.ts';
export type { BlankCapacity } from './capacity.ts';
export { crcOfBlock } from './block.ts';
export { decodeLabel } from './label.ts';
export { EMPTY_ROOT, MediaError, PoolFailedError, PoolFullError, PoolRequestError } from './types.ts';
export type {
  BlockPointer,
  Capacity,
  Finding,
  GroupLayout,
  JsonObject,
  JsonValue,
  KeptPurpose,
  KeptRoot,
  NewVolume,
  OpenRefusalCode,
  PoolMember,
  PoolSpec,
  Problem,
  TreeRoot,
  VolumeRecord,
} from './types.ts';

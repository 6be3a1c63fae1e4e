import { BLOCK_BYTES, decodeEnvelope, encodeEnvelope, ENVELOPE_HEAD_BYTES } from '../disk/index.ts';
import type { KeptRoot, TreeRoot, VolumeRecord } from './types.ts';

const MAGIC = 'LSVOLUME';
/** 1: without `usedBlocks`; whoever reads such a record counts them. */
const VERSION = 2;
/** A record takes 1 to 4 blocks of the volume table, at 4 times its table slot. */
export const RECORD_BLOCKS = 4;

/** Blocks a kept root still needs though they were superseded after it: `count` pointers in a tree of pages of 256. */
export interface Deadlist {
  readonly root: TreeRoot;
  readonly count: number;
}

export interface StoredKeptRoot extends KeptRoot {
  readonly deadlist: Deadlist;
}

export interface StoredRecord extends VolumeRecord {
  readonly tableSlot: number;
  readonly keptRoots: readonly StoredKeptRoot[];
}

/** As it comes from disk: version 1 had no counts. */
export type ReadRecord = Omit<StoredRecord, 'usedBlocks' | 'keptRoots'> & {
  readonly usedBlocks?: number;
  readonly keptRoots: readonly (Omit<StoredKeptRoot, 'usedBlocks'> & { readonly usedBlocks?: number })[];
};

/** Null when the record is larger than four blocks. */
export function encodeRecord(record: StoredRecord): Uint8Array | null {
  const payload = new TextEncoder().encode(JSON.stringify(record));
  const blocks = Math.ceil((payload.length + ENVELOPE_HEAD_BYTES) / BLOCK_BYTES);
  return blocks > RECORD_BLOCKS ? null : encodeEnvelope(MAGIC, VERSION, payload, blocks * BLOCK_BYTES);
}

export function decodeRecord(bytes: Uint8Array): ReadRecord | { readonly problem: string } {
  const envelope = decodeEnvelope(bytes, MAGIC, VERSION);
  switch (envelope.kind) {
    case 'ok':
      return JSON.parse(new TextDecoder().decode(envelope.payload)) as ReadRecord;
    case 'empty':
      return { problem: 'volume record is empty' };
    case 'newer':
      return { problem: `volume record of format version ${envelope.version} is newer than ${VERSION}` };
    case 'damaged':
      return { problem: `volume record: expected ${envelope.expected}, found ${envelope.found}` };
  }
}

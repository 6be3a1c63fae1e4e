import type { FrozenImage } from './frozen.ts';
import type { CommitRequest, JsonObject, VolumeRecord } from '../pool/index.ts';

/** What of a write a mirror forwards. `payload` is null for trim and zero. */
export interface ForwardedRecord {
  readonly kind: 'write' | 'trim' | 'zero';
  readonly sequence: number;
  readonly epoch: number;
  readonly offset: number;
  readonly length: number;
  readonly payload: Uint8Array | null;
}

/**
 * What a volume and its consistency points ask of the relationship that mirrors it. Implemented by `replication`, which
 * lies above; the volume knows only this face.
 */
export interface VolumeMirror {
  /** Called in the step in which a record is about to be appended: a new generation may have to be opened first. */
  beforeWrite(): void;
  /** Called in the same step as the append to the own log: sends the record to the keeper, or marks its regions. */
  forward(record: ForwardedRecord): void;
  /** True when the keeper holds the record `sequence` of the own log, or acknowledgements do not wait for it. */
  holds(sequence: number): boolean;
  /** Called in the synchronous seal step of a consistency point; `dirty` tells whether the volume has blocks in it. Null
   * when this CP does not concern the mirror. */
  seal(dirty: boolean): CpMirrorSession | null;
  /** The relationship's part of the volume record for one label; `durable` is to be called once that label is. */
  forLabel(): { content(record: VolumeRecord): JsonObject; durable(): void };
  /** True when something waits for a label. */
  readonly attributesChanged: boolean;
}

export type CpMirrorOutcome = 'committed' | 'fractured';

/** One relationship in one consistency point (data-path.md 4, replication.md 3.11). No method rejects: trouble fractures. */
export interface CpMirrorSession {
  readonly relationshipId: string;
  /** Sends the list of volume block number updates; resolves when the destination is prepared or the relationship left. */
  prepare(image: FrozenImage, cpNumber: number, appliedSequence: number): Promise<void>;
  /** What the mirror adds to the label of this CP (kept roots). Called in the step in which the label is requested. */
  commitAdditions(): Pick<CommitRequest, 'keep' | 'release'>;
  /** The source's label is durable: resolves when the destination committed, or is fractured with its bits durable. */
  labelled(label: number): Promise<CpMirrorOutcome>;
  counts(): { readonly listed: number; readonly byReference: number; readonly withData: number };
}

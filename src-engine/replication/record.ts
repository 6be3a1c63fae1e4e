import type { JsonObject, JsonValue } from '../pool/index.ts';
import type { Generation, ImageState } from './state/index.ts';

export const FRACTURE_CAUSES = ['admin', 'link', 'peer', 'disk', 'timeout', 'restart', 'promotion'] as const;
export type FractureCause = (typeof FRACTURE_CAUSES)[number];

/** The cause a peer names; what is not known here was the peer's own reason. */
export function causeOf(value: unknown): FractureCause {
  return FRACTURE_CAUSES.find((cause) => cause === value) ?? 'peer';
}

/**
 * Where an image stands in its source's history: it holds everything through `sequence` of the source's log, as of
 * source CP `cp`, in CP `ownCp` of its own pool (layout.md, "Volume record").
 */
export interface MirrorPosition {
  readonly logId: string;
  readonly sequence: number;
  readonly cp: number;
  readonly ownCp: number;
  readonly digest: string;
}

/** What one side of a relationship remembers, durably, in its volume's record. Home roles never change; roles do. */
export interface RelationshipRecord {
  readonly id: string;
  readonly name: string;
  readonly policy: 'availability' | 'strict';
  readonly recovery: 'automatic' | 'manual';
  readonly home: 'source' | 'destination';
  readonly peerServerId: string;
  readonly peerVolumeId: string;
  readonly createdWallMs: number;
  readonly role: 'primary' | 'secondary';
  readonly roleEpoch: number;
  /** State of the secondary's image as this side knows it; the secondary's own word counts. */
  readonly image: ImageState;
  readonly fracture: { readonly cause: FractureCause; readonly atWallMs: number; readonly sequence: number } | null;
  readonly lock: 'forward' | 'reverse' | null;
  readonly generation: Generation;
  /** The generation that the first write will open; '' when none waits. */
  readonly opening: string;
  /** Set by a forced promotion until a reverse resync has finished: no resync starts on its own. */
  readonly forced: boolean;
  /** A returned old primary: its hosts are refused until it is resynchronized or told otherwise. */
  readonly fenced: boolean;
  /** Gave up being primary in a planned swap; the peer has not confirmed yet that it took over. */
  readonly handingOver: boolean;
  readonly position: MirrorPosition | null;
  /** CP numbers (source pool's, destination pool's) at which both contents were last equal. */
  readonly base: { readonly sourceCp: number; readonly destinationCp: number } | null;
  /** `position`: where the image stood when the snapshot was taken. */
  readonly safety: { readonly name: string; readonly atWallMs: number; readonly position?: MirrorPosition | null } | null;
  /** The image went back to where it stood at `to`, while the position was `from`; over as soon as the position moves on. */
  readonly rolledBack?: { readonly from: MirrorPosition; readonly to: MirrorPosition | null };
  readonly resync: {
    readonly kind: 'full' | 'update' | 'reverse' | 'overwrite-primary';
    readonly startedWallMs: number;
    readonly paused: boolean;
  } | null;
  readonly lastContactWallMs: number | null;
  /**
   * Where earlier incarnations of this server's log ended (last record, first number of the next incarnation), until a
   * handshake has passed them: what the peer holds in between was never in this log (3.12, 4).
   */
  readonly ends?: readonly { readonly last: number; readonly next: number }[];
  /** The marks could not be made durable: after a restart every region counts as marked. */
  readonly trackingFailed: boolean;
}

export function newRelationshipRecord(
  spec: Pick<RelationshipRecord, 'id' | 'name' | 'policy' | 'recovery' | 'home' | 'peerServerId' | 'peerVolumeId'>,
  nowWallMs: number,
  assumeEqual = false,
): RelationshipRecord {
  return {
    ...spec,
    createdWallMs: nowWallMs,
    role: spec.home === 'source' ? 'primary' : 'secondary',
    roleEpoch: 1,
    // Copies that are said to be equal keep marks from their first write on, and need a sync of nothing but those.
    image: assumeEqual ? 'OutOfSync' : 'NotEstablished',
    fracture: null,
    lock: null,
    generation: { current: '', bitmap: '', history: [] },
    opening: '',
    forced: false,
    fenced: false,
    handingOver: false,
    position: null,
    base: null,
    safety: null,
    resync: null,
    lastContactWallMs: null,
    trackingFailed: false,
  };
}

export function recordToJson(record: RelationshipRecord): JsonObject {
  return record as unknown as JsonObject;
}

/** The record inside a volume's attributes, null when there is none. The pool vouches for the bytes (CRC, version). */
export function recordFromJson(value: JsonValue | undefined): RelationshipRecord | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return value as unknown as RelationshipRecord;
}

export function directionOf(record: Pick<RelationshipRecord, 'home' | 'role'>): 'forward' | 'reversed' {
  return (record.home === 'source') === (record.role === 'primary') ? 'forward' : 'reversed';
}

/**
 * Where the image stands. The position says more after a rollback: that everything through it is in the image *or marked*,
 * which is what the protocol asks for, and what the marks of the rollback make true.
 */
export function imagePosition(record: Pick<RelationshipRecord, 'position' | 'rolledBack'>): MirrorPosition | null {
  const { position, rolledBack } = record;
  if (position === null || rolledBack === undefined) return position;
  const { from, to } = rolledBack;
  return from.logId === position.logId && from.sequence === position.sequence && from.ownCp === position.ownCp ? to : position;
}

/** True when the peer's image is older than the one both sides last agreed on: its disks are an older copy. */
export function olderThanBase(record: Pick<RelationshipRecord, 'home' | 'base'>, peerRootCp: number): boolean {
  if (record.base === null) return false;
  return peerRootCp < (record.home === 'source' ? record.base.destinationCp : record.base.sourceCp);
}

/** The base pair named by home roles, from a side's own CP number and its peer's. */
export function basePair(home: 'source' | 'destination', ownCp: number, peerCp: number): NonNullable<RelationshipRecord['base']> {
  return home === 'source' ? { sourceCp: ownCp, destinationCp: peerCp } : { sourceCp: peerCp, destinationCp: ownCp };
}

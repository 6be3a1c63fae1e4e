import type { ConditionCode, ImageState, MirrorAction } from '../../contract/index.ts';

export type { ConditionCode, ImageState, MirrorAction, Refusal } from '../../contract/index.ts';

export const IMAGE_STATES: readonly ImageState[] = [
  'NotEstablished',
  'Synchronizing',
  'Synchronized',
  'Consistent',
  'Outdated',
  'OutOfSync',
  'RollingBack',
  'Diverged',
];

export type Mode = 'consistency-point';
export type SyncKind = 'full' | 'update' | 'reverse' | 'overwrite-primary';
/** Home roles: `forward` is from the home source to the home destination. */
export type SyncDirection = 'forward' | 'reverse';

export interface ActiveCondition {
  readonly code: ConditionCode;
  /** Milliseconds since the epoch, for display. */
  readonly sinceWallMs: number;
  /** `link`, `peer`, `forward` ... or a sentence. */
  readonly cause: string;
}

/**
 * All that decisions about one relationship need. `image` is that of the acting secondary (of the home destination
 * while there is no acting primary). Times are texts for people, they decide nothing.
 */
export interface RelationshipView {
  readonly mode: Mode;
  readonly policy: 'availability' | 'strict';
  readonly recovery: 'automatic' | 'manual';
  readonly image: ImageState;
  readonly direction: 'forward' | 'reversed';
  readonly lock: SyncDirection | null;
  readonly sync: {
    readonly kind: SyncKind;
    readonly paused: boolean;
    readonly percent: number;
    readonly eta: string;
  } | null;
  /** The two servers talk to each other. */
  readonly connected: boolean;
  /** Name of the side that this side would talk to, and since when and why it cannot. */
  readonly peer: { readonly name: string; readonly lostSince: string; readonly lostCause: string };
  /** The acting primary is up and can be asked, from wherever the action is decided. */
  readonly primaryServing: boolean;
  /** Server of the acting primary, where it is known; '' stands for `peer`. */
  readonly primaryName: string;
  /** It is known that the acting primary cannot acknowledge writes any more (fenced, or powered off by the admin). */
  readonly primaryStopped: boolean;
  readonly fracture: 'admin' | 'system' | null;
  /** Regions marked by either side. */
  readonly marks: number;
  /** A forced promotion has not been undone by a reverse resync yet. */
  readonly forced: boolean;
  /** The secondary wrote alone before it gave way, the primary did not: a sync over it discards acknowledged writes. */
  readonly secondaryWrote: boolean;
  readonly safetySnapshot: { readonly at: string } | null;
  /** Log, bitmap or queue of the relationship is damaged. */
  readonly trackingFailed: boolean;
  readonly conditions: readonly ActiveCondition[];
  /** What a promotion of the secondary would lack, as far as known. */
  readonly loss: { readonly bytes: number; readonly seconds: number };
  /** Since when the image is in its state. */
  readonly imageSince: string;
  readonly sizes: { readonly sourceBytes: number; readonly destinationBytes: number };
  /** Hosts that use the image which the action would overwrite. */
  readonly hosts: readonly string[];
  /** When the sync's source lost acknowledged writes, and nobody has acknowledged that yet; '' otherwise. */
  readonly nvfailSince: string;
  /** Space that a sync would need and the target's pool does not have; null when it fits or nobody knows. */
  readonly shortage: { readonly neededBytes: number; readonly freeBytes: number } | null;
  /** Another change of this relationship is on its way: what it waits for. '' for none. */
  readonly changing: string;
}

/** A view with nothing wrong in it; callers and tests say what differs. */
export function viewOf(fields: Partial<RelationshipView>): RelationshipView {
  return {
    mode: 'consistency-point',
    policy: 'availability',
    recovery: 'automatic',
    image: 'NotEstablished',
    direction: 'forward',
    lock: null,
    sync: null,
    connected: true,
    peer: { name: 'the other side', lostSince: '', lostCause: '' },
    primaryServing: true,
    primaryName: '',
    primaryStopped: false,
    fracture: null,
    marks: 0,
    forced: false,
    secondaryWrote: false,
    safetySnapshot: null,
    trackingFailed: false,
    conditions: [],
    loss: { bytes: 0, seconds: 0 },
    imageSince: '',
    sizes: { sourceBytes: 0, destinationBytes: 0 },
    hosts: [],
    nvfailSince: '',
    shortage: null,
    changing: '',
    ...fields,
  };
}

/** Direction in which data flows from the acting primary. */
export function flowOf(view: Pick<RelationshipView, 'direction'>): SyncDirection {
  return view.direction === 'forward' ? 'forward' : 'reverse';
}

export function opposite(direction: SyncDirection): SyncDirection {
  return direction === 'forward' ? 'reverse' : 'forward';
}

export const ACTIONS: readonly MirrorAction[] = [
  'establish',
  'resync',
  'fracture',
  'pause',
  'resume',
  'switchover',
  'failover',
  'reverse-resync',
  'failback',
  'overwrite-primary',
  'rollback',
  'resolve',
  'verify',
  'delete',
];

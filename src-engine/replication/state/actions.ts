/** Which action is possible now, and why not: replication.md 3.5 as a table, and the prerequisites that come on top. */
import { refuse, sizeText } from './refusals.ts';
import {
  ACTIONS,
  flowOf,
  opposite,
  type ImageState,
  type MirrorAction,
  type Refusal,
  type RelationshipView,
  type SyncKind,
} from './types.ts';

export interface AllowedAction {
  readonly action: MirrorAction;
  readonly allowed: boolean;
  /** `typed`: the mirror's name has to be given. Also set for overridable refusals. */
  readonly confirm: 'none' | 'typed';
  /** The action is accepted and changes nothing, so that scripts may repeat themselves. */
  readonly noop: boolean;
  readonly refusal?: Refusal;
  /** Allowed, but this should be read before it is confirmed. */
  readonly warning?: Refusal;
}

type Cell =
  | { readonly kind: 'allow'; readonly confirm: 'none' | 'typed' }
  | { readonly kind: 'noop' }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };
type Rule = (view: RelationshipView) => Cell;

const ALLOW: Cell = { kind: 'allow', confirm: 'none' };
const CONFIRM: Cell = { kind: 'allow', confirm: 'typed' };
const NOOP: Cell = { kind: 'noop' };
const no = (refusal: Refusal): Cell => ({ kind: 'refuse', refusal });

const yes: Rule = () => ALLOW;
const typed: Rule = () => CONFIRM;
const nothing: Rule = () => NOOP;
const r03: Rule = (view) => no(mixture(view));
const r04: Rule = (view) => no(running(view));
const r11: Rule = (view) => no(refuse('R11', { time: view.imageSince }));
const r25: Rule = () => no(refuse('R25'));
const r32: Rule = () => no(refuse('R32'));
/** The planned swap never loses writes, so typing a name cannot make it possible. */
const r02: Rule = (view) => no(missing(view));
const meaningless =
  (reason: string, instead: string): Rule =>
  () =>
    no(refuse('R31', { reason, instead }));

function mixture(view: RelationshipView): Refusal {
  return refuse('R03', {
    time: view.imageSince,
    eta: view.sync?.eta ?? '',
    snapshot: view.safetySnapshot === null ? '' : `of ${view.safetySnapshot.at}`,
  });
}

const SYNC_NAMES: Record<SyncKind, string> = {
  full: 'A full sync',
  update: 'An update sync',
  reverse: 'A reverse resync',
  'overwrite-primary': 'A sync over the primary',
};

function running(view: RelationshipView): Refusal {
  // The copy's own server does not know how far the primary's sync is.
  if (view.sync === null) return refuse('R04', { kind: view.image === 'RollingBack' ? 'A rollback' : '', percent: '' });
  const kind = view.image === 'RollingBack' ? 'A rollback' : SYNC_NAMES[view.sync.kind];
  return refuse('R04', { kind, percent: Math.floor(view.sync.percent) });
}

function unreachable(view: RelationshipView): Refusal {
  return refuse('R05', { peer: view.peer.name, time: view.peer.lostSince, cause: view.peer.lostCause });
}

function missing(view: RelationshipView): Refusal {
  const loss = { bytes: sizeText(view.loss.bytes), seconds: Math.ceil(view.loss.seconds) };
  return refuse('R02', loss, false);
}

/** A sync from the acting primary; an interrupted one in the other direction comes first. */
const sameDirection =
  (cell: Cell): Rule =>
  (view) =>
    view.lock !== null && view.lock !== flowOf(view) ? no(refuse('R06', { direction: view.lock })) : cell;

/** Discarding what the other side alone acknowledged is confirmed by name. */
const overWriter: Rule = (view) => (view.secondaryWrote ? CONFIRM : ALLOW);

const swapWhenDrained: Rule = (view) => (view.fracture !== null || view.marks > 0 ? no(missing(view)) : ALLOW);

const swap: Record<ImageState, Rule> = {
  NotEstablished: r25,
  Synchronizing: r03,
  Synchronized: yes,
  Consistent: swapWhenDrained,
  Outdated: r02,
  OutOfSync: r03,
  RollingBack: r04,
  Diverged: r11,
};

const pausing = (paused: boolean): Record<ImageState, Rule> => ({
  NotEstablished: r25,
  Synchronizing: (view) => (view.sync?.paused === paused ? NOOP : ALLOW),
  Synchronized: r32,
  Consistent: r32,
  Outdated: r32,
  OutOfSync: r32,
  RollingBack: r32,
  Diverged: r32,
});

const onlyDiverged = meaningless('The copies have not diverged.', 'There is nothing to resolve.');
const nothingToUndo = meaningless('No broken sync has to be undone.', 'The copy is usable as it is.');

const TABLE: Record<MirrorAction, Record<ImageState, Rule>> = {
  establish: {
    NotEstablished: typed,
    Synchronizing: r04,
    Synchronized: typed,
    Consistent: typed,
    Outdated: typed,
    OutOfSync: sameDirection(CONFIRM),
    RollingBack: r04,
    Diverged: r11,
  },
  resync: {
    NotEstablished: r25,
    Synchronizing: r04,
    // Marks of a synchronized pair are differences that a verify found.
    Synchronized: (view) => (view.marks > 0 ? ALLOW : NOOP),
    Consistent: (view) => (view.marks > 0 || view.fracture !== null ? ALLOW : NOOP),
    Outdated: overWriter,
    OutOfSync: sameDirection(ALLOW),
    RollingBack: r04,
    Diverged: r11,
  },
  'reverse-resync': {
    NotEstablished: r25,
    Synchronizing: r04,
    Synchronized: (view) => (view.marks > 0 ? ALLOW : NOOP),
    Consistent: (view) => (view.forced || view.marks > 0 || view.fracture !== null ? ALLOW : NOOP),
    Outdated: overWriter,
    OutOfSync: (view) => (view.lock === 'forward' ? no(refuse('R06', { direction: 'forward' })) : ALLOW),
    RollingBack: r04,
    Diverged: r11,
  },
  'overwrite-primary': {
    NotEstablished: r25,
    Synchronizing: r04,
    Synchronized: meaningless('Copies are equal.', 'Use the role swap (switchover).'),
    Consistent: typed,
    Outdated: typed,
    OutOfSync: (view) => (view.lock === opposite(flowOf(view)) ? ALLOW : no(mixture(view))),
    RollingBack: r04,
    Diverged: r11,
  },
  fracture: {
    NotEstablished: r25,
    Synchronizing: typed,
    Synchronized: yes,
    Consistent: (view) => (view.fracture === 'admin' ? NOOP : ALLOW),
    Outdated: nothing,
    OutOfSync: nothing,
    RollingBack: r04,
    Diverged: nothing,
  },
  pause: pausing(true),
  resume: pausing(false),
  switchover: swap,
  failback: swap,
  failover: {
    NotEstablished: r25,
    Synchronizing: r03,
    Synchronized: typed,
    Consistent: typed,
    Outdated: typed,
    OutOfSync: r03,
    RollingBack: r04,
    Diverged: r11,
  },
  rollback: {
    NotEstablished: r25,
    Synchronizing: r04,
    Synchronized: nothingToUndo,
    Consistent: nothingToUndo,
    Outdated: nothingToUndo,
    OutOfSync: (view) => (view.safetySnapshot === null ? no(mixture(view)) : CONFIRM),
    RollingBack: r04,
    Diverged: r11,
  },
  resolve: {
    NotEstablished: r25,
    Synchronizing: onlyDiverged,
    Synchronized: onlyDiverged,
    Consistent: onlyDiverged,
    Outdated: onlyDiverged,
    OutOfSync: onlyDiverged,
    RollingBack: r04,
    Diverged: typed,
  },
  verify: {
    NotEstablished: r25,
    Synchronizing: r04,
    Synchronized: yes,
    Consistent: yes,
    Outdated: (view) => no(view.connected ? missing(view) : unreachable(view)),
    OutOfSync: (view) => no(view.connected ? mixture(view) : unreachable(view)),
    RollingBack: r04,
    Diverged: yes,
  },
  delete: {
    NotEstablished: yes,
    Synchronizing: typed,
    Synchronized: typed,
    Consistent: typed,
    Outdated: typed,
    OutOfSync: typed,
    RollingBack: r04,
    Diverged: typed,
  },
};

const SYNCS: ReadonlySet<MirrorAction> = new Set([
  'establish',
  'resync',
  'reverse-resync',
  'overwrite-primary',
  'resolve',
]);
const NEEDS_PEER: ReadonlySet<MirrorAction> = new Set([...SYNCS, 'switchover', 'failback', 'verify']);
/** These rest on the marks; a full sync does not. */
const NEEDS_MARKS: ReadonlySet<MirrorAction> = new Set(['resync', 'reverse-resync', 'overwrite-primary']);

/** What the direction of the relationship forbids, whatever the image. */
function byDirection(action: MirrorAction, view: RelationshipView): Refusal | null {
  if (action === 'failback' && view.direction === 'forward') {
    return refuse('R31', { reason: 'The home roles are in place.', instead: 'There is nothing to fail back.' });
  }
  if (action === 'reverse-resync' && view.direction === 'forward') {
    return refuse('R31', { reason: 'The home source is the primary.', instead: 'Use resync.' });
  }
  if (action === 'resync' && view.forced && view.direction === 'reversed') {
    return refuse('R31', { reason: 'A forced promotion has turned the direction.', instead: 'Use reverse-resync.' });
  }
  return null;
}

/** What has to be true besides the image state, in the order in which it is reported. */
function prerequisite(action: MirrorAction, view: RelationshipView): Refusal | null {
  if (action === 'failover' && view.primaryServing) return refuse('R01', { peer: view.primaryName || view.peer.name });
  if (NEEDS_PEER.has(action) && !view.connected) return unreachable(view);
  if (NEEDS_MARKS.has(action) && view.trackingFailed) return refuse('R14');
  const { sourceBytes, destinationBytes } = view.sizes;
  if (NEEDS_PEER.has(action) && sourceBytes !== destinationBytes && !fits(action, view)) {
    return refuse('R19', {
      a: 'the source',
      x: sizeText(sourceBytes),
      b: 'the destination',
      y: sizeText(destinationBytes),
    });
  }
  if (!SYNCS.has(action)) return null;
  if (view.nvfailSince !== '') return refuse('R22', { time: view.nvfailSince }, false);
  if (view.shortage !== null) {
    return refuse('R23', { needed: sizeText(view.shortage.neededBytes), free: sizeText(view.shortage.freeBytes) });
  }
  const lock = syncDirection(action, view);
  if (view.lock !== null && lock !== null && view.lock !== lock) return refuse('R06', { direction: view.lock });
  if (action === 'overwrite-primary' && view.hosts.length > 0) return refuse('R10', { hosts: view.hosts });
  return null;
}

/** A grow that did not end has left one side larger: only what copies from the smaller one is possible. */
function fits(action: MirrorAction, view: RelationshipView): boolean {
  const { sourceBytes, destinationBytes } = view.sizes;
  switch (syncDirection(action, view)) {
    case 'forward':
      return sourceBytes < destinationBytes && action !== 'overwrite-primary';
    case 'reverse':
      return destinationBytes < sourceBytes && action !== 'overwrite-primary';
    case null:
      return action === 'verify';
  }
}

/** Direction in which the action copies; null when it is chosen with the action. */
export function syncDirection(action: MirrorAction, view: RelationshipView): 'forward' | 'reverse' | null {
  if (action === 'overwrite-primary') return opposite(flowOf(view));
  if (action === 'establish' || action === 'resync' || action === 'reverse-resync') return flowOf(view);
  return null;
}

/** The decision on one action. */
export function decideAction(action: MirrorAction, view: RelationshipView): AllowedAction {
  if (view.changing !== '') return refused(action, refuse('R09', { event: view.changing }));
  const turned = byDirection(action, view);
  if (turned !== null && view.image !== 'NotEstablished' && view.image !== 'Diverged') {
    return refused(action, turned);
  }
  const cell = TABLE[action][view.image](view);
  if (cell.kind === 'refuse') return refused(action, cell.refusal);
  if (cell.kind === 'noop') return { action, allowed: true, confirm: 'none', noop: true };
  const obstacle = prerequisite(action, view);
  if (obstacle !== null) return refused(action, obstacle);
  const allowed = { action, allowed: true, confirm: cell.confirm, noop: false } as const;
  if (action !== 'failover' || view.primaryStopped) return allowed;
  return { ...allowed, warning: refuse('R07', { peer: view.peer.name }) };
}

function refused(action: MirrorAction, refusal: Refusal): AllowedAction {
  return { action, allowed: false, confirm: refusal.overridable ? 'typed' : 'none', noop: false, refusal };
}

/** One entry per action, in the order of the vocabulary. */
export function allowedActions(view: RelationshipView): readonly AllowedAction[] {
  return ACTIONS.map((action) => decideAction(action, view));
}

import type { ActiveCondition, ConditionCode, MirrorAction, RelationshipView } from './types.ts';

/** Most severe first; the first that is present is the headline. */
export const CONDITION_SEVERITY: readonly ConditionCode[] = [
  'NVFail',
  'VolumeFailed',
  'LogFailed',
  'BitmapFailed',
  'QueueFailed',
  'QuorumLost',
  'Fenced',
  'FracturedSystem',
  'WaitingOnAdmin',
  'FracturedAdmin',
  'DirectionLocked',
  'Ahead',
  'Queuing',
  'SyncPaused',
  'QueuedForSync',
  'Restoring',
  'DrillRunning',
  'VerifyRunning',
  'Active',
];

export interface DescribedCondition extends ActiveCondition {
  /** What the engine does next by itself; null when it waits. */
  readonly nextStep: string | null;
  readonly clearedBy: readonly MirrorAction[];
}

/** The conditions of a relationship for people, most severe first; `Active` when there is no other. */
export function describeConditions(view: RelationshipView, nowWallMs: number): readonly DescribedCondition[] {
  const present =
    view.conditions.length > 0 ? view.conditions : [{ code: 'Active', sinceWallMs: nowWallMs, cause: '' } as const];
  return present
    .toSorted((a, b) => CONDITION_SEVERITY.indexOf(a.code) - CONDITION_SEVERITY.indexOf(b.code))
    .map((condition) => ({
      ...condition,
      nextStep: nextStep(condition.code, view),
      clearedBy: clearedBy(condition.code, view),
    }));
}

function nextStep(code: ConditionCode, view: RelationshipView): string | null {
  switch (code) {
    case 'FracturedSystem':
      if (view.image === 'Diverged') return null;
      if (!view.connected)
        return view.recovery === 'automatic' && !view.forced
          ? 'resync when the peer is back'
          : 'handshake when the peer is back';
      return view.recovery === 'automatic' && !view.forced ? 'resync' : null;
    case 'QueuedForSync':
      return 'sync as soon as a slot is free';
    case 'Queuing':
      return 'drain when the peer is back';
    case 'Ahead':
      return 'partial sync when there is room again';
    case 'VerifyRunning':
    case 'Restoring':
    case 'DrillRunning':
      return 'ends by itself';
    case 'DirectionLocked':
      return view.image === 'Synchronizing' ? 'cleared when the sync completes' : null;
    default:
      return null;
  }
}

function clearedBy(code: ConditionCode, view: RelationshipView): readonly MirrorAction[] {
  const sync: MirrorAction = view.direction === 'reversed' ? 'reverse-resync' : 'resync';
  switch (code) {
    case 'FracturedAdmin':
    case 'FracturedSystem':
    case 'Fenced':
      return view.image === 'Diverged' ? ['resolve'] : [sync];
    case 'SyncPaused':
      return ['resume'];
    case 'WaitingOnAdmin':
      if (view.image === 'Diverged') return ['resolve'];
      return view.image === 'NotEstablished' ? ['establish'] : [sync];
    case 'DirectionLocked': {
      const finishing: MirrorAction =
        view.lock === 'forward'
          ? view.direction === 'forward'
            ? 'resync'
            : 'overwrite-primary'
          : view.direction === 'reversed'
            ? 'reverse-resync'
            : 'overwrite-primary';
      return view.image === 'OutOfSync' ? [finishing, 'rollback'] : [];
    }
    case 'LogFailed':
    case 'BitmapFailed':
    case 'QueueFailed':
    case 'VolumeFailed':
      return ['establish'];
    default:
      return [];
  }
}

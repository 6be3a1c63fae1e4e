/**
 * The state machine of a relationship: replication.md 3.4. Pure: what happens to the state, and what has to be done
 * besides (`effects`, in order). Hard changes (something failed) are always accepted, soft ones (asked by an
 * administrator) go through the table of actions first.
 */
import { decideAction, syncDirection } from './actions.ts';
import { refuse } from './refusals.ts';
import { Draft, moved, type Patch } from './draft.ts';
import type { Cause, Effect, Outcome, RelationshipEvent } from './events.ts';
import { flowOf, type ConditionCode, type MirrorAction, type RelationshipView, type SyncKind } from './types.ts';

const FRACTURES: readonly ConditionCode[] = ['FracturedAdmin', 'FracturedSystem', 'WaitingOnAdmin', 'QueuedForSync'];

/** `nowWallMs` only dates conditions. */
export function transition(state: RelationshipView, event: RelationshipEvent, nowWallMs = 0): Outcome {
  const draft = new Draft(state, nowWallMs);
  switch (event.kind) {
    case 'action':
      return act(state, event, draft);
    case 'sync-complete':
      if (state.image !== 'Synchronizing') return impossible();
      return draft
        .set({ image: 'Synchronized', lock: null, sync: null, fracture: null, forced: false, marks: 0 })
        .without(...FRACTURES, 'DirectionLocked', 'SyncPaused', 'Fenced')
        .end(['adopt-generation', 'release-safety-snapshot']);
    case 'write-everywhere':
      if (state.image !== 'Synchronized') return impossible();
      return moved(state, ['acknowledge-hosts']);
    case 'missed-write':
      // A write that the fractured secondary lacks: from now on it is known that the primary moved on.
      return state.image === 'Consistent' ? draft.set({ image: 'Outdated' }).end() : moved(state);
    case 'secondary-failed':
      return secondaryFailed(state, event.cause, draft);
    case 'link-lost':
      return linkLost(state, event.cause, draft);
    case 'link-back':
      return linkBack(state, event.equal, draft);
    case 'source-died':
      draft.set({ connected: false, primaryServing: false });
      if (state.image !== 'Synchronizing') return linkLost(state, 'peer', draft);
      return interrupt(state, draft)
        .with('WaitingOnAdmin', 'the source of the sync is lost')
        .end(['stop-sync', ...(state.safetySnapshot === null ? [] : (['offer-rollback'] as const))]);
    case 'rollback-complete':
      if (state.image !== 'RollingBack') return impossible();
      return draft
        .set({ image: 'Outdated', lock: null })
        .without('DirectionLocked', 'WaitingOnAdmin', 'Restoring')
        .end(['tell-peer']);
    case 'old-primary-returned':
      return oldPrimaryReturned(state, event.wroteAlone, draft);
    case 'fork-found':
      return state.image === 'NotEstablished' ? impossible() : diverge(draft);
    case 'tracking-damaged':
      if (event.copies === 'one') return moved(state, ['use-other-copy']);
      return draft
        .set({
          image: isUsable(state) || state.image === 'Synchronizing' ? 'OutOfSync' : state.image,
          trackingFailed: true,
          sync: null,
        })
        .with('BitmapFailed', 'both copies are damaged')
        .with('WaitingOnAdmin', 'change tracking is damaged')
        .end(['mark-all']);
    case 'quorum-lost':
      return draft.with('QuorumLost', event.hosts).end([event.hosts === 'suspended' ? 'hold-hosts' : 'fail-hosts']);
    case 'quorum-regained':
      if (!event.newerGeneration) return draft.without('QuorumLost').end(['acknowledge-hosts']);
      return outdate(state, draft).without('QuorumLost').end(['fail-hosts', 'demote-old-primary', 'offer-resync']);
    case 'verify-found-differences':
      if (state.image !== 'Synchronized' && state.image !== 'Consistent') return impossible();
      return draft
        .set({ marks: state.marks + event.regions })
        .without('VerifyRunning')
        .with('WaitingOnAdmin', 'verify found differences')
        .end(['mark-differences']);
    case 'volume-failed':
      return draft
        .set({ image: state.image === 'NotEstablished' ? 'NotEstablished' : 'OutOfSync', sync: null })
        .with('VolumeFailed', 'the volume of the copy is lost')
        .end(['stop-sync', 'mark-all']);
    case 'nvfail':
      return draft.with('NVFail', 'acknowledged writes were lost').end(['hold-hosts']);
  }
}

/** An event that means nothing here: a caller acted on an older state. */
function impossible(): Outcome {
  return { kind: 'refused', refusal: refuse('R29') };
}

function interrupt(state: RelationshipView, draft: Draft): Draft {
  const lock = state.lock ?? flowOf(state);
  return draft.set({ image: 'OutOfSync', lock, sync: null }).without('SyncPaused').with('DirectionLocked', lock);
}

function secondaryFailed(state: RelationshipView, cause: Cause, draft: Draft): Outcome {
  if (state.image === 'Synchronizing') return interrupt(state, draft).with('FracturedSystem', cause).end(['stop-sync']);
  if (state.image !== 'Synchronized' && state.image !== 'Consistent') return moved(state);
  // A strict mirror misses nothing that was acknowledged, so it does not become Outdated.
  if (state.policy === 'strict') return draft.end(['hold-hosts', 'fail-hosts']);
  return draft
    .set({ image: 'Outdated', fracture: state.fracture ?? 'system' })
    .with('FracturedSystem', cause)
    .end(['append-fracture-record', 'tell-peer', 'acknowledge-hosts']);
}

function linkLost(state: RelationshipView, cause: Cause, draft: Draft): Outcome {
  draft.set({ connected: false });
  switch (state.image) {
    case 'Synchronizing':
      return interrupt(state, draft)
        .with('FracturedSystem', cause)
        .end(['stop-sync', 'append-fracture-record', 'acknowledge-hosts']);
    case 'Synchronized':
    case 'Consistent':
      if (state.fracture === 'admin') return draft.end();
      // Without contact a copy is never shown Synchronized (3.12, 6).
      if (state.policy === 'strict') return draft.set({ image: 'Consistent' }).end(['hold-hosts']);
      return draft
        .set({ image: 'Consistent', fracture: state.fracture ?? 'system' })
        .with('FracturedSystem', cause)
        .end(['append-fracture-record', 'acknowledge-hosts']);
    default:
      return draft.end();
  }
}

function linkBack(state: RelationshipView, equal: boolean, draft: Draft): Outcome {
  draft.set({ connected: true });
  if (state.image === 'NotEstablished' || state.image === 'Diverged' || state.image === 'RollingBack')
    return draft.end();
  if (equal && state.image === 'Consistent' && state.marks === 0 && state.fracture !== 'admin' && !state.forced) {
    return draft
      .set({ image: 'Synchronized', fracture: null })
      .without(...FRACTURES)
      .end();
  }
  if (state.image === 'Synchronized' || state.fracture === 'admin') return draft.end();
  if (state.forced)
    return draft.with('WaitingOnAdmin', 'after a forced promotion a resync has to be asked for').end(['offer-resync']);
  if (state.recovery === 'automatic' && !state.trackingFailed)
    return draft.with('QueuedForSync', 'the peer is back').end(['start-sync']);
  return draft.with('WaitingOnAdmin', 'recovery policy manual').end(['offer-resync']);
}

function isUsable(state: RelationshipView): boolean {
  return state.image === 'Synchronized' || state.image === 'Consistent' || state.image === 'Outdated';
}

/** The primary moved on: a usable copy is Outdated now, an unusable one stays what it is. */
function outdate(state: RelationshipView, draft: Draft): Draft {
  if (state.image === 'Synchronizing') return interrupt(state, draft);
  return isUsable(state) ? draft.set({ image: 'Outdated' }) : draft;
}

function oldPrimaryReturned(
  state: RelationshipView,
  wroteAlone: 'nobody' | 'old' | 'new' | 'both',
  draft: Draft,
): Outcome {
  if (state.image === 'NotEstablished') return impossible();
  draft.set({ connected: true, primaryServing: true });
  if (wroteAlone === 'both') return diverge(draft.with('Fenced', 'the old primary returned'));
  const waiting =
    wroteAlone === 'old' ? 'only the old primary wrote' : 'after a forced promotion a resync has to be asked for';
  return outdate(state, draft)
    .set({ forced: true })
    .with('Fenced', 'the old primary returned')
    .with('WaitingOnAdmin', waiting)
    .end(['demote-old-primary', 'exchange-marks', 'offer-resync']);
}

function diverge(draft: Draft): Outcome {
  return draft
    .set({ image: 'Diverged', sync: null, lock: null })
    .without('DirectionLocked', 'SyncPaused', 'QueuedForSync')
    .with('WaitingOnAdmin', 'both copies changed')
    .end(['stop-sync']);
}

function act(state: RelationshipView, event: Extract<RelationshipEvent, { kind: 'action' }>, draft: Draft): Outcome {
  const { action } = event;
  const decision = decideAction(action, state);
  if (decision.refusal !== undefined) return { kind: 'refused', refusal: decision.refusal };
  if (decision.noop) return moved(state);
  switch (action) {
    case 'establish':
      if (event.proof === 'unverified') return { kind: 'refused', refusal: refuse('R30') };
      if (event.proof === 'verified') {
        if (state.image !== 'NotEstablished') return { kind: 'refused', refusal: refuse('R30') };
        return draft
          .set({ image: 'Synchronized', marks: 0 })
          .without(...FRACTURES)
          .end(['adopt-generation']);
      }
      return startSync(state, draft, action, 'full', ['mark-all', 'take-safety-snapshot-of-target', 'start-sync']);
    case 'resync':
      return startSync(state, draft, action, 'update', [
        'exchange-marks',
        'take-safety-snapshot-of-target',
        'start-sync',
      ]);
    case 'reverse-resync':
      return startSync(state, draft, action, 'reverse', [
        'exchange-marks',
        'take-safety-snapshot-of-target',
        'start-sync',
      ]);
    case 'overwrite-primary':
      return startSync(state, draft, action, 'overwrite-primary', [
        'quiesce-hosts',
        'exchange-marks',
        'take-safety-snapshot-of-target',
        'start-sync',
      ]);
    case 'fracture':
      if (state.image === 'Synchronizing') {
        return interrupt(state, draft)
          .set({ fracture: 'admin' })
          .with('FracturedAdmin', 'admin')
          .end(['stop-sync', 'append-fracture-record', 'tell-peer']);
      }
      return draft
        .set({ image: 'Consistent', fracture: 'admin' })
        .without('FracturedSystem', 'QueuedForSync')
        .with('FracturedAdmin', 'admin')
        .end(['append-fracture-record', 'tell-peer']);
    case 'pause':
      return draft
        .set({ sync: state.sync === null ? null : { ...state.sync, paused: true } })
        .with('SyncPaused', 'user')
        .end(['pause-sync']);
    case 'resume':
      return draft
        .set({ sync: state.sync === null ? null : { ...state.sync, paused: false } })
        .without('SyncPaused')
        .end(['resume-sync']);
    case 'switchover':
    case 'failback':
      return draft
        .set({ image: 'Synchronized', direction: state.direction === 'forward' ? 'reversed' : 'forward' })
        .end(['quiesce-hosts', 'drain', 'compare-digests', 'demote-old-primary', 'raise-role-epoch', 'swap-roles']);
    case 'failover':
      // The image that was promoted is the primary now; what the other side holds is unknown, so it is Outdated at best.
      return draft
        .set({
          image: 'Outdated',
          direction: state.direction === 'forward' ? 'reversed' : 'forward',
          forced: true,
          fracture: 'system',
          lock: null,
          primaryServing: true,
        })
        .with('FracturedSystem', 'peer')
        .without('QueuedForSync', 'WaitingOnAdmin')
        .end(['drain', 'raise-role-epoch', 'open-generation-at-first-write']);
    case 'rollback':
      return draft
        .set({ image: 'RollingBack', sync: null })
        .with('Restoring', 'rollback')
        .end(['roll-back-to-safety-snapshot']);
    case 'resolve':
      return draft
        .set({ image: 'Outdated', ...resolved(state, event.keep), forced: false })
        .without('WaitingOnAdmin')
        .end(['keep-victim-as-snapshot', state.trackingFailed ? 'mark-all' : 'exchange-marks', 'start-sync']);
    case 'verify':
      return draft.with('VerifyRunning', 'admin').end(['start-verify']);
    case 'delete':
      return draft
        .set({
          image: 'NotEstablished',
          sync: null,
          lock: null,
          fracture: null,
          forced: false,
          marks: 0,
          conditions: [],
        })
        .without(...state.conditions.map((each) => each.code))
        .end(['stop-sync', 'delete-relationship']);
  }
}

/** The side that is kept becomes the acting primary. */
function resolved(state: RelationshipView, keep: 'source' | 'destination' | undefined): Patch {
  if (keep === undefined) return { direction: state.direction };
  return { direction: keep === 'source' ? 'forward' : 'reversed' };
}

function startSync(
  state: RelationshipView,
  draft: Draft,
  action: MirrorAction,
  kind: SyncKind,
  effects: readonly Effect[],
): Outcome {
  const lock = syncDirection(action, state) ?? flowOf(state);
  return draft
    .set({
      image: 'Synchronizing',
      lock,
      fracture: null,
      sync: { kind, paused: false, percent: 0, eta: '' },
      trackingFailed: kind === 'full' ? false : state.trackingFailed,
    })
    .without(...FRACTURES, 'VolumeFailed', ...(kind === 'full' ? (['BitmapFailed'] as const) : []))
    .with('DirectionLocked', lock)
    .end(effects);
}

import {
  ACTIONS,
  REGION_BYTES,
  decideAction,
  imagePosition,
  type MirrorAction,
  type Relationship,
  type Replication,
} from '../../replication/index.ts';
import { refusalData } from './refusals.ts';
import type { RelationshipViews } from './relationship-view.ts';
import type { ActionPreview } from './types.ts';

export function isAction(action: string): action is MirrorAction {
  return (ACTIONS as readonly string[]).includes(action);
}

/** What an action would do now, said before it is done; never carries anything out. */
export function previewOf(
  views: RelationshipViews,
  replication: Replication,
  rel: Relationship,
  action: string,
): ActionPreview {
  const view = views.decisionView(rel);
  const decision = isAction(action) ? decideAction(action, view) : null;
  const theirs = replication.roles.view(rel.id);
  const sum =
    rel.marks.regions.count +
    rel.kept.regions.count +
    (theirs === undefined ? 0 : theirs.markedRegions + theirs.keptRegions);
  // Of the other side only the count is known: where both marked the same regions the sum counts them twice.
  const regions = Math.min(sum, rel.marks.regions.size);
  const record = rel.record;
  const backlog = rel.secondary.backlog;
  const at = imagePosition(record);
  const known = record.image === 'Synchronized' || record.policy === 'strict';
  return {
    action,
    allowed: decision?.allowed === true,
    confirm: decision?.confirm ?? 'none',
    ...(decision?.refusal === undefined ? {} : { refusal: refusalData(decision.refusal) }),
    effects: effectsOf(action, rel, views.nameOf(record.peerServerId), regions, backlog.writes),
    regions,
    bytesAtMost: regions * REGION_BYTES,
    loss: { ...views.lossHere(rel), unknownAfterWallMs: known && view.connected ? null : lastKnownAt(rel) },
    lastSafe: at === null ? null : { cp: at.cp, sequence: rel.imageSequence },
    expectedMs: null,
  };
}

/** On a secondary: until when it is known what its source acknowledged without it. */
function lastKnownAt(rel: Relationship): number | null {
  const { role, fracture, lastContactWallMs } = rel.record;
  if (role === 'secondary' && fracture !== null) return rel.missedHere?.trueUntilWallMs ?? fracture.atWallMs;
  return lastContactWallMs;
}

function effectsOf(
  action: string,
  rel: Relationship,
  peer: string,
  regions: number,
  backlogWrites: number,
): readonly string[] {
  const name = rel.deps.volume.record.name;
  const mib = ((regions * REGION_BYTES) / 1024 ** 2).toFixed(1);
  switch (action) {
    case 'failover':
      return [
        `${name} becomes writable here; ${String(backlogWrites)} log records are applied first.`,
        `${peer} is fenced when it returns; what it alone holds is listed, then overwritten by a reverse resync.`,
      ];
    case 'reverse-resync':
    case 'resync':
      return [
        `The image at ${peer} becomes equal to ${name}.`,
        `${String(regions)} regions (at most ${mib} MiB) are compared; only blocks that differ are copied.`,
        `${peer} keeps its present image as a safety snapshot.`,
      ];
    case 'establish':
      return [
        `Every block of ${name} is compared and copied to ${peer} where it differs; the image there cannot be used meanwhile.`,
      ];
    case 'failback':
    case 'switchover':
      return [
        `Hosts of ${name} wait for a last consistency point, then ${peer} serves the volume.`,
        'No write is lost; this side becomes the secondary.',
      ];
    case 'fracture':
      return [`Writes to ${name} go on here alone; changed regions are marked until a resync is asked for.`];
    case 'rollback':
      return [`${name} goes back to the image it had before the sync; what the sync copied is discarded.`];
    case 'resolve':
      return ['The side not kept is preserved as a snapshot, then overwritten where the copies differ.'];
    case 'delete':
      return ['Both volumes stay; they are no longer mirrored and their marks are dropped.'];
    default:
      return [];
  }
}

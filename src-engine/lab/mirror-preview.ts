/** What an action would do to a mirror, said before it is done. */
import type { MirrorAction, MirrorPreview, SideName } from '../contract/index.ts';
import { instant } from './instant.ts';
import { lastConsistentOf } from './mirror-view.ts';
import { refusalFrom, unreachable, type MirrorSides } from './mirror-sides.ts';
import { Refused } from './refused.ts';
import type { ActionPreview } from './server/types.ts';
import type { MirrorRecord, Topology } from './topology.ts';

/** Actions after which acknowledged writes of the losing image are gone from every serving image. */
const DISCARDS: readonly MirrorAction[] = ['failover', 'overwrite-primary', 'resolve', 'rollback'];

/** What the servers leave unsaid of actions that have no figures of their own. */
const STEPS: Partial<Record<MirrorAction, readonly string[]>> = {
  pause: ['The running sync stops where it is; what is left stays marked, and hosts go on.'],
  resume: ['The paused sync goes on where it stopped.'],
  verify: [
    'A consistency point is taken on both sides; both images are read and compared there while hosts go on writing.',
    'Nothing is overwritten: what differs is marked, and only a resync repairs it.',
  ],
  'overwrite-primary': [
    'The pair is fractured; then the image of the copy overwrites the primary wherever they differ.',
    'What hosts wrote to the primary since the copy was made is gone.',
  ],
};

export async function previewAction(
  { topology, sides }: { readonly topology: Topology; readonly sides: MirrorSides },
  record: MirrorRecord,
  action: MirrorAction,
  keep: SideName | undefined,
): Promise<MirrorPreview> {
  const view = sides.view(record);
  const at = sides.sideFor(view, action);
  if (at === null) throw new Refused(unreachable(record));
  const preview: ActionPreview = await at.unit.ask((face) => face.preview(record.id, action));
  const side = (home: SideName) => {
    const volume = topology.volumes.get(home === 'source' ? record.sourceVolumeId : record.destinationVolumeId);
    return { volume: volume.name, site: topology.siteOfVolume(volume).name };
  };
  const winner = winnerOf(action, view.primary?.home ?? 'source', keep);
  const overwritten = winner === null ? null : winner === 'source' ? 'destination' : 'source';
  const lossy = preview.loss.knownWrites > 0 || preview.loss.unknownAfterWallMs !== null;
  const known = preview.loss.unknownAfterWallMs === null;
  const lossText = lossSentence(preview.loss);
  const safeAt = lastConsistentOf(view)?.at ?? null;
  return {
    action,
    allowed: preview.allowed,
    refusal: preview.refusal === undefined ? null : refusalFrom(preview.refusal),
    needsConfirmation: preview.confirm === 'typed',
    steps: preview.effects.length > 0 ? [...preview.effects] : [...(STEPS[action] ?? [])],
    winner: winner === null ? null : side(winner),
    overwritten:
      overwritten === null ? null : { ...side(overwritten), regions: preview.regions, bytes: preview.bytesAtMost },
    loss:
      action === 'failover' || (lossy && DISCARDS.includes(action))
        ? {
            writes: preview.loss.knownWrites,
            bytes: preview.loss.bytes,
            seconds: preview.loss.seconds,
            known,
            text: lossy ? lossText : 'No acknowledged write would be missing.',
          }
        : null,
    lastSafe: preview.lastSafe === null ? null : { ...preview.lastSafe, at: safeAt },
    expectedSeconds: preview.expectedMs === null ? null : preview.expectedMs / 1000,
    kept:
      overwritten === null
        ? null
        : `The last consistent image of ${side(overwritten).volume} is kept as a safety snapshot until the sync is complete.`,
    command: `lockstep mirror ${action} ${record.name}${action === 'failover' ? ' --force' : ''}${action === 'resolve' ? ` --keep ${keep ?? 'source|destination'}` : ''}${preview.confirm === 'typed' ? ' --yes' : ''}`,
  };
}

function lossSentence({ knownWrites, unknownAfterWallMs }: ActionPreview['loss']): string {
  const known = `${knownWrites} acknowledged write${knownWrites === 1 ? '' : 's'}`;
  if (unknownAfterWallMs === null) return `${known} would be missing.`;
  const after = `${instant(unknownAfterWallMs).slice(0, 19).replace('T', ' ')} UTC`;
  if (knownWrites === 0)
    return `What was acknowledged after ${after} would be missing; how much that is cannot be known here.`;
  return `At least ${known} would be missing; what was acknowledged after ${after} cannot be known here.`;
}

/** Whose content stays when an action overwrites an image; null where none is overwritten. */
function winnerOf(action: MirrorAction, primary: SideName, keep: SideName | undefined): SideName | null {
  switch (action) {
    case 'establish':
    case 'resync':
    case 'reverse-resync':
      return primary;
    case 'overwrite-primary':
      return primary === 'source' ? 'destination' : 'source';
    case 'resolve':
      return keep ?? null;
    default:
      return null;
  }
}

import type { Relationship } from './relationship.ts';
import { disownGeneration, writersOf } from './state/index.ts';
import type { RelationshipView } from './views.ts';

/**
 * What a strict mirror still held back is nobody's promise any more: its hosts are told so, and its regions are marked.
 * Not "not owner", which a host may take for "never happened": these writes are logged and may be in the other image.
 */
export function giveWay(rel: Relationship): void {
  const { volume } = rel.deps;
  rel.primary.markUnanswered();
  volume.failPending('volume/mirror-timeout', `${rel.deps.nameOf(rel.record.peerServerId)} serves this volume now; whether this write took effect is not known`);
  rel.primary.left();
  volume.advance();
}

/**
 * A split brain is resolved (3.4, ResolveSplitBrain): the victim keeps its image as a snapshot and becomes secondary,
 * the survivor resynchronizes it from the union of both sides' marks.
 */
export async function yieldTo(rel: Relationship, roleEpoch: number): Promise<void> {
  const { volume, runtime } = rel.deps;
  volume.setGate({ kind: 'closed', code: 'volume/not-owner', message: `${rel.deps.nameOf(rel.record.peerServerId)} was chosen to survive` });
  giveWay(rel);
  if (volume.dirtyBlocks > 0) await rel.deps.consistencyPoint('role-swap');
  await rel.primary.owed.settle(0);
  await rel.serial(async () => {
    const name = `split-brain-${runtime.random.id()}`;
    await rel.commit({ keep: [{ volumeId: volume.id, name, purpose: 'snapshot', which: 'after' }] }, (record) => ({
      ...record, role: 'secondary', roleEpoch, image: 'Outdated', fenced: true, opening: '', fracture: null,
      generation: disownGeneration(record.generation),
    }));
  });
  runtime.covered('roles/yielded');
}

/** A sync is about to discard what this secondary acknowledged alone before it gave way: that stays as a snapshot. */
export async function keepUnshared(rel: Relationship, theirs: RelationshipView | undefined): Promise<void> {
  const usable = rel.record.image === 'Outdated' || rel.record.image === 'Consistent';
  if (rel.record.role !== 'secondary' || !usable || theirs === undefined || writersOf(rel.record.generation, theirs.generation) !== 'this') return;
  await rel.secondary.drain();
  await rel.commit({ keep: [{ volumeId: rel.deps.volume.id, name: `unshared-${rel.deps.runtime.random.id()}`, purpose: 'snapshot', which: 'after' }] }, (record) => record);
  rel.deps.runtime.covered('roles/kept-unshared');
}

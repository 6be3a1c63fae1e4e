import { BLOCK_BYTES } from '../volume/index.ts';
import { PeerRefusedError } from './peer.ts';
import { regionsOf } from './region-set.ts';
import type { Relationship } from './relationship.ts';
import { refuse } from './state/index.ts';

/**
 * Growing both volumes of a relationship, asked at its primary: the secondary's first, so that no host can write what
 * the secondary has no place for. A crash in between leaves the secondary larger; asking again finishes it, at whichever
 * side is primary then. Nothing new is marked: where nobody has written, both sides read zeros. Rejects with
 * PeerRefusedError (a coded refusal), PeerLostError or StorageError.
 */
export async function growPair(rel: Relationship, sizeBlocks: number): Promise<void> {
  const { record, deps } = rel;
  const peerName = deps.nameOf(record.peerServerId);
  if (record.role !== 'primary') throw no(refuse('R01', { peer: peerName }));
  if (record.image === 'Diverged') throw no(refuse('R11', { time: '' }));
  if (record.resync !== null || record.image === 'Synchronizing' || record.image === 'RollingBack') throw no(refuse('R04', { kind: '', percent: '' }));
  if (record.handingOver) throw no(refuse('R09', { event: 'the planned role swap' }));
  if (!deps.peer.connected) throw no(refuse('R05', { peer: peerName, time: '', cause: record.fracture?.cause ?? '' }));
  await deps.peer.call('grow', { relationship: rel.id, sizeBlocks });
  deps.runtime.covered('grow/peer-grown');
  await rel.serial(() => growOwn(rel, sizeBlocks));
  rel.report('volume/grown', 'notice', `both volumes have ${String(sizeBlocks * BLOCK_BYTES)} bytes now`);
  deps.announce();
}

/** The secondary's part. */
export async function growSecondary(rel: Relationship, sizeBlocks: number): Promise<void> {
  if (rel.record.role !== 'secondary') throw new PeerRefusedError('this side is primary', { code: 'R01' });
  if (rel.record.image === 'Synchronizing' || rel.record.image === 'RollingBack') throw no(refuse('R04', { kind: '', percent: '' }));
  await growOwn(rel, sizeBlocks);
  rel.deps.announce();
}

/** The own volume and what tracks it; the tracking first, durably: a label with a size finds logs of that size. */
async function growOwn(rel: Relationship, sizeBlocks: number): Promise<void> {
  const { volume, runtime } = rel.deps;
  if (volume.record.sizeBlocks >= sizeBlocks) return;
  const regions = regionsOf(sizeBlocks * BLOCK_BYTES);
  const label = async (): Promise<void> => {
    runtime.covered('grow/tracked');
    await rel.commit({ resize: [{ volumeId: volume.id, sizeBlocks }] }, (record) => record);
  };
  await rel.marks.grow(regions, () => rel.kept.grow(regions, label));
  runtime.covered('grow/labelled');
}

function no(refusal: { readonly code: string; readonly message: string; readonly hint: string }): PeerRefusedError {
  return new PeerRefusedError(refusal.message, { code: refusal.code, hint: refusal.hint });
}

import type { JsonObject } from '../pool/index.ts';
import { BLOCK_BYTES } from '../volume/index.ts';
import { PeerRefusedError } from './peer.ts';
import type { Relationship } from './relationship.ts';

/** Undo of a broken or wrong-direction sync: back to the safety snapshot (layout.md, "Rollback"). */
export async function rollback(rel: Relationship): Promise<JsonObject> {
  const { pool, volume, runtime } = rel.deps;
  return rel.serial(async () => {
    rel.secondary.joined = false;
    await rel.secondary.drain();
    const safety = rel.record.safety;
    const kept = volume.record.keptRoots.find((root) => root.name === safety?.name);
    if (safety === null || kept === undefined) throw new PeerRefusedError('no safety snapshot exists', { code: 'R03' });
    if (volume.record.keptRoots.at(-1)?.name !== kept.name) throw new PeerRefusedError('newer snapshots of the volume stand in the way; delete them first', { code: 'R28' });
    // A swing marks every region in which the two roots differ: the source has cleared its marks for what it copied.
    for await (const { vbn } of pool.walk(volume.record.root, { fromVbn: 0, toVbn: volume.record.sizeBlocks, bornAfter: kept.cp })) {
      rel.marks.markRange(vbn * BLOCK_BYTES, BLOCK_BYTES);
    }
    await rel.marks.flush();
    await rel.commit({ rollback: [{ volumeId: volume.id, to: kept.name }] }, (record) => ({
      ...record, image: 'Outdated', lock: null, resync: null,
      ...(record.position === null ? {} : { rolledBack: { from: record.position, to: record.safety?.position ?? null } }),
    }));
    volume.rootSwung(0);
    runtime.covered('roles/rolled-back');
    rel.report('mirror/rolled-back', 'warning', 'rolled back to the image before the sync');
    rel.deps.announce();
    return { markedRegions: rel.marks.regions.count };
  });
}

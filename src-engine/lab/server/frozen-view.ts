import type { Pool } from '../../pool/index.ts';
import type { Relationship } from '../../replication/index.ts';
import {
  BLOCK_BYTES,
  type CpSummary,
  type CpTrigger,
  type FrozenBlock,
  type LoggedVolume,
} from '../../volume/index.ts';
import type { StorageServerFace } from './types.ts';

const NO_OVERLAY: ReadonlyMap<number, FrozenBlock> = new Map();

/**
 * The content of a volume at one moment, stable while hosts go on writing: a kept root, and for a secondary the entries
 * of its mirror log laid over it. The root is released by `close`, or at the next start.
 */
export async function openFrozenView(deps: {
  readonly name: string;
  readonly volume: LoggedVolume;
  readonly pool: Pool;
  readonly rel: Relationship | null;
  readonly consistencyPoint: (trigger: CpTrigger) => Promise<CpSummary>;
}): ReturnType<StorageServerFace['frozenView']> {
  const { name, volume, pool, rel } = deps;
  const secondary = rel?.record.role === 'secondary';
  if (!secondary && volume.dirtyBlocks > 0) await deps.consistencyPoint('admin');
  const keep = async (): Promise<ReadonlyMap<number, FrozenBlock>> => {
    const overlay = secondary ? await rel.secondary.overlay() : NO_OVERLAY;
    await pool.commit({ keep: [{ volumeId: volume.id, name, purpose: 'snapshot', which: 'after' }] });
    return overlay;
  };
  // On a secondary the overlay and the root must be of one moment: nothing of the relationship runs in between.
  const overlay = rel === null ? await keep() : await rel.serial(keep);
  const kept = pool.volume(volume.id).keptRoots.find((root) => root.name === name);
  if (kept === undefined) throw new Error('the kept root is there');
  const blocks = async (first: number, count: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(count * BLOCK_BYTES);
    await pool.read(kept.root, first, count, bytes);
    if (overlay.size > 0) {
      for (let i = 0; i < count; i++) {
        const block = overlay.get(first + i);
        if (block === undefined) continue;
        const target = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
        if (block.content === null) target.fill(0);
        else target.set(block.content);
      }
    }
    return bytes;
  };
  return {
    cp: kept.cp,
    sequence: secondary ? rel.imageSequence : volume.appliedSequence,
    sizeBytes: kept.sizeBlocks * BLOCK_BYTES,
    read: async (offset, length) => {
      const first = Math.floor(offset / BLOCK_BYTES);
      const count = Math.ceil((offset + length) / BLOCK_BYTES) - first;
      return (await blocks(first, count)).subarray(offset - first * BLOCK_BYTES, offset - first * BLOCK_BYTES + length);
    },
    isHole: async (offset, length) => {
      const first = Math.floor(offset / BLOCK_BYTES);
      const end = Math.ceil((offset + length) / BLOCK_BYTES);
      for (let vbn = first; vbn < end; vbn++) if (overlay.get(vbn)?.content) return false;
      for await (const { pointer } of pool.walk(kept.root, { fromVbn: first, toVbn: end }))
        if (pointer !== null) return false;
      return true;
    },
    close: async () => {
      await pool.commit({ release: [{ volumeId: volume.id, name }] });
    },
  };
}

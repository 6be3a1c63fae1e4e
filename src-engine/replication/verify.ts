import { BLOCK_BYTES } from '../volume/index.ts';
import { REGION_BLOCKS, RegionSet } from './region-set.ts';
import { PeerRefusedError } from './peer.ts';
import type { Relationship } from './relationship.ts';
import { ResyncInterruptedError } from './resync.ts';

export interface VerifyResult {
  readonly regionsCompared: number;
  readonly regionsDiffering: number;
  readonly blocksDiffering: number;
  readonly cp: number;
  readonly ms: number;
}

/**
 * Online verify: both sides keep the root of one and the same consistency point and compare all of it by SHA-256 (first
 * 128 bits), while hosts write on. Differences are marked at the target; only an explicit resync repairs them.
 */
export class Verify {
  readonly kind = 'verify';
  private readonly rel: Relationship;
  private readonly startedMs: number;
  readonly startedWallMs: number;
  regionsTotal = 0;
  regionsDone = 0;
  regionsDiffering = 0;
  private cancelled: string | null = null;

  constructor(rel: Relationship) {
    this.rel = rel;
    this.startedMs = rel.deps.runtime.clock.nowMs();
    this.startedWallMs = rel.deps.runtime.clock.wallMs();
  }

  cancel(reason: string): void {
    this.cancelled = reason;
  }

  /** Rejects with ResyncInterruptedError when the relationship leaves the stream meanwhile. */
  async run(): Promise<VerifyResult> {
    const rel = this.rel;
    const { pool, volume, runtime, peer } = rel.deps;
    const name = `cut-${runtime.random.id()}`;
    rel.primary.keepCut(name);
    try {
      const committed = await this.cut(name);
      if (!committed) throw new ResyncInterruptedError('the consistency point to compare at was not committed on both sides');
      const kept = pool.volume(volume.id).keptRoots.find((root) => root.name === name);
      if (kept === undefined) throw new ResyncInterruptedError('the relationship left the stream');
      const blocksDiffering = await this.compare(name, kept.root, kept.sizeBlocks);
      return { regionsCompared: this.regionsDone, regionsDiffering: this.regionsDiffering, blocksDiffering, cp: kept.cp, ms: runtime.clock.nowMs() - this.startedMs };
    } finally {
      rel.primary.keepCut(null);
      if (pool.volume(volume.id).keptRoots.some((root) => root.name === name)) await pool.commit({ release: [{ volumeId: volume.id, name }] });
      peer.notify('cut-release', { relationship: rel.id, name });
    }
  }

  private async cut(name: string): Promise<boolean> {
    await this.rel.deps.consistencyPoint('admin');
    return this.rel.primary.cutCommitted === name;
  }

  private async compare(name: string, root: Parameters<Relationship['deps']['pool']['read']>[0], sizeBlocks: number): Promise<number> {
    const { pool, runtime, peer, settings } = this.rel.deps;
    const regions = Math.ceil(sizeBlocks / REGION_BLOCKS);
    this.regionsTotal = regions;
    let blocksDiffering = 0;
    for (let at = 0; at < regions; at += settings.resyncWindowRegions) {
      if (this.cancelled !== null) throw new ResyncInterruptedError(this.cancelled);
      const end = Math.min(regions, at + settings.resyncWindowRegions);
      const first = at * REGION_BLOCKS;
      const count = Math.min(sizeBlocks, end * REGION_BLOCKS) - first;
      const bytes = new Uint8Array(count * BLOCK_BYTES);
      await pool.read(root, first, count, bytes);
      const hashes: Uint8Array[] = [];
      for (let i = 0; i < count; i++) hashes.push(runtime.hash.sha256([bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)]).subarray(0, 16));
      const { result } = await peer.call('verify-compare', { relationship: this.rel.id, name, first, count }, hashes);
      const differing = Array.isArray(result['differing']) ? result['differing'].map(Number) : [];
      blocksDiffering += differing.length;
      this.regionsDiffering += new Set(differing.map((vbn) => Math.floor(vbn / REGION_BLOCKS))).size;
      this.regionsDone += end - at;
    }
    return blocksDiffering;
  }
}

/** The target's side of one window: answers with the blocks that differ and marks their regions. */
export async function answerCompare(rel: Relationship, name: string, first: number, count: number, hashes: Uint8Array): Promise<readonly number[]> {
  const { pool, volume, runtime } = rel.deps;
  const kept = volume.record.keptRoots.find((root) => root.name === name);
  if (kept === undefined) throw new PeerRefusedError('the root to compare with is not kept here', { cause: 'no-cut' });
  if (hashes.length !== count * 16) throw new PeerRefusedError('the list of hashes cannot be read', {});
  const bytes = new Uint8Array(count * BLOCK_BYTES);
  await pool.read(kept.root, first, count, bytes);
  const differing: number[] = [];
  const marks = new RegionSet(rel.marks.regions.size);
  for (let i = 0; i < count; i++) {
    const own = runtime.hash.sha256([bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)]);
    let equal = true;
    for (let b = 0; b < 16; b++) if (own[b] !== hashes[i * 16 + b]) equal = false;
    if (equal) continue;
    differing.push(first + i);
    marks.add(Math.floor((first + i) / REGION_BLOCKS));
  }
  if (differing.length > 0) {
    runtime.covered('verify/found-difference');
    rel.marks.mark(marks);
    await rel.marks.flush();
    // The source offers a resync from now on.
    rel.deps.announce();
  }
  return differing;
}

import { BLOCK_BYTES } from '../volume/index.ts';
import { decodeBlockList, encodeBlockList, type BlockUpdate } from './block-list.ts';
import { PeerRefusedError } from './peer.ts';
import { REGION_BLOCKS, RegionSet } from './region-set.ts';
import type { Relationship } from './relationship.ts';
import { crcOfContent, isZero } from './secondary.ts';
import { descendFrom, type Generation } from './state/index.ts';

export interface OverwriteResult {
  readonly regionsDiffering: number;
  readonly bytesCopied: number;
}

/**
 * Overwrite primary from secondary: the primary stays primary, its content becomes the secondary's. Hosts wait; the
 * primary's image is kept as safety snapshot; every block that differs is fetched and written like a host's write, so
 * that an ordinary resync afterwards finds both sides equal. A restore, not a failback.
 */
export class Overwrite {
  readonly kind = 'overwrite-primary';
  private readonly rel: Relationship;
  readonly startedWallMs: number;
  regionsTotal = 0;
  regionsDone = 0;
  regionsDiffering = 0;
  bytesCopied = 0;

  constructor(rel: Relationship) {
    this.rel = rel;
    this.startedWallMs = rel.deps.runtime.clock.wallMs();
  }

  /** Rejects with PeerLostError or PeerRefusedError; the volume then stays held and the direction locked. */
  async run(): Promise<OverwriteResult> {
    const rel = this.rel;
    const { volume, runtime, peer, settings } = rel.deps;
    volume.setGate({ kind: 'held', reason: 'the primary is being overwritten from the secondary', readsWait: true });
    await volume.quiet();
    await rel.deps.consistencyPoint('resync');
    const begun = await peer.call('overwrite-begin', { relationship: rel.id, sizeBlocks: volume.record.sizeBlocks });
    const name = `safety-${runtime.random.id()}`;
    const again = rel.record.resync?.kind === 'overwrite-primary';
    const lock = rel.record.home === 'source' ? 'reverse' : 'forward';
    const old = rel.record.safety;
    await rel.serial(() =>
      rel.commit(
        again ? {} : { keep: [{ volumeId: volume.id, name, purpose: 'safety', which: 'after' }], release: old === null ? [] : [{ volumeId: volume.id, name: old.name }] },
        (record) => ({ ...record, image: 'OutOfSync', lock, safety: again ? record.safety : { name, atWallMs: runtime.clock.wallMs() }, resync: { kind: 'overwrite-primary', startedWallMs: this.startedWallMs, paused: false } }),
      ),
    );
    const regions = rel.marks.regions.clone();
    regions.unite(RegionSet.fromBytes(regions.size, begun.body));
    this.regionsTotal = regions.count;
    let batch: number[] = [];
    for (const run of [...regions.runs()]) {
      for (let region = run.from; region < run.to; region++) {
        batch.push(region);
        if (batch.length < settings.resyncWindowRegions) continue;
        await this.window(batch);
        batch = [];
      }
    }
    if (batch.length > 0) await this.window(batch);
    await rel.deps.consistencyPoint('resync');
    // What the secondary wrote on its own, if anything, is this side's past now: no fork.
    const generation = descendFrom(begun.result['generation'] as unknown as Generation, rel.record.generation, runtime.random.id());
    await rel.serial(() => rel.commit({}, (record) => ({ ...record, image: 'Outdated', lock: null, resync: null, opening: '', generation, fracture: record.fracture ?? { cause: 'admin', atWallMs: runtime.clock.wallMs(), sequence: 0 } })));
    volume.setGate({ kind: 'open' });
    runtime.covered('overwrite/finished');
    return { regionsDiffering: this.regionsDiffering, bytesCopied: this.bytesCopied };
  }

  private async window(regions: readonly number[]): Promise<void> {
    const rel = this.rel;
    const { volume, runtime, peer } = rel.deps;
    const sizeBlocks = volume.record.sizeBlocks;
    const question: Uint8Array[] = [];
    for (const region of regions) {
      const count = Math.min(REGION_BLOCKS, sizeBlocks - region * REGION_BLOCKS);
      const own = await volume.read(region * REGION_BLOCKS * BLOCK_BYTES, count * BLOCK_BYTES);
      for (let i = 0; i < count; i++) question.push(runtime.hash.sha256([own.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)]).subarray(0, 16));
    }
    const reply = await peer.call('overwrite-read', { relationship: rel.id, regions: [...regions] }, question);
    const updates = decodeBlockList(reply.body);
    if (updates === null) throw new PeerRefusedError('the blocks from the secondary cannot be read', {});
    const touched = new Set<number>();
    await Promise.all(
      updates.map((update) => {
        const content = update.content ?? null;
        if (crcOfContent(content) !== update.crc) throw new PeerRefusedError('a block was damaged on its way', {});
        touched.add(Math.floor(update.vbn / REGION_BLOCKS));
        this.bytesCopied += BLOCK_BYTES;
        return volume.writeInternal(update.vbn * BLOCK_BYTES, content === null ? new Uint8Array(BLOCK_BYTES) : content.slice());
      }),
    );
    this.regionsDiffering += touched.size;
    this.regionsDone += regions.length;
  }
}

/** The secondary's side of one window: the blocks of the regions whose hash differs from the primary's. */
export async function answerOverwrite(rel: Relationship, regions: readonly number[], hashes: Uint8Array): Promise<readonly Uint8Array[]> {
  const { pool, volume, runtime } = rel.deps;
  const sizeBlocks = volume.record.sizeBlocks;
  const updates: BlockUpdate[] = [];
  let at = 0;
  for (const region of regions) {
    const first = region * REGION_BLOCKS;
    const count = Math.min(REGION_BLOCKS, sizeBlocks - first);
    const bytes = new Uint8Array(count * BLOCK_BYTES);
    await pool.read(volume.record.root, first, count, bytes);
    for (let i = 0; i < count; i++, at += 16) {
      const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
      const own = runtime.hash.sha256([block]);
      let equal = at + 16 <= hashes.length;
      for (let b = 0; b < 16; b++) if (own[b] !== hashes[at + b]) equal = false;
      if (equal) continue;
      const content = isZero(block) ? null : block;
      updates.push({ vbn: first + i, crc: crcOfContent(content), reference: 0, content });
    }
  }
  return encodeBlockList(updates);
}

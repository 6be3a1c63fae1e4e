import type { JsonObject } from '../pool/index.ts';
import { BLOCK_BYTES } from '../volume/index.ts';
import { REGION_BLOCKS } from './region-set.ts';
import type { Relationship } from './relationship.ts';

const KEPT_REGIONS_PER_ANSWER = 256;

/** Entries that only the secondary holds, beyond the end of this server's log, go into this log (3.12, 4). */
export async function takeKept(rel: Relationship): Promise<void> {
  rel.deps.runtime.covered('handshake/took-kept-entries');
  for (let from = 0; from >= 0;) {
    const reply = await rel.deps.peer.call('read-kept', { relationship: rel.id, from });
    const regions = reply.result['regions'];
    if (!Array.isArray(regions)) return;
    for (const [i, region] of regions.map(Number).entries()) {
      const bytes = reply.body.subarray(i * REGION_BLOCKS * BLOCK_BYTES, (i + 1) * REGION_BLOCKS * BLOCK_BYTES);
      await takeRegion(rel, region, bytes);
    }
    from = Number(reply.result['next'] ?? -1);
  }
}

async function takeRegion(rel: Relationship, region: number, bytes: Uint8Array): Promise<void> {
  const { volume } = rel.deps;
  for (let i = 0; i * BLOCK_BYTES < bytes.length; i++) {
    const theirs = bytes.slice(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    const offset = (region * REGION_BLOCKS + i) * BLOCK_BYTES;
    if (offset >= volume.sizeBytes) break;
    const own = await volume.read(offset, BLOCK_BYTES);
    if (own.every((byte, at) => byte === theirs[at])) continue;
    // A strict mirror acknowledges nothing before it is in sync again: being in the log is enough here.
    const written = volume.writeInternal(offset, theirs);
    if (rel.primary.holdsHosts) written.catch(() => undefined);
    else await written;
  }
}

/** Answers with the regions kept at the last drain from `from` on and their content here; `next`: where to go on, -1 at the end. */
export async function readKept(rel: Relationship, from: number): Promise<{ readonly result: JsonObject; readonly body: readonly Uint8Array[] }> {
  const regions: number[] = [];
  const body: Uint8Array[] = [];
  let region = rel.kept.regions.next(from);
  for (; region >= 0 && regions.length < KEPT_REGIONS_PER_ANSWER; region = rel.kept.regions.next(region + 1)) {
    const bytes = new Uint8Array(REGION_BLOCKS * BLOCK_BYTES);
    const count = Math.min(REGION_BLOCKS, rel.deps.volume.record.sizeBlocks - region * REGION_BLOCKS);
    await rel.deps.pool.read(rel.deps.volume.record.root, region * REGION_BLOCKS, count, bytes.subarray(0, count * BLOCK_BYTES));
    regions.push(region);
    body.push(bytes);
  }
  return { result: { regions, next: region }, body };
}

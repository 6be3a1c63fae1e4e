import { expect } from 'vitest';
import { Shelf } from '../../src-engine/disk/index.ts';
import { Pool } from '../../src-engine/pool/index.ts';
import type { TreeRoot } from '../../src-engine/pool/index.ts';
import type { RaidLevel } from '../../src-engine/raid/index.ts';
import { MemoryStorage, testRuntime } from './memory.ts';
import type { TestRuntime } from './memory.ts';

export interface Rig {
  readonly storage: MemoryStorage;
  readonly shelf: Shelf;
  readonly runtime: TestRuntime;
  readonly pool: Pool;
}

export async function newPool(options: { level?: RaidLevel; disks?: number; diskMiB?: number; sizeBlocks?: number; unitBlocks?: number; journalBlocks?: number } = {}): Promise<Rig> {
  const { level = 'raid5', disks = 4, diskMiB = 6, sizeBlocks = 2048, unitBlocks = 16, journalBlocks = 256 } = options;
  const storage = new MemoryStorage();
  const slots = Array.from({ length: disks }, (_, slot) => slot);
  const shelf = await Shelf.create(storage, { arrayId: 'array', disks: slots.map((slot) => ({ slot, sizeBytes: diskMiB * 1048576 })) });
  const runtime = testRuntime();
  const handle = shelf.handle({ poolId: 'p1', serverId: 's1', epoch: 0 });
  const pool = await Pool.create({ runtime, handle }, { id: 'p1', name: 'Pool', journalBlocks, groups: [{ level, slots, unitBlocks }] });
  await pool.commit({ create: [{ id: 'v1', name: 'Volume', sizeBlocks, policy: 'logged', attributes: {} }] });
  return { storage, shelf, runtime, pool };
}

/** Opens the pool from what `storage` holds; fails the test when it is refused. */
export async function reopen(storage: MemoryStorage, runtime = testRuntime(), minimumLabel = 0): Promise<Rig> {
  const shelf = await Shelf.open(storage);
  const handle = shelf.handle({ poolId: 'p1', serverId: 's1', epoch: 0 });
  const result = await Pool.open({ runtime, handle }, { poolId: 'p1', minimumLabel });
  if (result.kind === 'refused') throw new Error(`${result.code}: ${result.message}`);
  return { storage, shelf, runtime, pool: result.pool };
}

export function block(tag: number): Uint8Array {
  const bytes = new Uint8Array(4096);
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(tag + 1, 2654435761) ^ Math.imul(i, 40503);
  return bytes;
}

/** Commits one CP; `content` maps VBN to tag, null is a hole. */
export async function writeCp(pool: Pool, content: Iterable<readonly [number, number | null]>, volume = 'v1', rest: Parameters<Pool['commit']>[0] = {}): Promise<number> {
  const stage = pool.stage(volume);
  for (const [vbn, tag] of content) {
    if (tag === null) stage.hole(vbn);
    else await stage.write(vbn, block(tag));
  }
  await stage.finish();
  await pool.commit({ ...rest, stages: [stage] });
  return stage.birth;
}

export async function expectContent(pool: Pool, root: TreeRoot, content: ReadonlyMap<number, number | null>, sizeBlocks: number): Promise<void> {
  const all = new Uint8Array(sizeBlocks * 4096);
  await pool.read(root, 0, sizeBlocks, all);
  for (let vbn = 0; vbn < sizeBlocks; vbn++) {
    const tag = content.get(vbn) ?? null;
    const expected = tag === null ? new Uint8Array(4096) : block(tag);
    if (Buffer.compare(all.subarray(vbn * 4096, (vbn + 1) * 4096), expected) !== 0) expect.fail(`volume block ${vbn} is not ${tag ?? 'a hole'}`);
  }
}

import { BLOCK_BYTES } from '../disk/index.ts';
import type { CommitDraft } from './commit.ts';
import type { PoolCore } from './core.ts';
import { pbnAt, birthAt, pointerAt, RADIX, setPointer } from './page.ts';
import type { PointerList } from './page.ts';
import type { StoredRecord } from './records.ts';
import { RECORD_BLOCKS } from './records.ts';
import type { Space } from './space.ts';
import type { SpaceMap } from './spacemap.ts';
import { walkTree, writePage } from './tree.ts';
import type { BlockSink } from './tree.ts';
import type { BlockPointer, TreeRoot } from './types.ts';

/**
 * The cleaner: empties stripes with few live blocks by writing those blocks again to whole new stripes, births kept, so
 * that differences by birth stay right. What a kept root needs cannot move: other roots point to it.
 */
export interface Victims {
  /** One flag per stripe. */
  readonly flags: Uint8Array;
  readonly stripes: readonly number[];
}

/**
 * Pure choice: emptiest first, as many as pay. A moved block may cost one map page too, so a stripe counts double. Null
 * when nothing is gained.
 */
export function chooseVictims(space: Space, maxStripes: number, pinned: ReadonlySet<number>): Victims | null {
  const candidates: number[] = [];
  const blocksOf = (stripe: number): number => {
    for (let g = space.groups.length - 1; g >= 0; g--) {
      const group = space.groups[g];
      if (group !== undefined && stripe >= group.baseStripe) return group.geometry.stripeBlocks;
    }
    return 1;
  };
  for (let stripe = 0; stripe < space.stripeCount; stripe++) {
    const live = space.liveOf(stripe);
    if (live > 0 && live * 2 < blocksOf(stripe) && !space.isHeld(stripe) && !pinned.has(stripe)) candidates.push(stripe);
  }
  candidates.sort((a, b) => space.liveOf(a) - space.liveOf(b) || a - b);
  const flags = new Uint8Array(space.stripeCount);
  const stripes: number[] = [];
  const room = space.allocatableBlocks(true) / 2;
  let cost = 0;
  let gained = 0;
  for (const stripe of candidates) {
    const live = space.liveOf(stripe);
    if (stripes.length >= maxStripes || cost + live * 2 > room) break;
    cost += live * 2;
    gained += blocksOf(stripe);
    stripes.push(stripe);
    flags[stripe] = 1;
  }
  // The moves end in a padded stripe, and so do the records of the label.
  const padding = 2 * Math.max(...space.groups.map((group) => group.geometry.stripeBlocks));
  return gained > cost + padding ? { flags, stripes } : null;
}

/** The tree with every block and page in a victim stripe that was born after `bornAfter` moved. */
async function moveTree(core: PoolCore, root: TreeRoot, bornAfter: number, victims: Victims, sink: BlockSink, freed: PointerList): Promise<{ root: TreeRoot; moved: number }> {
  const { space } = core;
  let moved = 0;
  const inVictim = (pbn: number): boolean => victims.flags[space.stripeOf(pbn)] !== 0;
  const move = async (pointer: BlockPointer, level: number): Promise<BlockPointer> => {
    const loaded = core.page(pointer.pbn, pointer.crc);
    const old = loaded instanceof Promise ? await loaded : loaded;
    let page = inVictim(pointer.pbn) ? old.slice() : null;
    if (level === 1) {
      const slots: number[] = [];
      for (let slot = 0; slot < RADIX; slot++) {
        const pbn = pbnAt(old, slot);
        if (pbn !== 0 && birthAt(old, slot) > bornAfter && inVictim(pbn)) slots.push(slot);
      }
      if (slots.length > 0) {
        page ??= old.slice();
        const blocks = await Promise.all(
          slots.map(async (slot) => {
            const { pbn, crc } = pointerAt(old, slot);
            const block = new Uint8Array(BLOCK_BYTES);
            await core.readVerified(pbn, [crc], block, null);
            return block;
          }),
        );
        for (let i = 0; i < slots.length; i++) {
          const slot = slots[i] as number;
          const { pbn, birth, crc } = pointerAt(old, slot);
          freed.push(pbn, birth);
          setPointer(page, slot, sink.append(blocks[i] as Uint8Array), birth, crc);
        }
        moved += slots.length;
        const pressure = sink.pressure();
        if (pressure !== undefined) await pressure;
      }
    } else {
      for (let slot = 0; slot < RADIX; slot++) {
        const child = pbnAt(old, slot);
        if (child === 0 || birthAt(old, slot) <= bornAfter) continue;
        const before = pointerAt(old, slot);
        const after = await move(before, level - 1);
        if (after === before) continue;
        page ??= old.slice();
        setPointer(page, slot, after.pbn, after.birth, after.crc);
      }
    }
    if (page === null) return pointer;
    freed.push(pointer.pbn, pointer.birth);
    moved++;
    return writePage(core, page, sink, pointer.birth);
  };
  const { pointer } = root;
  if (pointer === null || pointer.pbn === 0 || pointer.birth <= bornAfter) return { root, moved };
  const next = await move(pointer, root.levels);
  return { root: next === pointer ? root : { pointer: next, levels: root.levels }, moved };
}

/** Moves what may move into the draft. `movable` says whether a volume's tree may be touched now. */
export async function cleanInto(
  core: PoolCore,
  draft: CommitDraft,
  victims: Victims,
  table: TreeRoot,
  space: SpaceMap,
  movable: (volumeId: string) => boolean,
): Promise<number> {
  let moved = 0;
  const inVictim = (pbn: number): boolean => pbn !== 0 && victims.flags[core.space.stripeOf(pbn)] !== 0;
  for (const record of [...draft.records.values()]) {
    let next: StoredRecord = record;
    if (movable(record.id)) {
      const result = await moveTree(core, record.root, record.keptRoots.at(-1)?.cp ?? 0, victims, draft.sink, draft.freed);
      moved += result.moved;
      if (result.root !== record.root) next = { ...next, root: result.root };
    }
    for (let i = 0; i < next.keptRoots.length; i++) {
      const kept = next.keptRoots[i];
      if (kept === undefined) continue;
      const result = await moveTree(core, kept.deadlist.root, 0, victims, draft.sink, draft.freed);
      moved += result.moved;
      if (result.root === kept.deadlist.root) continue;
      const keptRoots = next.keptRoots.with(i, { ...kept, deadlist: { ...kept.deadlist, root: result.root } });
      next = { ...next, keptRoots };
    }
    if (next !== record) draft.replace(next);
  }
  const touched = new Set<number>();
  let all = false;
  const steps = walkTree(core, table, 0, Infinity, 0, (pointer) => {
    if (inVictim(pointer.pbn)) all = true;
  });
  for await (const { index, pointer } of steps) if (inVictim(pointer.pbn)) touched.add(Math.floor(index / RECORD_BLOCKS));
  for (const record of draft.records.values()) {
    if (!all && !touched.has(record.tableSlot)) continue;
    draft.replace(record);
    moved++;
  }
  moved += space.dirtyWhere(inVictim);
  if (moved > 0) core.runtime.covered('pool/cleaner-moved-live-block');
  return moved;
}

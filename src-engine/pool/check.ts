import { StorageError } from '../runtime/index.ts';
import { BLOCK_BYTES, DISK_HEAD_BYTES } from '../disk/index.ts';
import { GroupFailedError } from '../raid/index.ts';
import { crcOfBlock } from './block.ts';
import type { PoolCore } from './core.ts';
import { readDeadlist } from './deadlist.ts';
import type { Label } from './label.ts';
import type { StoredRecord } from './records.ts';
import type { SpaceMap } from './spacemap.ts';
import { mappedBlocks, walkTree } from './tree.ts';
import { MediaError } from './types.ts';
import type { BlockPointer, Problem, TreeRoot } from './types.ts';

/**
 * Walks everything the label reaches and compares it with the free map. Reads only, unless `repair`: then damaged blocks
 * are reconstructed in place and parity is computed anew from data that match their checksums.
 */
export async function checkPool(core: PoolCore, label: Label, records: ReadonlyMap<string, StoredRecord>, spaceMap: SpaceMap, repair: boolean): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const { space } = core;
  // Who uses a block, and as what: the same block may be shared by the roots of one volume at one place only.
  const owner = new Int32Array(space.bits.length * 32).fill(-1);
  const place = new Float64Array(space.bits.length * 32);
  const data: { pbn: number; crc: number; where: string }[] = [];
  const claim = (pointer: BlockPointer, who: number, level: number, index: number, where: string): boolean => {
    const { pbn } = pointer;
    if (!space.contains(pbn)) {
      problems.push({ kind: 'out-of-range', where, message: `pointer to PBN ${pbn}` });
      return false;
    }
    const at = level * 2 ** 44 + index;
    if (owner[pbn] === -1) {
      owner[pbn] = who;
      place[pbn] = at;
      if (!space.isLive(pbn)) problems.push({ kind: 'unallocated', where, message: `PBN ${pbn} is used but free in the space map` });
      data.push({ pbn, crc: pointer.crc, where });
      return true;
    }
    if (owner[pbn] !== who || place[pbn] !== at) problems.push({ kind: 'double-use', where, message: `PBN ${pbn} is used twice` });
    return false;
  };
  const claimTree = async (root: TreeRoot, who: number, where: string): Promise<void> => {
    const place = (level: number, index: number): string => `${where} level ${level} index ${index}`;
    try {
      const steps = walkTree(core, root, 0, Infinity, 0, (pointer, level, index) => claim(pointer, who, level, index, place(level, index)));
      for await (const { index, pointer } of steps) if (pointer.pbn !== 0) claim(pointer, who, 0, index, place(0, index));
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      problems.push({ kind: 'checksum', where, message: error.message });
    }
  };
  const count = async (root: TreeRoot, kept: number, where: string): Promise<void> => {
    try {
      const found = await mappedBlocks(core, root);
      if (found !== kept) problems.push({ kind: 'count', where, message: `${found} blocks are mapped, the record says ${kept}` });
    } catch (error) {
      // Told above.
      if (!(error instanceof MediaError)) throw error;
    }
  };
  let who = 0;
  await claimTree(label.table, who++, 'volume table');
  await claimTree(label.space, who++, 'space map');
  for (const record of records.values()) {
    const volume = who++;
    const where = `volume ${record.id}`;
    await claimTree(record.root, volume, where);
    await count(record.root, record.usedBlocks, where);
    for (const kept of record.keptRoots) {
      const dead = await readDeadlist(core, kept.deadlist);
      for (let i = 0; i < dead.length; i++) {
        if (owner[dead.pbn(i)] === volume) problems.push({ kind: 'deadlist', where: `${where} root ${kept.name}`, message: `PBN ${dead.pbn(i)} is on the deadlist but in the current tree` });
        if (dead.birth(i) > kept.cp) problems.push({ kind: 'deadlist', where: `${where} root ${kept.name}`, message: `PBN ${dead.pbn(i)} is younger than the root` });
      }
    }
    for (const kept of record.keptRoots) {
      await claimTree(kept.root, volume, `${where} root ${kept.name}`);
      await count(kept.root, kept.usedBlocks, `${where} root ${kept.name}`);
      await claimTree(kept.deadlist.root, who++, `${where} deadlist of ${kept.name}`);
    }
  }
  data.sort((a, b) => a.pbn - b.pbn);
  const block = new Uint8Array(BLOCK_BYTES);
  const beyondRepair = new Set<number>();
  for (const { pbn, crc, where } of data) {
    let message = await mismatch(core, pbn, crc, block);
    // A stage may be writing to the stripe, and a lost member's block is computed from all others: look again at rest.
    if (message !== null) message = (await core.journals[space.groupOf(pbn)]?.serially(() => mismatch(core, pbn, crc, block))) ?? null;
    if (message === null) continue;
    const repaired = repair && (await repairBlock(core, pbn, crc));
    if (!repaired) beyondRepair.add(space.stripeOf(pbn));
    problems.push({ kind: 'checksum', where, message, place: placeOf(core, pbn), repaired });
  }
  const liveStripes = new Set<number>();
  for (let word = 0; word < space.bits.length; word++) {
    if (space.bits[word] === 0) continue;
    for (let bit = 0; bit < 32; bit++) {
      const pbn = word * 32 + bit;
      if (!space.isLive(pbn)) continue;
      liveStripes.add(space.stripeOf(pbn));
      if (owner[pbn] === -1) problems.push({ kind: 'leak', where: 'space map', message: `PBN ${pbn} is live but nothing refers to it` });
    }
  }
  for (const stripe of liveStripes) {
    const g = space.groups.findLastIndex((group) => stripe >= group.baseStripe);
    const local = stripe - (space.groups[g]?.baseStripe ?? 0);
    const group = core.group(g);
    const verdict = async (): Promise<'right' | 'wrong' | 'repaired'> => {
      if (await group.verifyStripe(local)) return 'right';
      if (!repair || beyondRepair.has(stripe)) return 'wrong';
      await group.rewriteStripe(local);
      return (await group.verifyStripe(local)) ? 'repaired' : 'wrong';
    };
    // A stage may be writing to the stripe: never compare or write it half way.
    const found = await (core.journals[g]?.serially(verdict) ?? verdict());
    if (found === 'right') continue;
    const repaired = found === 'repaired';
    const { slot, dbn } = group.placeOf(local * group.geometry.stripeBlocks);
    problems.push({ kind: 'parity', where: `group ${g} stripe ${local}`, message: 'parity or copies disagree', place: { slot, offset: DISK_HEAD_BYTES + dbn * BLOCK_BYTES }, repaired });
  }
  if (spaceMap.root !== label.space && JSON.stringify(spaceMap.root) !== JSON.stringify(label.space)) {
    problems.push({ kind: 'label', where: 'space map', message: 'the label names another space map than the one in memory' });
  }
  return problems;
}

async function mismatch(core: PoolCore, pbn: number, crc: number, into: Uint8Array): Promise<string | null> {
  try {
    await core.readRun(pbn, into);
    const found = crcOfBlock(into);
    return found === crc ? null : `PBN ${pbn} has checksum ${hex(found)} instead of ${hex(crc)}`;
  } catch (error) {
    if (!(error instanceof StorageError) && !(error instanceof GroupFailedError)) throw error;
    return error.message;
  }
}

function placeOf(core: PoolCore, pbn: number): { readonly slot: number; readonly offset: number } {
  const g = core.space.groupOf(pbn);
  const { slot, dbn } = core.group(g).placeOf(pbn - (core.space.groups[g]?.basePbn ?? 0));
  return { slot, offset: DISK_HEAD_BYTES + dbn * BLOCK_BYTES };
}

async function repairBlock(core: PoolCore, pbn: number, crc: number): Promise<boolean> {
  const block = new Uint8Array(BLOCK_BYTES);
  core.repairs = true;
  try {
    await core.readVerified(pbn, [crc], block, null);
    await core.group(core.space.groupOf(pbn)).sync();
    await core.readRun(pbn, block);
    return crcOfBlock(block) === crc;
  } catch (error) {
    if (!(error instanceof StorageError) && !(error instanceof GroupFailedError) && !(error instanceof MediaError)) throw error;
    return false;
  } finally {
    core.repairs = false;
  }
}

function hex(crc: number): string {
  return (crc >>> 0).toString(16).padStart(8, '0');
}

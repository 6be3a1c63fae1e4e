import { decodeLabel } from '../../pool/index.ts';
import { LABEL_SLOT_BYTES, type Disk, type ShelfHandle } from '../../disk/index.ts';
import type { Holdings } from './holdings.ts';
import { writeIdentity } from './identity.ts';
import { RefusedStart } from './opening.ts';
import type { PoolRemoval } from './types.ts';

const LABEL_SLOTS = [0, 1] as const;

/** Why an open pool has to stay, as a sentence; null where nothing keeps it. */
export async function whatKeepsPool(held: Holdings, { id }: PoolRemoval): Promise<string | null> {
  const open = held.pools.get(id);
  if (open === undefined) return null;
  const [volume] = open.pool.volumes();
  if (volume !== undefined) return `it holds the volume ${volume.name}`;
  const { arrayId } = open.handle;
  if ([...held.pools.values()].some((one) => one !== open && one.handle.arrayId === arrayId)) return null;
  // After the next start nothing would lead to the log through which other volumes are mirrored.
  for (const peer of new Set(held.relationships().map((rel) => rel.record.peerServerId))) {
    if (await open.handle.fileExists(`mirror-${peer}-a.log`))
      return `${held.deps.nameOf(arrayId)} keeps the mirror log for ${held.deps.nameOf(peer)}, and no other pool leads to it`;
  }
  return null;
}

/**
 * Ends a pool for good: its labels are overwritten with zeros on every disk that carries them, then its blocks are given
 * back to the file system. Whether it is open or not, and how much of it an earlier call did, makes no difference.
 */
export async function removePool(held: Holdings, { id, arrayId, slots }: PoolRemoval): Promise<void> {
  const { deps } = held;
  const shelf = deps.shelves.get(arrayId);
  if (shelf === undefined) throw new RefusedStart('server/no-array', `the array ${arrayId} cannot be reached`);
  const open = held.pools.get(id);
  held.pools.delete(id);
  await open?.pool.close();
  const handle: ShelfHandle = open?.handle ?? shelf.handle({ poolId: id, serverId: deps.id, epoch: shelf.epoch(id) });
  const usable = handle.slots.filter((slot) => slots.includes(slot)).map((slot) => handle.disk(slot));
  for (const disk of usable.filter((one) => one.failure === null)) await wipe(disk, id);
  if (held.epochs[id] === undefined) return;
  held.epochs = Object.fromEntries(Object.entries(held.epochs).filter(([poolId]) => poolId !== id));
  await writeIdentity(deps.logStorage, deps.runtime, { logId: held.openLog().logId, epochs: held.epochs });
}

async function wipe(disk: Disk, poolId: string): Promise<void> {
  for (const slot of LABEL_SLOTS) {
    const label = decodeLabel(await disk.readLabel(slot));
    // A disk that another pool took meanwhile is not touched.
    if (label.kind === 'ok' && label.label.poolId !== poolId) return;
    if (label.kind !== 'empty') await disk.writeLabel(slot, new Uint8Array(LABEL_SLOT_BYTES));
  }
  await disk.sync();
  await disk.discard(0, disk.blocks);
}

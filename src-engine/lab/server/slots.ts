import { type Disk, type Shelf, type ShelfHandle } from '../../disk/index.ts';
import { decodeLabel } from '../../pool/index.ts';
import type { Holdings } from './holdings.ts';
import { RefusedStart } from './opening.ts';

const LABEL_SLOTS = [0, 1] as const;
/** A pool whose creation was interrupted has its first label and nothing in it: its disks may be taken again. */
const FIRST_LABEL = 1;

/**
 * Refuses (`pool/slot-unusable`) a disk that holds somebody's data, or could: it belongs to an open pool, carries a label
 * of any pool, has failed, or cannot be read. The catalog says so too, but this is what the disks themselves say.
 */
export async function refuseUsedSlots(
  held: Holdings,
  shelf: Shelf,
  handle: ShelfHandle,
  slots: readonly number[],
): Promise<void> {
  for (const slot of slots) {
    const why = !handle.slots.includes(slot)
      ? 'it is not there'
      : (openPoolOn(held, shelf.arrayId, slot) ?? (await whatItHolds(handle.disk(slot))));
    if (why !== null) throw new RefusedStart('pool/slot-unusable', `disk ${String(slot)} cannot be used: ${why}`);
  }
}

function openPoolOn(held: Holdings, arrayId: string, slot: number): string | null {
  for (const { pool, handle } of held.pools.values())
    if (handle.arrayId === arrayId && pool.members().some((member) => member.slot === slot))
      return `it belongs to the pool ${pool.name}`;
  return null;
}

async function whatItHolds(disk: Disk): Promise<string | null> {
  if (disk.failure !== null) return disk.failure;
  for (const labelSlot of LABEL_SLOTS) {
    const label = decodeLabel(await disk.readLabel(labelSlot));
    if (label.kind === 'newer') return `its label has the newer format ${String(label.version)}`;
    if (label.kind === 'ok' && label.label.number > FIRST_LABEL)
      return `it carries a label of the pool ${label.label.name}`;
  }
  return null;
}

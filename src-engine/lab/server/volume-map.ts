import type { Holdings } from './holdings.ts';
import type { VolumeMapStatus } from './types.ts';

/** A coarse picture of a volume, from its map pages, its log overlay and the marks; no data block is read. */
export async function volumeMap(held: Holdings, volumeId: string, cells: number): Promise<VolumeMapStatus> {
  const volume = held.volumeOf(volumeId);
  const pool = held.poolOf(volumeId);
  const { root, sizeBlocks, cp, keptRoots } = volume.record;
  const cellBlocks = Math.max(1, Math.ceil(sizeBlocks / cells));
  const count = Math.ceil(sizeBlocks / cellBlocks);
  const columns = () => new Float64Array(count);
  const [mapped, dirty, fractured, shared] = [columns(), columns(), columns(), columns()];
  const add = (column: Float64Array, from: number, to: number): void => {
    const end = Math.min(to, sizeBlocks);
    for (let at = from; at < end;) {
      const cell = Math.floor(at / cellBlocks);
      const next = Math.min(end, (cell + 1) * cellBlocks);
      column[cell] = (column[cell] ?? 0) + next - at;
      at = next;
    }
  };
  // A block that is mapped now and was born before a root was kept is in that root too.
  const keptUntil = Math.max(0, ...keptRoots.map((kept) => kept.cp));
  const exact = await pool.outline(root, sizeBlocks, (vbn, blocks, birth) => {
    add(mapped, vbn, vbn + blocks);
    if (birth <= keptUntil) add(shared, vbn, vbn + blocks);
  });
  for (const vbn of volume.dirtyVbns()) add(dirty, vbn, vbn + 1);
  const marks = held.relationshipOfVolume(volumeId)?.marks.regions;
  if (marks !== undefined) for (const { from, to } of marks.runs()) add(fractured, from * 16, to * 16);
  return {
    cp,
    sizeBlocks,
    cellBlocks,
    exact,
    mapped: [...mapped],
    dirty: [...dirty],
    fractured: [...fractured],
    shared: [...shared],
    kept: keptRoots.map(({ name, purpose, cp: at, createdAtMs }) => ({ name, purpose, cp: at, createdAtMs })),
  };
}

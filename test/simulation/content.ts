/** What hosts write: every cell of a block names its volume, its place and the write it came from, and is checkable alone. */

/** A whole cell. `tag` names the volume, `id` the write (never 0). */
export function stampCell(target: Uint8Array, tag: number, cell: number, id: number): void {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.byteLength / 4);
  for (let i = 0; i < words.length; i += 4) {
    words[i] = 0x4c530000 | tag;
    words[i + 1] = cell;
    words[i + 2] = id;
    words[i + 3] = (Math.imul(id, 2654435761) ^ Math.imul(cell, 40503) ^ i) >>> 0;
  }
}

/** Id of the write a cell came from, 0 for zeros, null for bytes nobody wrote. */
export function readCell(bytes: Uint8Array, tag: number, cell: number): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = view.getUint32(8, true);
  if (id === 0) return bytes.every((byte) => byte === 0) ? 0 : null;
  for (let at = 0; at < bytes.length; at += 16) {
    if (view.getUint32(at, true) !== (0x4c530000 | tag) >>> 0 || view.getUint32(at + 4, true) !== cell) return null;
    if (view.getUint32(at + 8, true) !== id) return null;
    const check = (Math.imul(id, 2654435761) ^ Math.imul(cell, 40503) ^ (at / 4)) >>> 0;
    if (view.getUint32(at + 12, true) !== check) return null;
  }
  return id;
}

export function stampRange(tag: number, cellBytes: number, firstCell: number, cells: number, id: number): Uint8Array {
  const data = new Uint8Array(cells * cellBytes);
  for (let i = 0; i < cells; i++) stampCell(data.subarray(i * cellBytes, (i + 1) * cellBytes), tag, firstCell + i, id);
  return data;
}

import { BLOCK_BYTES } from '../disk/index.ts';
import { crcOfBlock } from './block.ts';
import type { PoolCore } from './core.ts';
import { birthAt, emptyPage, pageBytes, pbnAt, PointerList, RADIX, setPointer } from './page.ts';
import type { Page } from './page.ts';
import type { Deadlist } from './records.ts';
import { readTree, updateTree, walkTree } from './tree.ts';
import type { BlockSink, Changes } from './tree.ts';
import { EMPTY_ROOT } from './types.ts';

export const EMPTY_DEADLIST: Deadlist = { root: EMPTY_ROOT, count: 0 };

async function readPage(core: PoolCore, list: Deadlist, index: number): Promise<Page> {
  const page = new Uint32Array(BLOCK_BYTES / 4);
  await readTree(core, list.root, index, 1, new Uint8Array(page.buffer));
  return page;
}

export async function readDeadlist(core: PoolCore, list: Deadlist): Promise<PointerList> {
  const entries = new PointerList();
  for (let index = 0; index * RADIX < list.count; index++) {
    const page = await readPage(core, list, index);
    const here = Math.min(RADIX, list.count - index * RADIX);
    for (let slot = 0; slot < here; slot++) entries.push(pbnAt(page, slot), birthAt(page, slot));
  }
  return entries;
}

/** The list with `entries` at its end; superseded blocks of the list itself go to `freed`. */
export async function appendDeadlist(core: PoolCore, list: Deadlist, entries: PointerList, birth: number, writer: BlockSink, freed: PointerList): Promise<Deadlist> {
  if (entries.length === 0) return list;
  const first = Math.floor(list.count / RADIX);
  const changed: { pbn: number; crc: number }[] = [];
  let fill = list.count % RADIX;
  let page = fill === 0 ? emptyPage(0) : await readPage(core, list, first);
  const put = (): void => {
    const bytes = pageBytes(page);
    changed.push({ pbn: writer.append(bytes), crc: crcOfBlock(bytes) });
  };
  for (let i = 0; i < entries.length; i++) {
    if (fill === RADIX) {
      put();
      page = emptyPage(0);
      fill = 0;
      const pressure = writer.pressure();
      if (pressure !== undefined) await pressure;
    }
    setPointer(page, fill++, entries.pbn(i), entries.birth(i), 0);
  }
  put();
  const changes: Changes = {
    length: changed.length,
    index: (i) => first + i,
    pbn: (i) => changed[i]?.pbn ?? 0,
    birth: () => birth,
    crc: (i) => changed[i]?.crc ?? 0,
  };
  return { root: await updateTree(core, list.root, changes, writer, freed), count: list.count + entries.length };
}

/** All blocks that the list itself occupies. */
export async function deadlistBlocks(core: PoolCore, list: Deadlist, into: PointerList): Promise<void> {
  const pages = (pointer: { pbn: number; birth: number }): void => into.push(pointer.pbn, pointer.birth);
  for await (const { pointer } of walkTree(core, list.root, 0, Infinity, 0, pages)) if (pointer.pbn !== 0) into.push(pointer.pbn, pointer.birth);
}

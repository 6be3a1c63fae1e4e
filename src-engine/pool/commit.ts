import { assert } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import { crcOfBlock } from './block.ts';
import type { PoolCore } from './core.ts';
import { appendDeadlist, deadlistBlocks, EMPTY_DEADLIST, readDeadlist } from './deadlist.ts';
import { PointerList } from './page.ts';
import { encodeRecord, RECORD_BLOCKS } from './records.ts';
import type { Deadlist, StoredKeptRoot, StoredRecord } from './records.ts';
import { newRecord } from './request.ts';
import type { CommitRequest } from './request.ts';
import type { SpaceMap } from './spacemap.ts';
import type { Stage } from './stage.ts';
import { updateTree, walkTree } from './tree.ts';
import type { BlockSink } from './tree.ts';
import type { TreeRoot } from './types.ts';
import { StripeWriter } from './writer.ts';

/** The state of the pool's own trees while one label is prepared. Nothing is visible before the label is durable. */
export class CommitDraft {
  readonly number: number;
  readonly records: Map<string, StoredRecord>;
  /** Blocks that the new label no longer references. */
  readonly freed = new PointerList();
  readonly writer: StripeWriter;
  readonly #core: PoolCore;
  readonly #changed = new Set<string>();
  readonly #removedSlots = new Set<number>();
  readonly #live: number[] = [];
  readonly #stages: Stage[] = [];
  readonly #wallMs: number;
  /** Writes to the pool's own stripes, remembering what becomes live. */
  readonly #sink: BlockSink;

  constructor(core: PoolCore, number: number, records: ReadonlyMap<string, StoredRecord>) {
    this.#core = core;
    this.number = number;
    this.records = new Map(records);
    this.writer = new StripeWriter(core);
    this.#wallMs = core.runtime.clock.wallMs();
    const { writer } = this;
    const live = this.#live;
    this.#sink = {
      append: (block) => {
        const pbn = writer.append(block);
        live.push(pbn);
        return pbn;
      },
      pressure: () => writer.pressure(),
    };
  }

  /** Applies a validated request. */
  async apply(request: CommitRequest): Promise<void> {
    for (const volume of request.create ?? []) this.#put(newRecord(volume, this.#freeTableSlot(), this.number));
    for (const id of request.remove ?? []) await this.#remove(id);
    for (const { volumeId, sizeBlocks } of request.resize ?? []) this.#put({ ...this.#record(volumeId), sizeBlocks });
    for (const { volumeId, name } of request.release ?? []) await this.#release(volumeId, name);
    for (const { volumeId, to } of request.rollback ?? []) await this.#rollback(volumeId, to);
    for (const keep of request.keep ?? []) if (keep.which === 'before') this.#keep(keep);
    for (const stage of request.stages ?? []) await this.#stage(stage);
    for (const keep of request.keep ?? []) if (keep.which === 'after') this.#keep(keep);
    for (const { volumeId, update } of request.attributes ?? []) {
      const record = this.#record(volumeId);
      this.#put({ ...record, attributes: update(record) });
    }
  }

  /** Writes a record anew: moved by the cleaner, same content. */
  replace(record: StoredRecord): void {
    this.#put(record);
  }

  /** Where blocks of this label go. */
  get sink(): BlockSink {
    return this.#sink;
  }

  /** Writes records and space map to free stripes. The answer's roots go into the label, after a sync. */
  async write(table: TreeRoot, space: SpaceMap): Promise<{ table: TreeRoot; space: TreeRoot }> {
    const nextTable = await this.#writeRecords(table);
    for (const stage of this.#stages) this.#stageCommits.get(stage)?.((pbn) => this.#core.space.markLive(pbn));
    for (const pbn of this.#live) this.#core.space.markLive(pbn);
    for (let i = 0; i < this.freed.length; i++) this.#core.space.markFree(this.freed.pbn(i));
    const nextSpace = space.write(this.number, this.writer, this.freed);
    await this.writer.flush();
    return { table: nextTable, space: nextSpace };
  }

  /** Nothing of this draft happens; only before `write`. Its stages are finished again and may be committed later. */
  async discard(): Promise<void> {
    await this.writer.settle();
    this.writer.release();
    for (const stage of this.#stages) stage.cancelCommit();
  }

  /** The label is durable: holds end. `freed` is the caller's to settle. */
  finish(): void {
    this.writer.release();
    for (const stage of this.#stages) stage.endCommit();
  }

  /** A deadlist of this draft may still lie in the writer's memory. */
  #listsInMemory = false;
  readonly #stageCommits = new Map<Stage, (visit: (pbn: number) => void) => void>();

  async #stage(stage: Stage): Promise<void> {
    const record = this.#record(stage.volumeId);
    const begun = stage.beginCommit();
    const { root, base, freed } = begun;
    assert(base.pointer?.pbn === record.root.pointer?.pbn && stage.birth > record.cp, `the stage of ${stage.volumeId} continues the current root`);
    this.#stages.push(stage);
    this.#stageCommits.set(stage, (visit) => {
      begun.eachLive(visit);
    });
    this.#put({ ...record, root, usedBlocks: record.usedBlocks + begun.mappedMore, cp: stage.birth });
    await this.#supersede(stage.volumeId, freed);
  }

  /** Frees what no kept root needs; the newest one takes the rest on its deadlist. */
  async #supersede(volumeId: string, superseded: PointerList): Promise<void> {
    const record = this.#record(volumeId);
    const newest = record.keptRoots.at(-1);
    if (newest === undefined) {
      this.freed.addAll(superseded);
      return;
    }
    const dead = new PointerList();
    for (let i = 0; i < superseded.length; i++) {
      const target = superseded.birth(i) <= newest.cp ? dead : this.freed;
      target.push(superseded.pbn(i), superseded.birth(i));
    }
    const deadlist = await this.#append(newest.deadlist, dead);
    this.#put({ ...record, keptRoots: [...record.keptRoots.slice(0, -1), { ...newest, deadlist }] });
  }

  async #append(list: Deadlist, entries: PointerList): Promise<Deadlist> {
    await this.#readable();
    const appended = await appendDeadlist(this.#core, list, entries, this.number, this.#sink, this.freed);
    if (appended !== list) this.#listsInMemory = true;
    return appended;
  }

  /** Requests that share a label may read deadlists that an earlier one of them wrote: what still lies in memory goes out first. */
  async #readable(): Promise<void> {
    if (!this.#listsInMemory) return;
    this.#listsInMemory = false;
    this.#core.runtime.covered('pool/deadlist-read-in-its-label');
    await this.writer.flush();
  }

  #keep(keep: NonNullable<CommitRequest['keep']>[number]): void {
    const record = this.#record(keep.volumeId);
    const kept: StoredKeptRoot = {
      name: keep.name,
      purpose: keep.purpose,
      root: record.root,
      cp: record.cp,
      createdAtMs: this.#wallMs,
      sizeBlocks: record.sizeBlocks,
      usedBlocks: record.usedBlocks,
      deadlist: EMPTY_DEADLIST,
    };
    this.#put({ ...record, keptRoots: [...record.keptRoots, kept] });
  }

  async #release(volumeId: string, name: string): Promise<void> {
    const record = this.#record(volumeId);
    const at = record.keptRoots.findIndex((kept) => kept.name === name);
    const kept = record.keptRoots[at];
    assert(kept !== undefined, 'validated');
    this.#core.runtime.covered('pool/kept-root-release');
    const older = record.keptRoots[at - 1];
    await this.#readable();
    const entries = await readDeadlist(this.#core, kept.deadlist);
    const merged = new PointerList();
    for (let i = 0; i < entries.length; i++) {
      const target = older !== undefined && entries.birth(i) <= older.cp ? merged : this.freed;
      target.push(entries.pbn(i), entries.birth(i));
    }
    await deadlistBlocks(this.#core, kept.deadlist, this.freed);
    const keptRoots = record.keptRoots.filter((_, i) => i !== at);
    if (older !== undefined) {
      const deadlist = await this.#append(older.deadlist, merged);
      keptRoots[at - 1] = { ...older, deadlist };
    }
    this.#put({ ...record, keptRoots });
  }

  async #rollback(volumeId: string, to: string): Promise<void> {
    const record = this.#record(volumeId);
    const kept = record.keptRoots.at(-1);
    assert(kept !== undefined && kept.name === to, 'validated');
    await this.#readable();
    // Everything born after the kept root is reachable from the current one only; everything on the deadlist is live again.
    await this.#collect(record.root, kept.cp, this.freed);
    await deadlistBlocks(this.#core, kept.deadlist, this.freed);
    const keptRoots = [...record.keptRoots.slice(0, -1), { ...kept, deadlist: EMPTY_DEADLIST }];
    this.#put({ ...record, root: kept.root, usedBlocks: kept.usedBlocks, cp: this.number, lineStart: this.number, keptRoots });
  }

  async #remove(id: string): Promise<void> {
    const record = this.#record(id);
    await this.#readable();
    await this.#collect(record.root, 0, this.freed);
    for (const kept of record.keptRoots) {
      this.freed.addAll(await readDeadlist(this.#core, kept.deadlist));
      await deadlistBlocks(this.#core, kept.deadlist, this.freed);
    }
    this.records.delete(id);
    this.#changed.delete(id);
    this.#removedSlots.add(record.tableSlot);
  }

  async #collect(root: TreeRoot, bornAfter: number, into: PointerList): Promise<void> {
    const pages = (pointer: { pbn: number; birth: number }): void => into.push(pointer.pbn, pointer.birth);
    for await (const { pointer } of walkTree(this.#core, root, 0, Infinity, bornAfter, pages)) if (pointer.pbn !== 0) into.push(pointer.pbn, pointer.birth);
  }

  async #writeRecords(table: TreeRoot): Promise<TreeRoot> {
    const changes: { index: number; pbn: number; crc: number }[] = [];
    for (const slot of this.#removedSlots) for (let i = 0; i < RECORD_BLOCKS; i++) changes.push({ index: slot * RECORD_BLOCKS + i, pbn: 0, crc: 0 });
    for (const id of this.#changed) {
      const record = this.#record(id);
      const bytes = encodeRecord(record);
      assert(bytes !== null, `the record of ${id} was checked to fit`);
      for (let i = 0; i < RECORD_BLOCKS; i++) {
        const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
        const index = record.tableSlot * RECORD_BLOCKS + i;
        if (block.length === 0) changes.push({ index, pbn: 0, crc: 0 });
        else changes.push({ index, pbn: this.#sink.append(block), crc: crcOfBlock(block) });
      }
    }
    changes.sort((a, b) => a.index - b.index);
    const at = (i: number): { index: number; pbn: number; crc: number } => {
      const change = changes[i];
      assert(change !== undefined, 'inside');
      return change;
    };
    return updateTree(
      this.#core,
      table,
      { length: changes.length, index: (i) => at(i).index, pbn: (i) => at(i).pbn, birth: () => this.number, crc: (i) => at(i).crc },
      this.#sink,
      this.freed,
    );
  }

  #freeTableSlot(): number {
    const used = new Set<number>(this.#removedSlots);
    for (const record of this.records.values()) used.add(record.tableSlot);
    let slot = 0;
    while (used.has(slot)) slot++;
    return slot;
  }

  #record(id: string): StoredRecord {
    const record = this.records.get(id);
    assert(record !== undefined, `volume ${id} exists`);
    return record;
  }

  #put(record: StoredRecord): void {
    this.records.set(record.id, record);
    this.#changed.add(record.id);
  }
}

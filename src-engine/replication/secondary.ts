import { assert } from '../runtime/index.ts';
import type { JsonObject, Stage } from '../pool/index.ts';
import {
  BLOCK_BYTES,
  applyChange,
  partialBlocks,
  roomFor,
  type BlockContent,
  type FrozenBlock,
} from '../volume/index.ts';
import { CpTarget } from './cp-target.ts';
import { textOf } from './message.ts';
import { PeerRefusedError, type Answer } from './peer.ts';
import type { RelationshipRecord } from './record.ts';
import type { Relationship } from './relationship.ts';
import { ResyncTarget } from './resync-target.ts';
import { Staging, finished } from './staging.ts';
import type { StreamEntry } from './stream.ts';

export { crcOfContent, isZero } from './block-content.ts';

/**
 * The destination's part of a relationship (data-path.md 3, 4): holds the entries that its image lacks, is brought to the
 * source's consistency points (`CpTarget`), is the target of a resync (`ResyncTarget`), and drains its entries when the
 * relationship leaves the stream or is promoted. Its methods run one after the other (`Relationship.serial`).
 */
export class SecondarySide {
  private readonly rel: Relationship;
  /** Entries after the position, in sequence order. */
  private entries: StreamEntry[] = [];
  /** Everything of the source's log through here is in the image or in `entries`. */
  held = 0;
  joined = false;
  /** The connection ended and what was held is not in the image yet. */
  leaving = false;
  /** Log records applied by this side on its own since the last consistency point that both sides committed. */
  drainedSinceCommitted = 0;
  private readonly staging: Staging;
  private readonly points: CpTarget;
  private readonly resync: ResyncTarget;

  constructor(rel: Relationship) {
    this.rel = rel;
    this.held = rel.record.position?.sequence ?? 0;
    this.staging = new Staging(rel);
    this.points = new CpTarget(rel, this, this.staging);
    this.resync = new ResyncTarget(rel, this, this.staging);
  }

  /** Bytes and writes that are safe in the mirror log but not yet in the image. */
  get backlog(): { readonly writes: number; readonly bytes: number } {
    return { writes: this.entries.length, bytes: this.entries.reduce((sum, entry) => sum + entry.length, 0) };
  }

  /** The file may forget what is at or below this sequence. */
  get neededAfter(): number {
    return this.rel.record.position?.sequence ?? 0;
  }

  recovered(entry: StreamEntry): void {
    if (entry.sequence <= this.held) return;
    this.rel.deps.pool.reserve(roomFor(entry), entry.payload === null);
    this.enter(entry);
  }

  /** False: this side does not take it, and the mirror log is not to keep it. */
  entry(entry: StreamEntry): boolean {
    if (!this.joined) return false;
    // Never from a source that keeps to the protocol (decision 0011).
    if (entry.sequence <= this.held) {
      this.rel.deps.peer.reset(`entry ${String(entry.sequence)} came after ${String(this.held)}`);
      return false;
    }
    // A source that outgrew this side (a grow that did not end, then a promotion): no record of it has a place here.
    if (entry.offset + entry.length > this.rel.deps.volume.sizeBytes) {
      this.joined = false;
      this.rel.refuseStream('peer');
      return false;
    }
    // An answer of "durable" is a promise of room (layout.md, "Reserve").
    if (!this.rel.deps.pool.reserve(roomFor(entry), entry.payload === null)) {
      this.rel.deps.runtime.covered('secondary/no-space');
      this.joined = false;
      this.rel.refuseStream('disk');
      return false;
    }
    this.enter(entry);
    return true;
  }

  /** Entries that the image holds now give their reservation back. */
  private dropThrough(sequence: number): void {
    let count = 0;
    let blocks = 0;
    for (const entry of this.entries) {
      if (entry.sequence > sequence) break;
      blocks += roomFor(entry);
      count++;
    }
    this.entries.splice(0, count);
    this.rel.deps.pool.unreserve(blocks);
  }

  private enter(entry: StreamEntry): void {
    this.entries.push(entry);
    this.held = entry.sequence;
  }

  // --- joining and leaving -----------------------------------------------------------------------------------------

  /** The source takes the volume into its stream: first everything held goes into the image. */
  async join(parameters: JsonObject): Promise<JsonObject> {
    await this.drain();
    if (parameters['inSync'] === true && this.held !== Number(parameters['held'])) {
      this.rel.deps.announce();
      throw new PeerRefusedError(`this side holds record ${String(this.held)}, not ${String(Number(parameters['held']))}`, { code: 'R09' });
    }
    const logId = textOf(parameters, 'logId');
    const through = Number(parameters['through']);
    if (this.rel.record.position?.logId !== logId || this.rel.record.position.sequence < through) {
      await this.rel.change({
        position: {
          logId,
          sequence: through,
          cp: this.rel.record.position?.cp ?? 0,
          ownCp: this.rel.record.position?.ownCp ?? 0,
          digest: '',
        },
      });
    }
    this.held = through;
    this.joined = true;
    // What a leave that failed was to be tried again for is done.
    this.leaving = false;
    if (parameters['inSync'] === true) {
      await this.rel.change({
        image: 'Synchronized',
        fracture: null,
        lastContactWallMs: this.rel.deps.runtime.clock.wallMs(),
      });
      await this.rel.clearKept();
    }
    return { held: this.held };
  }

  /**
   * The connection ended, or the source has fractured the relationship and says so: nothing more comes; what is held goes
   * into the image. After a fracture it is known that the source goes on without this side, and since when.
   */
  async leave(fracture: RelationshipRecord['fracture'] = null): Promise<void> {
    this.joined = false;
    this.rel.deps.runtime.covered('secondary/left');
    const image = this.rel.record.image;
    if (this.rel.record.role === 'secondary') {
      await this.drain();
      if (image === 'Synchronizing') await this.rel.change({ image: 'OutOfSync' });
      else if (fracture !== null && (image === 'Synchronized' || image === 'Consistent')) await this.rel.change({ image: 'Outdated', fracture });
      else if (image === 'Synchronized') await this.rel.change({ image: 'Consistent' });
    }
    this.leaving = false;
    this.rel.deps.announce();
  }

  /** Applies every entry held, in a consistency point of the own pool. Forgets what was prepared (data-path.md 4). */
  async drain(): Promise<void> {
    await this.staging.forget();
    // What this server wrote itself while it was primary goes to disk first: entries of the other side are newer.
    if (this.rel.deps.volume.dirtyBlocks > 0) await this.rel.deps.consistencyPoint('drain');
    const entries = this.entries;
    if (entries.length === 0) return;
    const last = entries.at(-1);
    assert(last !== undefined, 'a non-empty list has a last entry');
    for (const entry of entries) this.rel.kept.markRange(entry.offset, entry.length);
    await this.rel.kept.flush();
    const blocks = await this.overlay();
    const { pool, volume } = this.rel.deps;
    const stage = pool.stage(volume.id);
    await finished(stage, () => writeBlocks(stage, blocks));
    await this.rel.commit({ stages: [stage] }, (record) => ({
      ...record,
      position: {
        logId: record.position?.logId ?? '',
        sequence: last.sequence,
        cp: record.position?.cp ?? 0,
        ownCp: stage.birth,
        digest: '',
      },
    }));
    this.rel.deps.runtime.covered('secondary/drained');
    this.drainedSinceCommitted += entries.filter((entry) => entry.sequence <= last.sequence).length;
    this.dropThrough(last.sequence);
    volume.rootSwung(0);
    this.rel.deps.positionMoved();
  }

  /** What a promotion now would lay over the present root: the blocks of all entries held, in order. */
  async overlay(): Promise<Map<number, FrozenBlock>> {
    const { pool, volume } = this.rel.deps;
    const entries = this.entries.filter((_, i) => i !== 1 || !this.rel.deps.runtime.planted('drop-entry-at-drain'));
    const root = volume.record.root;
    const bases = new Map<number, BlockContent>();
    for (const entry of entries) {
      for (const vbn of partialBlocks(entry.offset, entry.length)) {
        if (bases.has(vbn)) continue;
        const content = new Uint8Array(BLOCK_BYTES);
        await pool.read(root, vbn, 1, content);
        bases.set(vbn, content);
      }
    }
    const blocks = new Map<number, FrozenBlock>();
    for (const entry of entries) {
      if (entry.kind !== 'write' && entry.kind !== 'trim' && entry.kind !== 'zero') continue;
      applyChange(
        blocks,
        entry,
        (vbn) => blocks.get(vbn)?.content ?? (blocks.has(vbn) ? null : (bases.get(vbn) ?? null)),
      );
    }
    return blocks;
  }

  // --- consistency points of the source --------------------------------------------------------------------------

  /** The whole block as the entry `sequence` holds it; undefined when it does not (any more). */
  blockFromLog(sequence: number, vbn: number): BlockContent | undefined {
    let low = 0;
    let high = this.entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const entry = this.entries[middle];
      if (entry === undefined) return undefined;
      if (entry.sequence === sequence) {
        const at = vbn * BLOCK_BYTES - entry.offset;
        if (at < 0 || at + BLOCK_BYTES > entry.length) return undefined;
        return entry.payload === null ? null : entry.payload.subarray(at, at + BLOCK_BYTES);
      }
      if (entry.sequence < sequence) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  imageHolds(sequence: number): void {
    this.dropThrough(sequence);
    this.drainedSinceCommitted = 0;
    this.held = Math.max(this.held, sequence);
  }

  cpBlocks(parameters: JsonObject, body: Uint8Array): Promise<void> {
    return this.points.blocks(parameters, body);
  }

  cpPrepare(parameters: JsonObject): Promise<JsonObject> {
    return this.points.prepare(parameters);
  }

  cpCommit(parameters: JsonObject): Promise<JsonObject> {
    return this.points.commit(parameters);
  }

  // --- what a primary asks for -------------------------------------------------------------------------------------

  /** The primary asks for this side's content: everything held goes into the image first. */
  async overwriteBegin(parameters: JsonObject): Promise<{ readonly result: JsonObject; readonly body: readonly Uint8Array[] }> {
    const image = this.rel.record.image;
    if (image !== 'Consistent' && image !== 'Outdated' && image !== 'Synchronized') throw new PeerRefusedError(`the secondary's image is ${image}`, { code: 'R03' });
    if (this.rel.deps.volume.record.sizeBlocks !== Number(parameters['sizeBlocks'])) throw new PeerRefusedError('the volumes differ in size; grow the smaller', { code: 'R19' });
    await this.drain();
    return { result: {}, body: [this.rel.targetMarks()] };
  }

  /** Roots kept for a comparison are no longer needed. */
  async releaseCut(name: string): Promise<void> {
    const { pool, volume } = this.rel.deps;
    if (volume.record.keptRoots.some((root) => root.name === name)) await pool.commit({ release: [{ volumeId: volume.id, name }] });
  }

  resyncBegin(parameters: JsonObject): ReturnType<ResyncTarget['begin']> {
    return this.resync.begin(parameters);
  }

  resyncCompare(body: Uint8Array): Promise<Answer> {
    return this.resync.compare(body);
  }

  resyncBlocks(body: Uint8Array): Promise<void> {
    return this.resync.blocks(body);
  }

  resyncFlush(): Promise<void> {
    return this.resync.flush();
  }
}

async function writeBlocks(stage: Stage, blocks: ReadonlyMap<number, FrozenBlock>): Promise<void> {
  for (const vbn of [...blocks.keys()].sort((a, b) => a - b)) {
    const content = blocks.get(vbn)?.content ?? null;
    if (content === null) stage.hole(vbn);
    else await stage.write(vbn, content);
  }
}

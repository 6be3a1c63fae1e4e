import { assert } from '../runtime/index.ts';
import { crcOfBlock, type JsonObject, type Stage } from '../pool/index.ts';
import {
  BLOCK_BYTES,
  applyChange,
  partialBlocks,
  roomFor,
  type BlockContent,
  type FrozenBlock,
} from '../volume/index.ts';
import { decodeBlockList } from './block-list.ts';
import { CpDigest } from './digest.ts';
import { textOf } from './message.ts';
import { PeerRefusedError } from './peer.ts';
import { basePair, type RelationshipRecord } from './record.ts';
import { readMasked } from './region-read.ts';
import type { Relationship } from './relationship.ts';
import type { StreamEntry } from './stream.ts';

/** They are read at the same time, 64 KiB each. */
const MAXIMUM_COMPARED_REGIONS = 1024;
const REGION_BLOCKS = 16;
/** Resync blocks are labelled after this many, so that a broken resync keeps what it copied. */
const RESYNC_COMMIT_BLOCKS = 4096;
/** What is looked at before others get their turn. */
const BLOCKS_PER_SLICE = 256;
const ZERO_BLOCK = new Uint8Array(BLOCK_BYTES);

type StageUse =
  | { readonly kind: 'resync'; readonly stage: Stage; blocks: number }
  | {
      readonly kind: 'cp';
      readonly cp: number;
      readonly stage: Stage;
      readonly digest: CpDigest;
      readonly reservedBlocks: number;
    };

interface Prepared {
  readonly cp: number;
  readonly applied: number;
  readonly digest: string;
  readonly stage: Stage;
}

/**
 * The destination's part of a relationship (data-path.md 3, 4): holds the entries that its image lacks, stages the volume
 * block number updates of a consistency point in free space, swings its own root on *commit*, and drains its entries when
 * the relationship leaves the stream or is promoted. Its methods run one after the other (`Relationship.serial`).
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
  private use: StageUse | null = null;
  private prepared: Prepared | null = null;

  constructor(rel: Relationship) {
    this.rel = rel;
    this.held = rel.record.position?.sequence ?? 0;
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
    this.rel.deps.pool.reserve(roomFor(entry));
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
    // An answer of "durable" is a promise of room (layout.md, "Reserve").
    if (!this.rel.deps.pool.reserve(roomFor(entry))) {
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

  private async forget(): Promise<void> {
    const { use, prepared } = this;
    if (use?.kind === 'cp' && this.rel.deps.runtime.planted('obey-stale-commit')) return;
    this.use = null;
    this.prepared = null;
    if (use?.kind === 'cp') this.rel.deps.pool.unreserve(use.reservedBlocks);
    await use?.stage.abandon();
    await prepared?.stage.abandon();
  }

  /** Applies every entry held, in a consistency point of the own pool. Forgets what was prepared (data-path.md 4). */
  async drain(): Promise<void> {
    await this.forget();
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
    const entries = [...this.entries];
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

  /** A batch of the list of volume block number updates. */
  async cpBlocks(parameters: JsonObject, body: Uint8Array): Promise<void> {
    if (!this.joined) return;
    const cp = Number(parameters['cp']);
    const updates = decodeBlockList(body);
    if (updates === null) throw new PeerRefusedError('the list of block updates cannot be read', {});
    const use = await this.stageFor(cp, Number(parameters['blocks']));
    let looked = 0;
    for (const update of updates) {
      if (++looked % BLOCKS_PER_SLICE === 0) await this.rel.deps.runtime.clock.sleep(0);
      const content = update.content === undefined ? this.blockFromLog(update.reference, update.vbn) : update.content;
      // What is not here as the source listed it lacks in the digest: this consistency point will not be prepared.
      if (content === undefined || crcOfContent(content) !== update.crc) continue;
      use.digest.add(update.vbn, update.crc);
      if (content === null) use.stage.hole(update.vbn);
      else await use.stage.write(update.vbn, content, update.crc);
    }
  }

  private async stageFor(cp: number, blocks: number): Promise<Extract<StageUse, { kind: 'cp' }>> {
    if (this.use?.kind === 'cp' && (this.use.cp === cp || this.rel.deps.runtime.planted('obey-stale-commit'))) return this.use;
    if (this.use?.kind === 'resync') await this.commitResync();
    await this.forget();
    const { pool, volume } = this.rel.deps;
    if (!pool.reserve(blocks))
      throw new PeerRefusedError('the destination has no room for this consistency point', { cause: 'disk' });
    const use = {
      kind: 'cp',
      cp,
      stage: pool.stage(volume.id),
      digest: new CpDigest(),
      reservedBlocks: blocks,
    } as const;
    this.use = use;
    return use;
  }

  /** The whole block as the entry `sequence` holds it; undefined when it does not (any more). */
  private blockFromLog(sequence: number, vbn: number): BlockContent | undefined {
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

  /** All blocks of the list are here: on disk, synced, and equal to the source's digest. */
  async cpPrepare(parameters: JsonObject): Promise<JsonObject> {
    if (!this.joined) throw new PeerRefusedError('the relationship left the stream', {});
    const cp = Number(parameters['cp']);
    const use = await this.stageFor(cp, 0);
    await use.stage.finish();
    const digest = use.digest.toString();
    if (digest !== parameters['digest']) {
      await this.forget();
      this.rel.report(
        'mirror/digest-mismatch',
        'alert',
        `consistency point ${String(cp)} differs: ${digest} here, ${textOf(parameters, 'digest')} at the source`,
      );
      throw new PeerRefusedError('the digests of the consistency point differ', { cause: 'digest' });
    }
    this.prepared = { cp, applied: Number(parameters['applied']), digest, stage: use.stage };
    this.rel.deps.pool.unreserve(use.reservedBlocks);
    this.use = null;
    return { prepared: true, digest };
  }

  /** Swings the own root to what was prepared in this session; anything else is refused. */
  async cpCommit(parameters: JsonObject): Promise<JsonObject> {
    const cp = Number(parameters['cp']);
    const applied = Number(parameters['applied']);
    const prepared = this.prepared;
    const matches =
      prepared !== null &&
      prepared.cp === cp &&
      prepared.applied === applied &&
      prepared.digest === parameters['digest'];
    if (prepared === null || !matches) {
      this.rel.deps.runtime.covered('cp-sync/stale-commit-refused');
      throw new PeerRefusedError('this consistency point was not prepared in this session', { cause: 'forgotten' });
    }
    this.prepared = null;
    const transition = parameters['transition'] === true;
    const ownCp = this.rel.deps.runtime.planted('label-destination-with-source-number') ? cp : prepared.stage.birth;
    const cut = parameters['cut'];
    const keep = typeof cut === 'string' ? [{ volumeId: this.rel.deps.volume.id, name: cut, purpose: 'resync', which: 'after' } as const] : [];
    await this.rel.commit({ stages: [prepared.stage], keep }, (record) => {
      const moved = {
        ...record,
        position: {
          logId: record.position?.logId ?? '',
          sequence: Math.max(applied, record.position?.sequence ?? 0),
          cp,
          ownCp,
          digest: prepared.digest,
        },
      };
      const synchronized = record.image === 'Synchronized' || transition;
      const based = synchronized ? { ...moved, base: basePair(record.home, ownCp, cp) } : moved;
      return transition ? this.rel.synchronizedRecord(based, parameters['generation']) : based;
    });
    this.dropThrough(applied);
    this.drainedSinceCommitted = 0;
    this.held = Math.max(this.held, applied);
    this.rel.deps.volume.rootSwung(0);
    this.rel.deps.positionMoved();
    if (transition) await this.rel.clearAllMarks();
    else if (this.rel.record.image === 'Synchronized') await this.rel.clearKept();
    return { ownCp };
  }

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

  // --- resync target -----------------------------------------------------------------------------------------------

  /** Before the first block of a resync is staged (replication.md 3.13, 1). Answers with the marks of this side. */
  async resyncBegin(
    parameters: JsonObject,
  ): Promise<{ readonly result: JsonObject; readonly body: readonly Uint8Array[] }> {
    const { pool, volume, runtime } = this.rel.deps;
    const sizeBlocks = Number(parameters['sizeBlocks']);
    const record = volume.record;
    if (record.sizeBlocks !== sizeBlocks) {
      throw new PeerRefusedError(
        `the source has ${String(sizeBlocks * BLOCK_BYTES)} bytes, the destination ${String(record.sizeBlocks * BLOCK_BYTES)}; grow the smaller`,
        { code: 'R19' },
      );
    }
    if (this.rel.record.role !== 'secondary') throw new PeerRefusedError('this side is primary', { code: 'R01' });
    await this.drain();
    const usable =
      this.rel.record.image !== 'OutOfSync' &&
      this.rel.record.image !== 'Synchronizing' &&
      this.rel.record.image !== 'NotEstablished';
    const old = this.rel.record.safety;
    const name = `safety-${runtime.random.id()}`;
    // After the drain: what this side wrote itself may only just have reached its disks.
    const blockCount = volume.record.root.pointer === null ? 0 : 1;
    await this.rel.commit(
      usable
        ? {
            keep: [{ volumeId: volume.id, name, purpose: 'safety', which: 'after' }],
            release: old === null ? [] : [{ volumeId: volume.id, name: old.name }],
          }
        : {},
      (current) => ({
        ...current,
        image: 'Synchronizing',
        lock: parameters['lock'] === 'reverse' ? 'reverse' : 'forward',
        safety: usable ? { name, atWallMs: runtime.clock.wallMs() } : current.safety,
      }),
    );
    if (pool.capacity().freeBlocks === 0)
      throw new PeerRefusedError('the destination has no free space', { code: 'R23' });
    return { result: { empty: blockCount === 0, logId: this.rel.record.position?.logId ?? '', held: this.held, rootCp: volume.record.cp }, body: [this.rel.targetMarks()] };
  }

  /**
   * Compares blocks by SHA-256 (first 128 bits). Body: per region u32 number, u16 mask of holes at the source, u16 mask of
   * blocks to look at, then 16 bytes for each of those that is no hole. Answer: u16 mask of blocks wanted, per region.
   * Blocks that are holes at the source and not here are made holes at once.
   */
  async resyncCompare(
    body: Uint8Array,
  ): Promise<{ readonly result: JsonObject; readonly body: readonly Uint8Array[] }> {
    if (!this.joined) throw new PeerRefusedError('the relationship left the stream', {});
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const wanted: number[] = [];
    let holesMade = 0;
    const { pool, volume, runtime } = this.rel.deps;
    const sizeBlocks = volume.record.sizeBlocks;
    const questions: { first: number; count: number; holes: number; look: number; hashesAt: number }[] = [];
    for (let at = 0; at + 8 <= body.length;) {
      const first = view.getUint32(at, true) * REGION_BLOCKS;
      const holes = view.getUint16(at + 4, true);
      const look = view.getUint16(at + 6, true);
      const count = Math.min(REGION_BLOCKS, sizeBlocks - first);
      questions.push({ first, count, holes, look, hashesAt: at + 8 });
      at += 8;
      for (let i = 0; i < count; i++) if ((look & ~holes & (1 << i)) !== 0) at += 16;
    }
    if (questions.length > MAXIMUM_COMPARED_REGIONS) throw new PeerRefusedError('too many regions in one comparison', {});
    const { root } = volume.record;
    const contents = await Promise.all(questions.map((q) => readMasked(pool, root, q.first, q.count, q.look)));
    for (const [index, { first, count, holes, look, hashesAt }] of questions.entries()) {
      const own = contents[index];
      assert(own !== undefined, 'every region asked for was read');
      let at = hashesAt;
      let want = 0;
      for (let i = 0; i < count; i++) {
        if ((look & (1 << i)) === 0) continue;
        const block = own.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
        if ((holes & (1 << i)) !== 0) {
          if (isZero(block)) continue;
          (await this.resyncStage()).stage.hole(first + i);
          this.counted();
          holesMade++;
          continue;
        }
        const theirs = body.subarray(at, at + 16);
        at += 16;
        const mine = runtime.hash.sha256([block]);
        if (!equalPrefix(mine, theirs)) want |= 1 << i;
      }
      wanted.push(want);
    }
    const answer = new Uint8Array(wanted.length * 2);
    const answerView = new DataView(answer.buffer);
    wanted.forEach((mask, i) => {
      answerView.setUint16(i * 2, mask, true);
    });
    return { result: { holesMade }, body: [answer] };
  }

  async resyncBlocks(body: Uint8Array): Promise<void> {
    if (!this.joined) throw new PeerRefusedError('the relationship left the stream', {});
    const updates = decodeBlockList(body);
    if (updates === null) throw new PeerRefusedError('the resync blocks cannot be read', {});
    for (const update of updates) {
      const content = update.content ?? null;
      if (crcOfContent(content) !== update.crc) throw new PeerRefusedError('a resync block was damaged on its way', {});
      const use = await this.resyncStage();
      if (content === null) use.stage.hole(update.vbn);
      else await use.stage.write(update.vbn, content, update.crc);
      this.counted();
    }
    if (this.use?.kind === 'resync' && this.use.blocks >= RESYNC_COMMIT_BLOCKS) await this.commitResync();
  }

  private counted(): void {
    if (this.use?.kind === 'resync') this.use.blocks++;
  }

  private async resyncStage(): Promise<Extract<StageUse, { kind: 'resync' }>> {
    if (this.use?.kind === 'resync') return this.use;
    assert(this.use === null && this.prepared === null, 'no resync block is staged while a consistency point is open');
    await Promise.resolve();
    const use = { kind: 'resync', stage: this.rel.deps.pool.stage(this.rel.deps.volume.id), blocks: 0 } as const;
    this.use = use;
    return use;
  }

  /** The source will clear the marks of what it sent: an answer says that all of it is durable here. */
  async resyncFlush(): Promise<void> {
    if (!this.joined) throw new PeerRefusedError('the relationship left the stream', {});
    await this.commitResync();
  }

  /** What was staged of a resync becomes durable: its marks may be cleared. */
  async commitResync(): Promise<void> {
    const use = this.use;
    if (use?.kind !== 'resync') return;
    this.use = null;
    await finished(use.stage);
    await this.rel.commit({ stages: [use.stage] }, (record) => record);
    this.rel.deps.volume.rootSwung(0);
  }
}

/** Fills and finishes a stage; one that cannot be finished (a full disk) must not stay open, a volume has only one. */
async function finished(stage: Stage, fill?: () => Promise<void>): Promise<void> {
  try {
    await fill?.();
    await stage.finish();
  } catch (error) {
    await stage.abandon();
    throw error;
  }
}

async function writeBlocks(stage: Stage, blocks: ReadonlyMap<number, FrozenBlock>): Promise<void> {
  for (const vbn of [...blocks.keys()].sort((a, b) => a - b)) {
    const content = blocks.get(vbn)?.content ?? null;
    if (content === null) stage.hole(vbn);
    else await stage.write(vbn, content);
  }
}

export function crcOfContent(content: BlockContent): number {
  return content === null ? crcOfBlock(ZERO_BLOCK) : crcOfBlock(content);
}

export function isZero(block: Uint8Array): boolean {
  if (block.byteOffset % 4 === 0 && block.length % 4 === 0) {
    // Indexed 32-bit words: an iterator over 64-bit ones makes a BigInt of each and took 10 us per block.
    const words = new Int32Array(block.buffer, block.byteOffset, block.length >>> 2);
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
    return true;
  }
  return block.every((byte) => byte === 0);
}

function equalPrefix(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (a[i] !== b[i]) return false;
  return true;
}

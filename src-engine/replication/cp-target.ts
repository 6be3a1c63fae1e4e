import type { JsonObject } from '../pool/index.ts';
import type { BlockContent } from '../volume/index.ts';
import { crcOfContent } from './block-content.ts';
import { decodeBlockList, type BlockUpdate } from './block-list.ts';
import { CpDigest } from './digest.ts';
import { textOf } from './message.ts';
import { PeerRefusedError } from './peer.ts';
import { basePair } from './record.ts';
import type { Relationship } from './relationship.ts';
import type { Staging, StageUse } from './staging.ts';

const MAP_PAGE_BLOCKS = 256;
/** What is looked at before others get their turn. */
const BLOCKS_PER_SLICE = 256;

/** What consistency points of the source need of the rest of the destination's side. */
export interface CpTargetSide {
  readonly joined: boolean;
  /** The whole block as the entry of that sequence holds it; undefined when it does not (any more). */
  blockFromLog(sequence: number, vbn: number): BlockContent | undefined;
  /** The image holds everything through this sequence of the source's log. */
  imageHolds(sequence: number): void;
}

/** Consistency points of the source at the destination (data-path.md 4): list, *prepared*, *commit*, *committed*. */
export class CpTarget {
  private readonly rel: Relationship;
  private readonly side: CpTargetSide;
  private readonly staging: Staging;

  constructor(rel: Relationship, side: CpTargetSide, staging: Staging) {
    this.rel = rel;
    this.side = side;
    this.staging = staging;
  }

  /** A batch of the list of volume block number updates. */
  async blocks(parameters: JsonObject, body: Uint8Array): Promise<void> {
    if (!this.side.joined) return;
    const updates = decodeBlockList(body);
    if (updates === null) throw new PeerRefusedError('the list of block updates cannot be read', {});
    const use = await this.stageFor(Number(parameters['cp']));
    this.reserve(use, updates);
    let looked = 0;
    for (const update of updates) {
      if (++looked % BLOCKS_PER_SLICE === 0) await this.rel.deps.runtime.clock.sleep(0);
      const content = update.content === undefined ? this.side.blockFromLog(update.reference, update.vbn) : update.content;
      // What is not here as the source listed it lacks in the digest: this consistency point will not be prepared.
      if (content === undefined || crcOfContent(content) !== update.crc) continue;
      use.digest.add(update.vbn, update.crc);
      if (content === null) use.stage.hole(update.vbn);
      else await use.stage.write(update.vbn, content, update.crc);
    }
  }

  /**
   * Room for what the list carries. A block that lies in the mirror log was given room when its entry was taken; a hole
   * takes none but for its map page.
   */
  private reserve(use: Extract<StageUse, { kind: 'cp' }>, updates: readonly BlockUpdate[]): void {
    let blocks = 0;
    let lastPage = -1;
    let frees = true;
    for (const { vbn, content } of updates) {
      if (content === undefined) continue;
      const page = Math.floor(vbn / MAP_PAGE_BLOCKS);
      if (content !== null) {
        blocks++;
        frees = false;
      } else if (page !== lastPage) {
        blocks++;
        lastPage = page;
      }
    }
    if (!this.rel.deps.pool.reserve(blocks, frees)) throw new PeerRefusedError('the destination has no room for this consistency point', { cause: 'disk' });
    use.reservedBlocks += blocks;
  }

  private async stageFor(cp: number): Promise<Extract<StageUse, { kind: 'cp' }>> {
    const { staging } = this;
    const { runtime, pool, volume } = this.rel.deps;
    if (staging.use?.kind === 'cp' && (staging.use.cp === cp || runtime.planted('obey-stale-commit'))) return staging.use;
    if (staging.use?.kind === 'resync') await staging.commitResync();
    await staging.forget();
    const use = { kind: 'cp', cp, stage: pool.stage(volume.id), digest: new CpDigest(), reservedBlocks: 0 } as const satisfies StageUse;
    staging.use = use;
    return use;
  }

  /** All blocks of the list are here: on disk, synced, and equal to the source's digest. */
  async prepare(parameters: JsonObject): Promise<JsonObject> {
    if (!this.side.joined) throw new PeerRefusedError('the relationship left the stream', {});
    const cp = Number(parameters['cp']);
    const use = await this.stageFor(cp);
    await use.stage.finish();
    const digest = use.digest.toString();
    if (digest !== parameters['digest']) {
      await this.staging.forget();
      this.rel.report(
        'mirror/digest-mismatch',
        'alert',
        `consistency point ${String(cp)} differs: ${digest} here, ${textOf(parameters, 'digest')} at the source`,
      );
      throw new PeerRefusedError('the digests of the consistency point differ', { cause: 'digest' });
    }
    this.staging.prepared = { cp, applied: Number(parameters['applied']), digest, stage: use.stage };
    this.rel.deps.pool.unreserve(use.reservedBlocks);
    this.staging.use = null;
    return { prepared: true, digest };
  }

  /** Swings the own root to what was prepared in this session; anything else is refused. */
  async commit(parameters: JsonObject): Promise<JsonObject> {
    const { rel } = this;
    const { runtime, volume } = rel.deps;
    const cp = Number(parameters['cp']);
    const applied = Number(parameters['applied']);
    const { prepared } = this.staging;
    if (prepared === null || prepared.cp !== cp || prepared.applied !== applied || prepared.digest !== parameters['digest']) {
      runtime.covered('cp-sync/stale-commit-refused');
      throw new PeerRefusedError('this consistency point was not prepared in this session', { cause: 'forgotten' });
    }
    this.staging.prepared = null;
    const transition = parameters['transition'] === true;
    const ownCp = runtime.planted('label-destination-with-source-number') ? cp : prepared.stage.birth;
    const cut = parameters['cut'];
    const keep = typeof cut === 'string' ? [{ volumeId: volume.id, name: cut, purpose: 'resync', which: 'after' } as const] : [];
    await rel.commit({ stages: [prepared.stage], keep }, (record) => {
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
      return transition ? rel.synchronizedRecord(based, parameters['generation']) : based;
    });
    this.side.imageHolds(applied);
    volume.rootSwung(0);
    rel.deps.positionMoved();
    if (transition) await rel.clearAllMarks();
    else if (rel.record.image === 'Synchronized') await rel.clearKept();
    return { ownCp };
  }
}

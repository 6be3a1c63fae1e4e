import { assert } from '../runtime/index.ts';
import { crcOfBlock, type JsonObject } from '../pool/index.ts';
import { BLOCK_BYTES } from '../volume/index.ts';
import { ZERO_CRC } from './block-content.ts';
import { PeerRefusedError, type Answer } from './peer.ts';
import { REGION_BLOCKS } from './region-set.ts';
import { readMasked } from './region-read.ts';
import { imagePosition } from './record.ts';
import type { Relationship } from './relationship.ts';
import { DAMAGED, HASH_BYTES, decodeComparison, decodeRuns, encodeVerdicts, type Comparison, type Verdicts } from './resync-wire.ts';
import type { Staging, StageUse } from './staging.ts';

/** Their maps or blocks are read at the same time. */
const MAXIMUM_COMPARED_REGIONS = 1024;
/** Resync blocks are labelled after this many at the latest, */
const COMMIT_BLOCKS = 32768;
/** or when they are such a share of what is free: until then what they supersede is not. */
const COMMIT_SHARE = 0.1;
const COMMIT_LEAST_BLOCKS = 4096;

/** What the target of a resync needs of the rest of its side. */
export interface ResyncTargetSide {
  readonly joined: boolean;
  readonly held: number;
  drain(): Promise<void>;
}

/** The target of a resync (replication.md 3.13): keeps what it had, says which blocks it wants, stages what it gets. */
export class ResyncTarget {
  private readonly rel: Relationship;
  private readonly side: ResyncTargetSide;
  private readonly staging: Staging;

  constructor(rel: Relationship, side: ResyncTargetSide, staging: Staging) {
    this.rel = rel;
    this.side = side;
    this.staging = staging;
  }

  /** Before the first block of a resync is staged (replication.md 3.13, 1). Answers with the marks of this side. */
  async begin(parameters: JsonObject): Promise<{ readonly result: JsonObject; readonly body: readonly Uint8Array[] }> {
    const { rel } = this;
    const { pool, volume, runtime } = rel.deps;
    const sizeBlocks = Number(parameters['sizeBlocks']);
    const record = volume.record;
    // A larger one is what a grow left that did not end: what lies beyond are zeros.
    if (record.sizeBlocks < sizeBlocks) {
      throw new PeerRefusedError(
        `the source has ${String(sizeBlocks * BLOCK_BYTES)} bytes, the destination ${String(record.sizeBlocks * BLOCK_BYTES)}; grow the smaller`,
        { code: 'R19' },
      );
    }
    if (rel.record.role !== 'secondary') throw new PeerRefusedError('this side is primary', { code: 'R01' });
    await this.side.drain();
    const { image } = rel.record;
    const usable = image !== 'OutOfSync' && image !== 'Synchronizing' && image !== 'NotEstablished';
    const old = rel.record.safety;
    const name = `safety-${runtime.random.id()}`;
    // After the drain: what this side wrote itself may only just have reached its disks.
    const empty = volume.record.root.pointer === null;
    await rel.commit(
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
        safety: usable ? { name, atWallMs: runtime.clock.wallMs(), position: imagePosition(current) } : current.safety,
      }),
    );
    if (pool.capacity().freeBlocks === 0) throw new PeerRefusedError('the destination has no free space', { code: 'R23' });
    const result = { empty, logId: rel.record.position?.logId ?? '', held: this.side.held, rootCp: volume.record.cp };
    return { result, body: [rel.targetMarks()] };
  }

  /** Says which blocks it wants: by the checksums of both maps, or by the hashes of both contents (`Comparison`). */
  async compare(body: Uint8Array): Promise<Answer> {
    this.mustBeJoined();
    const comparison = decodeComparison(body);
    if (comparison === null) throw new PeerRefusedError('the comparison cannot be read', {});
    if (comparison.regions.length > MAXIMUM_COMPARED_REGIONS) throw new PeerRefusedError('too many regions in one comparison', {});
    const verdicts = { wanted: new Uint16Array(comparison.regions.length), alike: new Uint16Array(comparison.regions.length) };
    const holesMade = comparison.form === 'checksums' ? await this.byChecksum(comparison, verdicts) : await this.byHash(comparison, verdicts);
    return { result: { holesMade }, body: [encodeVerdicts(verdicts)] };
  }

  /** Reads maps only. Blocks that are holes at the source and not here are made holes at once. */
  private async byChecksum({ regions, checksums }: Extract<Comparison, { form: 'checksums' }>, verdicts: Verdicts): Promise<number> {
    const { pool, volume } = this.rel.deps;
    const { root, sizeBlocks } = volume.record;
    const maps = await Promise.all(regions.map(({ region }) => pool.pointers(root, region * REGION_BLOCKS, blocksOf(region, sizeBlocks))));
    let holesMade = 0;
    let at = 0;
    for (const [n, { region, holes, look }] of regions.entries()) {
      const map = maps[n];
      assert(map !== undefined, 'every region asked for has its map');
      for (let i = 0; i < map.pbns.length; i++) {
        const bit = 1 << i;
        if ((look & bit) === 0) continue;
        const hole = map.pbns[i] === 0;
        if ((holes & bit) !== 0) {
          if (hole) continue;
          const use = this.stage();
          use.stage.hole(region * REGION_BLOCKS + i);
          use.blocks++;
          holesMade++;
          continue;
        }
        const which = (hole ? ZERO_CRC : map.crcs[i]) === checksums[at++] ? verdicts.alike : verdicts.wanted;
        which[n] = (which[n] ?? 0) | bit;
      }
    }
    return holesMade;
  }

  private async byHash({ regions, hashes }: Extract<Comparison, { form: 'hashes' }>, verdicts: Verdicts): Promise<number> {
    const { pool, volume, runtime } = this.rel.deps;
    const { root, sizeBlocks } = volume.record;
    const contents = await Promise.all(regions.map(({ region, look }) => readMasked(pool, root, region * REGION_BLOCKS, blocksOf(region, sizeBlocks), look)));
    let at = 0;
    for (const [n, { look }] of regions.entries()) {
      const own = contents[n];
      assert(own !== undefined, 'every region asked for was read');
      for (let i = 0; i < REGION_BLOCKS; i++) {
        if ((look & (1 << i)) === 0) continue;
        const mine = runtime.hash.sha256([own.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)]);
        if (!equalPrefix(mine, hashes.subarray(at, at + HASH_BYTES))) verdicts.wanted[n] = (verdicts.wanted[n] ?? 0) | (1 << i);
        at += HASH_BYTES;
      }
    }
    return 0;
  }

  async blocks(body: Uint8Array): Promise<void> {
    this.mustBeJoined();
    const decoded = decodeRuns(body);
    if (decoded === null) throw new PeerRefusedError('the resync blocks cannot be read', {});
    const { runs, checksums, data } = decoded;
    for (let i = 0; i < checksums.length; i++) {
      if (crcOfBlock(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)) !== checksums[i]) throw new PeerRefusedError('a resync block was damaged on its way', { cause: DAMAGED });
    }
    let at = 0;
    for (const { vbn, count, hole } of runs) {
      const use = this.stage();
      use.blocks += count;
      if (hole) {
        for (let i = 0; i < count; i++) use.stage.hole(vbn + i);
        continue;
      }
      const pressure = use.stage.writeRun(vbn, data.subarray(at * BLOCK_BYTES, (at + count) * BLOCK_BYTES), checksums.subarray(at, at + count));
      at += count;
      if (pressure !== undefined) await pressure;
    }
    const { use } = this.staging;
    if (use?.kind !== 'resync') return;
    const most = Math.max(COMMIT_LEAST_BLOCKS, Math.min(COMMIT_BLOCKS, COMMIT_SHARE * this.rel.deps.pool.capacity().freeBlocks));
    if (use.blocks >= most) await this.staging.commitResync();
  }

  /** The source will clear the marks of what it sent: an answer says that all of it is durable here. */
  async flush(): Promise<void> {
    this.mustBeJoined();
    await this.staging.commitResync();
  }

  private mustBeJoined(): void {
    if (!this.side.joined) throw new PeerRefusedError('the relationship left the stream', {});
  }

  private stage(): Extract<StageUse, { kind: 'resync' }> {
    const { staging } = this;
    if (staging.use?.kind === 'resync') return staging.use;
    assert(staging.use === null && staging.prepared === null, 'no resync block is staged while a consistency point is open');
    const use = { kind: 'resync', stage: this.rel.deps.pool.stage(this.rel.deps.volume.id), blocks: 0 } as const;
    staging.use = use;
    return use;
  }
}

function blocksOf(region: number, sizeBlocks: number): number {
  return Math.max(0, Math.min(REGION_BLOCKS, sizeBlocks - region * REGION_BLOCKS));
}

function equalPrefix(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (a[i] !== b[i]) return false;
  return true;
}

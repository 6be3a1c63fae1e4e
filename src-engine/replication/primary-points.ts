import { crcOfBlock, type CommitRequest, type JsonObject } from '../pool/index.ts';
import type { CpMirrorOutcome, CpMirrorSession, FrozenImage } from '../volume/index.ts';
import { encodeBlockList, type BlockUpdate } from './block-list.ts';
import { CpDigest } from './digest.ts';
import { MirrorTimeoutError, withTimeout } from './mirror-timeout.ts';
import { PeerLostError, PeerRefusedError } from './peer.ts';
import type { PrimarySide } from './primary.ts';
import type { FractureCause } from './record.ts';
import type { Relationship } from './relationship.ts';
import { crcOfContent } from './secondary.ts';

const LIST_BATCH_BLOCKS = 64;
/** What is looked at before others get their turn. */
const BLOCKS_PER_SLICE = 256;
const MAXIMUM_BUFFERED_BYTES = 8 * 1024 * 1024;

/** The relationship is fractured: the consistency point only makes its bits durable before the half goes. */
export class MarkingSession implements CpMirrorSession {
  readonly relationshipId: string;
  private readonly flush: () => Promise<void>;

  constructor(rel: Relationship, flush: () => Promise<void>) {
    this.relationshipId = rel.id;
    this.flush = flush;
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  commitAdditions(): Pick<CommitRequest, 'keep' | 'release'> {
    return {};
  }

  async labelled(): Promise<CpMirrorOutcome> {
    await this.flush();
    return 'fractured';
  }

  counts(): { listed: number; byReference: number; withData: number } {
    return { listed: 0, byReference: 0, withData: 0 };
  }
}

/** The relationship is in the stream: its destination is brought to the same consistency point. */
export class JoinedSession implements CpMirrorSession {
  readonly relationshipId: string;
  private readonly rel: Relationship;
  private readonly side: PrimarySide;
  private readonly membership: number;
  private readonly transition: boolean;
  private readonly referencesAfter: number;
  private readonly digest = new CpDigest();
  private listed = 0;
  private byReference = 0;
  private withData = 0;
  private cp = 0;
  private applied = 0;
  private prepared = false;
  private readonly keepsRoot: string | null;
  private readonly cut: string | null;
  private unlock: (() => void) | null = null;

  constructor(rel: Relationship, side: PrimarySide, membership: number, transition: boolean, referencesAfter: number) {
    this.relationshipId = rel.id;
    this.rel = rel;
    this.side = side;
    this.membership = membership;
    this.transition = transition;
    this.referencesAfter = referencesAfter;
    this.keepsRoot = side.resyncRoot !== null && side.resyncRoot.cp === null ? side.resyncRoot.name : null;
    this.cut = side.takeCut();
  }

  counts(): { listed: number; byReference: number; withData: number } {
    return { listed: this.listed, byReference: this.byReference, withData: this.withData };
  }

  private alive(): boolean {
    return this.side.isMember(this.membership);
  }

  async prepare(image: FrozenImage, cp: number, applied: number): Promise<void> {
    this.cp = cp;
    this.applied = applied;
    this.side.noteChanged(image.vbns);
    this.unlock = await this.side.wire.lock();
    if (!this.alive()) return;
    await this.orFracture(async () => {
      await this.sendList(image);
      const { result } = await this.call('cp-prepare', { cp, applied, digest: this.digest.toString() });
      this.prepared = result['prepared'] === true;
      if (!this.prepared) throw new PeerRefusedError('the destination could not prepare the consistency point', {});
    });
  }

  private update(image: FrozenImage, vbn: number): BlockUpdate {
    const block = image.get(vbn);
    const content = block?.content ?? null;
    const crc = content === null ? crcOfContent(null) : crcOfBlock(content);
    const reference = block?.sequence ?? 0;
    if (reference > this.referencesAfter) return { vbn, crc, reference };
    return { vbn, crc, reference: 0, content };
  }

  private async sendList(image: FrozenImage): Promise<void> {
    let batch: BlockUpdate[] = [];
    let dataBlocks = 0;
    for (const vbn of image.vbns) {
      const update = this.update(image, vbn);
      this.digest.add(vbn, update.crc);
      this.listed++;
      // A checksum of each block: in slices, so that hosts are served meanwhile.
      if (this.listed % BLOCKS_PER_SLICE === 0) await this.rel.deps.runtime.clock.sleep(0);
      if (update.content === undefined) this.byReference++;
      else {
        this.withData++;
        dataBlocks++;
      }
      batch.push(update);
      if (dataBlocks >= LIST_BATCH_BLOCKS || batch.length >= 1024) {
        await this.sendBlocks(batch, image.vbns.length);
        batch = [];
        dataBlocks = 0;
      }
    }
    if (batch.length > 0) await this.sendBlocks(batch, image.vbns.length);
  }

  private async sendBlocks(updates: readonly BlockUpdate[], blocks: number): Promise<void> {
    while (this.rel.deps.peer.bufferedBytes > MAXIMUM_BUFFERED_BYTES && this.alive())
      await this.rel.deps.runtime.clock.sleep(1);
    if (!this.alive()) throw new PeerLostError(this.rel.record.peerServerId, 'left the stream');
    this.rel.deps.peer.notify(
      'cp-blocks',
      { relationship: this.rel.id, cp: this.cp, blocks },
      encodeBlockList(updates),
    );
  }

  private call(method: string, parameters: JsonObject): Promise<{ readonly result: JsonObject }> {
    return withTimeout(this.rel, this.rel.deps.peer.call(method, { relationship: this.rel.id, ...parameters }));
  }

  /** Trouble of any kind fractures the relationship (or, in `strict`, lets the consistency point go on without it). */
  private async orFracture(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (
        !(error instanceof PeerLostError) &&
        !(error instanceof PeerRefusedError) &&
        !(error instanceof MirrorTimeoutError)
      )
        throw error;
      this.prepared = false;
      if (!this.alive()) return;
      const cause: FractureCause =
        error instanceof MirrorTimeoutError
          ? 'timeout'
          : error instanceof PeerRefusedError && error.data['cause'] === 'disk'
            ? 'disk'
            : 'peer';
      if (this.rel.record.policy === 'strict' && this.side.inSync && cause !== 'disk') return this.rel.deps.peer.reset(error.message);
      // Not waited for: the half is freed once its bits are durable, the fracture record may need that very half.
      void this.side.fracture(cause, error.message);
    }
  }

  commitAdditions(): Pick<CommitRequest, 'keep' | 'release'> {
    const names = [this.keepsRoot, this.cut].filter((name) => name !== null);
    if (names.length === 0 || !this.alive()) return {};
    return { keep: names.map((name) => ({ volumeId: this.rel.deps.volume.id, name, purpose: 'resync', which: 'after' })) };
  }

  async labelled(): Promise<CpMirrorOutcome> {
    try {
      if (this.keepsRoot !== null && this.side.resyncRoot?.name === this.keepsRoot) this.side.resyncRoot.cp = this.cp;
      if (this.prepared && this.alive()) {
        let committed = false;
        await this.orFracture(async () => {
          const generation = this.rel.record.generation as unknown as JsonObject;
          const { result } = await this.call('cp-commit', {
            cp: this.cp,
            applied: this.applied,
            digest: this.digest.toString(),
            transition: this.transition,
            generation,
            cut: this.cut,
          });
          committed = true;
          this.side.committed(this.cp, Number(result['ownCp']), this.applied, this.transition);
        });
        if (committed) {
          this.side.cutCommitted = this.cut;
          if (this.transition) this.side.onTransition?.('committed');
          return 'committed';
        }
      }
      await this.side.flushOwed();
      if (this.transition) this.side.onTransition?.('fractured');
      return 'fractured';
    } finally {
      this.unlock?.();
      this.unlock = null;
    }
  }
}

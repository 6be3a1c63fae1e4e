import { StorageError } from '../runtime/index.ts';
import { crcOfBlock, type CommitRequest, type JsonObject } from '../pool/index.ts';
import { jsonPayload, makeRecord, type LogRecord } from '../nvlog/index.ts';
import { REGION_BYTES } from './region-set.ts';
import type { CpMirrorOutcome, CpMirrorSession, ForwardedRecord, FrozenImage, VolumeMirror } from '../volume/index.ts';
import { encodeBlockList, type BlockUpdate } from './block-list.ts';
import { CpDigest } from './digest.ts';
import { MissedWrites } from './missed.ts';
import { Mutex } from './mutex.ts';
import { PeerLostError, PeerRefusedError } from './peer.ts';
import { basePair, type FractureCause } from './record.ts';
import type { Relationship } from './relationship.ts';
import { crcOfContent } from './secondary.ts';
import { openGeneration } from './state/index.ts';

const LIST_BATCH_BLOCKS = 64;
/** What is looked at before others get their turn. */
const BLOCKS_PER_SLICE = 256;
const MAXIMUM_BUFFERED_BYTES = 8 * 1024 * 1024;
const MAXIMUM_ENDS = 32;

/**
 * What happens to a write (replication.md 3.12, 3.13):
 * `marked`: fractured or never established; its regions are marked.
 * `joined`: forwarded, acknowledgements do not wait (resync), except after a strict mirror was lost.
 * `required`: forwarded, acknowledgements after `requiredAfter` wait for the destination.
 * `fracturing`: the fracture record is on its way to the log; acknowledgements still wait.
 */
type Forwarding =
  | { readonly kind: 'marked' }
  | { readonly kind: 'joined'; readonly acknowledges: boolean }
  | { readonly kind: 'required'; readonly requiredAfter: number }
  | { readonly kind: 'fracturing'; readonly requiredAfter: number };

interface Unanswered {
  readonly record: ForwardedRecord;
}

export interface ResyncRoot {
  readonly name: string;
  /** CP number of the root in this pool; known once its label is durable. */
  cp: number | null;
}

/** The source's part of a relationship: forwards writes, brings the mirror to every consistency point, keeps the marks. */
export class PrimarySide implements VolumeMirror {
  private readonly rel: Relationship;
  private forwarding: Forwarding = { kind: 'marked' };
  /** Highest sequence of the own log that the destination reported durable, and everything before it. */
  held = 0;
  /** Forwarded, not yet reported durable, in order. */
  private unanswered: Unanswered[] = [];
  /** Entries at or below cannot be referred to: they came before the join or are in the destination's image already. */
  private referencesAfter = 0;
  /** Number of the present membership in the stream; a session of an older one is void. */
  private membership = 0;
  /** Regions of records found in the log at start, owed until the handshake says what the destination holds. */
  private recovered: { readonly sequence: number; readonly offset: number; readonly length: number }[] = [];
  private strictHold = false;
  /** A member of the stream: confirmations count. */
  private listening = false;
  private strictTimer: { cancel(): void } | null = null;
  /** While a resync runs: the root to keep, and blocks that later consistency points carry. */
  resyncRoot: ResyncRoot | null = null;
  private changedSince: Map<number, number> | null = null;
  /** Set when the next consistency point is the transition of a resync. */
  private transitionArmed = false;
  onTransition: ((outcome: CpMirrorOutcome) => void) | null = null;
  /** A root that the next consistency point keeps on both sides, so that they can be compared. */
  private cut: string | null = null;
  /** The last cut that both sides committed. */
  cutCommitted: string | null = null;
  /** Resync windows and consistency points take turns on the wire. */
  readonly wire = new Mutex();
  private lagSinceMs: number | null = null;
  private readonly missed = new MissedWrites();

  constructor(rel: Relationship) {
    this.rel = rel;
  }

  get mode(): Forwarding['kind'] {
    return this.forwarding.kind;
  }

  /** Policy `strict` and the mirror is lost: nothing is acknowledged and hosts wait until it is synchronized again. */
  get holdsHosts(): boolean {
    return this.strictHold;
  }

  get inSync(): boolean {
    return this.forwarding.kind === 'required';
  }

  get lag(): { readonly writes: number; readonly bytes: number; readonly seconds: number } {
    const bytes = this.unanswered.reduce((sum, u) => sum + u.record.length, 0);
    const seconds = this.lagSinceMs === null ? 0 : (this.rel.deps.runtime.clock.nowMs() - this.lagSinceMs) / 1000;
    return { writes: this.unanswered.length, bytes, seconds };
  }

  // --- write path --------------------------------------------------------------------------------------------------

  beforeWrite(): void {
    if (this.rel.record.opening === '') return;
    // 3.1 rule 5: a new generation begins with the first write after an isolation or promotion, in the same group commit.
    const next = this.rel.record.opening;
    this.rel.set({ generation: openGeneration(this.rel.record.generation, next), opening: '' });
    this.appendControl('generation', {
      relationship: this.rel.id,
      generation: this.rel.record.generation as unknown as JsonObject,
    });
    this.rel.deps.runtime.covered('mirror/generation-opened');
    // A peer that wrote alone, too, learns of the split brain. Later: this is the path of a write.
    if (this.rel.deps.peer.connected) this.rel.deps.runtime.clock.after(0, () => { this.rel.deps.announce(); });
  }

  forward(record: ForwardedRecord): void {
    if (this.forwarding.kind === 'marked') {
      if (this.rel.record.image === 'NotEstablished') return;
      this.rel.marks.markRange(record.offset, record.length);
      return this.missed.add(record.length);
    }
    if (this.forwarding.kind === 'fracturing') {
      this.rel.marks.markRange(record.offset, record.length);
      return this.missed.add(record.length);
    }
    this.lagSinceMs ??= this.rel.deps.runtime.clock.nowMs();
    this.unanswered.push({ record });
    this.send(record);
  }

  private send(record: ForwardedRecord): void {
    if (!this.rel.deps.peer.connected) return;
    this.rel.deps.stream.append({
      kind: record.kind,
      relationshipId: this.rel.id,
      sequence: record.sequence,
      epoch: record.epoch,
      offset: record.offset,
      length: record.length,
      payload: record.payload,
    });
  }

  holds(sequence: number): boolean {
    const f = this.forwarding;
    if (f.kind === 'marked' || (f.kind === 'joined' && f.acknowledges)) return true;
    if (f.kind === 'joined') return sequence <= this.held;
    return (
      sequence <= f.requiredAfter || sequence <= this.held || this.rel.deps.runtime.planted('acknowledge-before-keeper')
    );
  }

  /** The destination holds this record durably. */
  confirmed(sequence: number): void {
    // Confirmed is what lies in the mirror log; once the relationship left the stream that is no promise to apply it.
    if (!this.listening) return;
    this.held = Math.max(this.held, sequence);
    let count = 0;
    for (const u of this.unanswered) {
      if (u.record.sequence > sequence) break;
      count++;
    }
    this.unanswered.splice(0, count);
    this.lagSinceMs = this.unanswered.length === 0 ? null : this.rel.deps.runtime.clock.nowMs();
  }

  /** Called every so often: a destination that confirms nothing for too long is left behind. */
  watch(): void {
    if (this.lagSinceMs === null || this.rel.deps.runtime.clock.nowMs() - this.lagSinceMs < this.rel.deps.settings.mirrorTimeoutMs) return;
    if (this.forwarding.kind !== 'joined' && this.forwarding.kind !== 'required') return;
    // A strict mirror that has not joined in this session has nothing to confirm yet.
    if (!this.rel.deps.peer.connected || this.strictHold) return;
    this.rel.deps.runtime.covered('mirror/confirmation-timeout');
    if (this.rel.record.policy === 'strict' && this.inSync) this.rel.deps.peer.reset('no confirmation in time');
    else void this.fracture('timeout', 'the destination confirmed nothing in time');
  }

  /** Told as long as the secondary hears: what a promotion of it would lack. */
  tellMissed(): void {
    const { fracture, image } = this.rel.record;
    const counted = this.missed.counted;
    if (this.forwarding.kind !== 'marked' || fracture === null || counted === null || !this.rel.deps.peer.connected) return;
    if (image !== 'Outdated' && image !== 'Consistent') return;
    const note = { relationship: this.rel.id, ...counted, fracturedWallMs: fracture.atWallMs, cause: fracture.cause };
    if (this.missed.isNews(note)) this.rel.deps.peer.notify('missed', note);
  }

  private appendControl(kind: LogRecord['kind'], payload: JsonObject): number | null {
    return this.rel.deps.log.append(
      makeRecord({ kind, volumeId: this.rel.deps.volume.id, payload: jsonPayload(payload) }),
    );
  }

  // --- joining, fracturing -----------------------------------------------------------------------------------------

  /** From this step on every write is forwarded. `held` is what the destination holds; `required`: acks wait at once. */
  joined(held: number, required: boolean): void {
    this.membership++;
    this.listening = true;
    this.missed.reset();
    this.held = held;
    this.referencesAfter = this.rel.deps.log.lastSequence;
    this.forwarding = required ? { kind: 'required', requiredAfter: 0 } : { kind: 'joined', acknowledges: !this.strictHold };
    if (required) this.strictHold = false;
    this.transitionArmed = false;
    if (!this.strictHold) {
      this.strictTimer?.cancel();
      this.strictTimer = null;
    }
    this.rel.deps.stream.append({
      kind: 'join',
      relationshipId: this.rel.id,
      sequence: 0,
      epoch: 0,
      offset: 0,
      length: 0,
      payload: null,
    });
    // Without `required` the next consistency point carries what is unanswered; its regions are marked.
    this.unanswered = required ? this.unanswered.filter((u) => u.record.sequence > held) : [];
    for (const u of this.unanswered) this.send(u.record);
  }

  /** Records of this volume found in the log at start (replication.md 3.12, 3). */
  recoveredRecord(record: LogRecord): void {
    this.recovered.push({ sequence: record.sequence, offset: record.offset, length: record.length });
  }

  /** Where the destination stood when it left the stream: it must hold at least this. */
  get confirmedThrough(): number {
    return this.rel.record.fracture?.sequence ?? this.held;
  }

  /** At start, before the log goes on: its end is remembered durably until a handshake has passed it. */
  async rememberEnd(last: number, next: number): Promise<void> {
    const known = this.rel.record.ends ?? [];
    if (this.rel.record.base === null || known.at(-1)?.last === last) return;
    // Too many starts without a handshake: the oldest become one gap, which at worst compares more than it has to.
    const [first, second, ...rest] = known;
    const kept = known.length < MAXIMUM_ENDS || first === undefined || second === undefined ? known : [{ last: first.last, next: second.next }, ...rest];
    await this.rel.change({ ends: [...kept, { last, next }] });
  }

  get lastRecovered(): number {
    return this.recovered.at(-1)?.sequence ?? 0;
  }

  /** The destination proved that it holds everything through `held`: the rest of what was recovered becomes marks. */
  async settleRecovered(held: number): Promise<void> {
    for (const r of this.recovered) if (r.sequence > held) this.rel.marks.markRange(r.offset, r.length);
    this.recovered = [];
    await this.rel.marks.flush();
  }

  /** This side gives up its role in a planned swap: nothing is owed, nothing is forwarded any more. */
  left(): void {
    this.membership++;
    this.listening = false;
    this.strictHold = false;
    this.forwarding = { kind: 'marked' };
    this.missed.forget();
    this.unanswered = [];
    this.lagSinceMs = null;
    this.strictTimer?.cancel();
    this.strictTimer = null;
  }

  /**
   * A primary that may serve although it has not heard of its peer since it started (primary bias): as a fracture, with
   * its record durable before the first write.
   */
  async isolate(cause: FractureCause, reason: string): Promise<void> {
    if (this.forwarding.kind !== 'marked') return;
    this.forwarding = this.rel.record.policy === 'strict' ? { kind: 'required', requiredAfter: 0 } : { kind: 'joined', acknowledges: true };
    await this.fracture(cause, reason);
  }

  /**
   * At start: a strict mirror that was in sync before and was not set apart by an admin serves nobody until it is
   * synchronized again, whatever `peerWait` says.
   */
  holdAtStart(): void {
    const { policy, role, base, fracture } = this.rel.record;
    if (policy !== 'strict' || role !== 'primary' || base === null) return;
    if (fracture?.cause === 'admin' || fracture?.cause === 'promotion') return;
    this.forwarding = { kind: 'required', requiredAfter: 0 };
    this.strictHold = true;
    this.armStrictTimer();
  }

  connectionLost(reason: string): void {
    this.missed.untold();
    if (this.forwarding.kind === 'marked' || this.forwarding.kind === 'fracturing') return;
    if (this.staysStrict()) return this.holdStrictly(reason);
    void this.fracture('link', reason);
  }

  private staysStrict(): boolean {
    return this.rel.record.policy === 'strict' && (this.forwarding.kind === 'required' || this.strictHold);
  }

  /** What the destination may not hold is marked; it stays unanswered. */
  markUnanswered(): void {
    for (const u of this.unanswered) this.rel.marks.markRange(u.record.offset, u.record.length);
  }

  /** `strict`: nothing is acknowledged until the mirror is back; after `strictTimeoutMs` requests fail. */
  private holdStrictly(reason: string): void {
    const { volume, runtime } = this.rel.deps;
    this.membership++;
    this.listening = false;
    this.strictHold = true;
    this.forwarding = { kind: 'required', requiredAfter: 0 };
    if (this.rel.record.image === 'Synchronizing') this.rel.set({ image: 'OutOfSync' });
    runtime.covered('mirror/strict-held');
    this.rel.report('mirror/strict-waiting', 'critical', `writes wait for the mirror (${reason}); policy strict`);
    if (volume.gate.kind === 'open')
      volume.setGate({ kind: 'held', reason: 'the mirror does not answer; policy strict' });
    this.armStrictTimer();
  }

  /** As long as hosts are held, what waits fails after `strictTimeoutMs`, again and again. */
  private armStrictTimer(): void {
    const { volume, runtime, settings } = this.rel.deps;
    this.strictTimer?.cancel();
    this.strictTimer = runtime.clock.after(settings.strictTimeoutMs, () => {
      if (!this.strictHold) return;
      volume.failWaiting('volume/mirror-timeout', 'the mirror did not answer in time; policy strict');
      volume.failPending('volume/mirror-timeout', 'the mirror did not answer in time; policy strict');
      this.armStrictTimer();
    });
  }

  /**
   * The relationship leaves the stream (3.12, 1 and 2): the fracture record is durable before the first acknowledgement
   * that lacks the destination; what the destination did not report is marked. Resolves when acknowledgements flow again.
   */
  async fracture(cause: FractureCause, reason: string): Promise<void> {
    const before = this.forwarding;
    if (before.kind === 'marked' || before.kind === 'fracturing') return;
    if (cause !== 'admin' && this.staysStrict()) return this.holdStrictly(reason);
    const { runtime, volume, log } = this.rel.deps;
    this.membership++;
    this.listening = false;
    this.strictHold = false;
    this.forwarding = {
      kind: 'fracturing',
      requiredAfter: before.kind === 'required' ? before.requiredAfter : Number.MAX_SAFE_INTEGER,
    };
    this.strictTimer?.cancel();
    this.strictTimer = null;
    this.markUnanswered();
    for (const u of this.unanswered) this.missed.add(u.record.length);
    this.unanswered = [];
    this.lagSinceMs = null;
    const wasSyncing = this.rel.record.image === 'Synchronizing';
    this.rel.set({
      image: wasSyncing ? 'OutOfSync' : cause === 'admin' ? 'Consistent' : 'Outdated',
      fracture: { cause, atWallMs: runtime.clock.wallMs(), sequence: this.held },
      opening: this.rel.record.opening === '' ? runtime.random.id() : this.rel.record.opening,
    });
    this.rel.deps.peer.notify('fractured', { relationship: this.rel.id, cause, atWallMs: runtime.clock.wallMs() });
    runtime.covered(`mirror/fractured-${cause}`);
    this.rel.report('mirror/fractured', 'error', `fractured (${cause}): ${reason}`);
    if (runtime.planted('acknowledge-before-fracture-durable')) this.forwarding = { kind: 'marked' };
    const payload = {
      relationship: this.rel.id,
      cause,
      sequence: this.held,
      opening: this.rel.record.opening,
      atWallMs: runtime.clock.wallMs(),
      image: this.rel.record.image,
    };
    let sequence = this.appendControl('fracture', payload);
    while (sequence === null) {
      // The log is full of control records: a consistency point makes room. It must not be waited for here, because the
      // one that runs may wait for this fracture.
      this.rel.deps.consistencyPoint('back-to-back').catch(() => undefined);
      await runtime.clock.sleep(20);
      sequence = this.appendControl('fracture', payload);
    }
    await log.whenDurable(sequence);
    this.forwarding = { kind: 'marked' };
    if (volume.gate.kind === 'held' && this.rel.record.role === 'primary') volume.setGate({ kind: 'open' });
    volume.advance();
    this.rel.deps.announce();
  }

  // --- consistency points ------------------------------------------------------------------------------------------

  forLabel(): ReturnType<VolumeMirror['forLabel']> {
    return this.rel.forLabel();
  }

  get attributesChanged(): boolean {
    return this.rel.attributesChanged;
  }

  seal(dirty: boolean): CpMirrorSession | null {
    if (this.rel.record.role !== 'primary') return null;
    if (this.strictHold && this.forwarding.kind === 'required') return new MarkingSession(this.rel, () => this.flushOwed());
    if (this.forwarding.kind !== 'joined' && this.forwarding.kind !== 'required')
      return new MarkingSession(this.rel, () => this.flushOwed());
    const transition = this.transitionArmed;
    if (!dirty && !transition && this.cut === null && (this.resyncRoot === null || this.resyncRoot.cp !== null)) return null;
    if (transition) {
      this.transitionArmed = false;
      // From this seal on, acknowledgements wait for the destination (3.13, 5).
      this.forwarding = { kind: 'required', requiredAfter: this.rel.deps.log.lastSequence };
    }
    this.rel.deps.stream.append({
      kind: 'seal',
      relationshipId: '',
      sequence: 0,
      epoch: 0,
      offset: 0,
      length: 0,
      payload: null,
    });
    return new JoinedSession(this.rel, this, this.membership, transition, this.referencesAfter);
  }

  isMember(membership: number): boolean {
    return this.membership === membership && this.forwarding.kind !== 'marked' && this.forwarding.kind !== 'fracturing';
  }

  /** Owed bits are durable before the half that holds their records is freed (3.12, 2). */
  async flushOwed(): Promise<void> {
    for (const r of this.recovered) this.rel.marks.markRange(r.offset, r.length);
    if (this.forwarding.kind === 'required')
      for (const u of this.unanswered) this.rel.marks.markRange(u.record.offset, u.record.length);
    try {
      await this.rel.marks.flush();
      if (this.rel.record.trackingFailed && this.rel.marks.state === 'open') this.rel.set({ trackingFailed: false });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      // The marks live in memory only: the label says so, and after a restart every region counts as marked.
      if (!this.rel.record.trackingFailed) {
        this.rel.deps.runtime.covered('mirror/tracking-failed');
        this.rel.report('mirror/bitmap-failed', 'alert', `its fracture log cannot be written (${error.message}); after a restart a full compare will be needed`);
      }
      await this.rel.change({ trackingFailed: true });
    }
  }

  committed(cp: number, ownCp: number, applied: number, transition: boolean): void {
    this.referencesAfter = Math.max(this.referencesAfter, applied);
    // The image holds everything through `applied`, whether it was reported before or not.
    this.held = Math.max(this.held, applied);
    if (transition) this.strictHold = false;
    this.rel.deps.volume.advance();
    if (this.rel.record.image === 'Synchronized' || transition)
      this.rel.set({ base: basePair(this.rel.record.home, cp, ownCp) });
  }

  keepCut(name: string | null): void {
    this.cut = name;
  }

  /** Taken by the session of one consistency point. */
  takeCut(): string | null {
    const name = this.cut;
    this.cut = null;
    return name;
  }

  // --- resync ------------------------------------------------------------------------------------------------------

  beginResync(rootName: string): void {
    this.resyncRoot = { name: rootName, cp: null };
    this.changedSince = new Map();
  }

  armTransition(): void {
    this.transitionArmed = true;
  }

  endResync(): void {
    this.resyncRoot = null;
    this.changedSince = null;
    this.transitionArmed = false;
    this.onTransition = null;
  }

  /** Blocks of a consistency point after the resync root travel in its list; the resync must not send older ones. */
  noteChanged(vbns: readonly number[]): void {
    const changed = this.changedSince;
    if (changed === null || this.resyncRoot?.cp === null) return;
    for (const vbn of vbns) {
      const region = Math.floor(vbn / 16);
      changed.set(region, (changed.get(region) ?? 0) | (1 << (vbn % 16)));
    }
  }

  changedLater(vbn: number): boolean {
    if (this.rel.deps.runtime.planted('resync-block-overwrites-later-cp')) return false;
    return ((this.changedSince?.get(Math.floor(vbn / 16)) ?? 0) & (1 << (vbn % 16))) !== 0;
  }
}

/** The relationship is fractured: the consistency point only makes its bits durable before the half goes. */
class MarkingSession implements CpMirrorSession {
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
class JoinedSession implements CpMirrorSession {
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

export class MirrorTimeoutError extends Error {
  constructor() {
    super('the destination made no progress in time');
    this.name = 'MirrorTimeoutError';
  }
}

/** Bounds a wait for the destination by the relationship's `mirrorTimeoutMs`. */
export function withTimeout<T>(rel: Relationship, promise: Promise<T>, times = 1): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = rel.deps.runtime.clock.after(rel.deps.settings.mirrorTimeoutMs * times, () => {
      reject(new MirrorTimeoutError());
    });
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

export { REGION_BYTES };

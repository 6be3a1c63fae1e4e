import type { JsonObject } from '../pool/index.ts';
import { jsonPayload, makeRecord, type LogRecord } from '../nvlog/index.ts';
import type { CpMirrorOutcome, CpMirrorSession, ForwardedRecord, VolumeMirror } from '../volume/index.ts';
import { MissedWrites } from './missed.ts';
import { Mutex } from './mutex.ts';
import { Owed } from './owed.ts';
import { JoinedSession, MarkingSession } from './primary-points.ts';
import { basePair, type FractureCause } from './record.ts';
import type { Relationship } from './relationship.ts';
import { openGeneration } from './state/index.ts';

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
  readonly owed: Owed;
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
    this.owed = new Owed(rel);
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

  /** In the stream of this session, and every acknowledgement waits for the destination: nothing is between the copies. */
  get inStream(): boolean {
    return this.inSync && this.listening;
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

  /** Where the destination stood when it left the stream: it must hold at least this. */
  get confirmedThrough(): number {
    return this.rel.record.fracture?.sequence ?? this.held;
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
  flushOwed(): Promise<void> {
    this.owed.mark();
    if (this.forwarding.kind === 'required') this.markUnanswered();
    return this.owed.flush();
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

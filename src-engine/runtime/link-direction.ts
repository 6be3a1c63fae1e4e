import type { Clock, Random } from './types.ts';

/** How the link between two servers behaves. A cut direction loses every frame, including those in flight. */
export interface LinkSettings {
  /** One way. */
  readonly latencyMs: number;
  /** Added to the latency, uniform in [0, jitterMs); keeps the order. */
  readonly jitterMs?: number;
  /** Per direction, shared by all sessions of the link; unlimited when absent. */
  readonly bandwidthBytesPerSecond?: number;
  readonly lossProbability?: number;
  readonly duplicateProbability?: number;
  /** A reordered frame arrives later than those sent after it. */
  readonly reorderProbability?: number;
  readonly up: boolean | { readonly aToB: boolean; readonly bToA: boolean };
}

/** What was handed to one direction, and what became of it. Payload bytes of whole frames. */
export interface DirectionTraffic {
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly deliveredFrames: number;
  readonly deliveredBytes: number;
  readonly droppedFrames: number;
}

/** A reordered frame is this much later, plus as much again at random. */
const REORDER_DELAY_MS = 2;

/** Something on its way; exactly one of the two is called (duplicates are separate parcels). */
export interface Parcel {
  arrive(): void;
  drop(): void;
}

/** One way of a link: a queue in time order with one timer for its head. */
export class Direction {
  up = true;
  readonly traffic = { sentFrames: 0, sentBytes: 0, deliveredFrames: 0, deliveredBytes: 0, droppedFrames: 0 };
  readonly #link: { readonly settings: LinkSettings };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onNextTurn: (run: () => void) => void;
  /** Counts cuts: what was sent before the last one does not arrive. */
  #cuts = 0;
  #lineBusyUntilMs = 0;
  #queue: { readonly dueMs: number; readonly cuts: number; readonly parcel: Parcel }[] = [];
  #queueHead = 0;
  #timerRunning = false;
  #turnsUnderWay = 0;

  constructor(
    link: { readonly settings: LinkSettings },
    clock: Clock,
    random: Random,
    onNextTurn: (run: () => void) => void,
  ) {
    this.#link = link;
    this.#clock = clock;
    this.#random = random;
    this.#onNextTurn = onNextTurn;
  }

  setUp(up: boolean): void {
    if (this.up && !up) this.#cuts++;
    this.up = up;
  }

  /** Bytes that wait for the line, over all sessions; 0 without a bandwidth limit. */
  backlogBytes(): number {
    const { bandwidthBytesPerSecond } = this.#link.settings;
    if (bandwidthBytesPerSecond === undefined) return 0;
    return Math.max(0, Math.ceil(((this.#lineBusyUntilMs - this.#clock.nowMs()) * bandwidthBytesPerSecond) / 1000));
  }

  /** Whether frames leave only at the next turn (no latency, no bandwidth limit). */
  get immediate(): boolean {
    const { latencyMs, jitterMs, bandwidthBytesPerSecond } = this.#link.settings;
    return latencyMs === 0 && (jitterMs ?? 0) === 0 && bandwidthBytesPerSecond === undefined;
  }

  /** Whether a frame sent now is lost on purpose. */
  loses(): boolean {
    return this.#happens(this.#link.settings.lossProbability);
  }

  duplicates(): boolean {
    return this.#happens(this.#link.settings.duplicateProbability);
  }

  reorders(): boolean {
    return this.#happens(this.#link.settings.reorderProbability);
  }

  /** Takes a parcel across, after everything that was sent before. */
  carry(bytes: number, parcel: Parcel): void {
    if (!this.up) return parcel.drop();
    const cuts = this.#cuts;
    if (this.immediate && this.#queueHead === this.#queue.length) {
      this.#turnsUnderWay++;
      this.#onNextTurn(() => {
        this.#turnsUnderWay--;
        this.#finish(cuts, parcel);
      });
      return;
    }
    // Whatever its own moment, nothing overtakes the head of the queue.
    this.#queue.push({ dueMs: this.#arrivalMs(bytes), cuts, parcel });
    this.#startTimer();
  }

  /** Takes a parcel across later than what is sent after it. */
  carryLate(bytes: number, parcel: Parcel): void {
    if (!this.up) return parcel.drop();
    const cuts = this.#cuts;
    const lateMs = REORDER_DELAY_MS * (1 + this.#random.float());
    const delayMs = Math.max(0, this.#arrivalMs(bytes) - this.#clock.nowMs()) + lateMs;
    this.#clock.after(delayMs, () => this.#finish(cuts, parcel));
  }

  #arrivalMs(bytes: number): number {
    const { latencyMs, jitterMs, bandwidthBytesPerSecond } = this.#link.settings;
    let leavesMs = this.#clock.nowMs();
    if (bandwidthBytesPerSecond !== undefined) {
      leavesMs = Math.max(leavesMs, this.#lineBusyUntilMs) + (bytes * 1000) / bandwidthBytesPerSecond;
      this.#lineBusyUntilMs = leavesMs;
    }
    return leavesMs + latencyMs + (jitterMs === undefined || jitterMs === 0 ? 0 : this.#random.float() * jitterMs);
  }

  #happens(probability: number | undefined): boolean {
    return probability !== undefined && probability > 0 && this.#random.float() < probability;
  }

  #finish(cuts: number, parcel: Parcel): void {
    if (cuts === this.#cuts) parcel.arrive();
    else parcel.drop();
  }

  #startTimer(): void {
    if (this.#timerRunning) return;
    const head = this.#queue[this.#queueHead];
    if (head === undefined) return;
    this.#timerRunning = true;
    const delayMs = Math.max(0, head.dueMs - this.#clock.nowMs());
    this.#clock.after(delayMs, () => {
      this.#timerRunning = false;
      this.#deliverDue();
    });
  }

  #deliverDue(): void {
    const nowMs = this.#clock.nowMs();
    // Frames sent before on the direct path arrive before, though a timer may come before the shared turn.
    while (this.#turnsUnderWay === 0) {
      const head = this.#queue[this.#queueHead];
      if (head === undefined || head.dueMs > nowMs) break;
      this.#queueHead++;
      this.#finish(head.cuts, head.parcel);
    }
    if (this.#queueHead === this.#queue.length) {
      this.#queue = [];
      this.#queueHead = 0;
    } else if (this.#queueHead > 1024) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
    this.#startTimer();
  }
}

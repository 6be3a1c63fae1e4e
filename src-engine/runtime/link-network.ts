import { assert, type Clock, type Network, type Random, type Session } from './types.ts';

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

const PERFECT: LinkSettings = { latencyMs: 0, up: true };
/** A reordered frame is this much later, plus as much again at random. */
const REORDER_DELAY_MS = 2;
/** A dial that fails takes at least this long, so that a caller without a pause cannot spin. */
const DIAL_FAILURE_MS = 1;

/**
 * The links between servers, as one model for the laboratory and for the simulator. Servers are addressed by id; each
 * pair has one link with a direction each way; unset links are perfect. Frames are copied at `send`, arrive whole, in
 * order and exactly once unless loss, duplication or reordering were asked for. A cut link closes its sessions at both
 * ends after `closeDetectMs`.
 */
export class LinkNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #closeDetectMs: number;
  readonly #links = new Map<string, Link>();
  readonly #endpoints = new Map<string, Endpoint>();
  #nextTurn: (() => void)[] = [];

  constructor(clock: Clock, random: Random, options: { readonly closeDetectMs?: number } = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#closeDetectMs = options.closeDetectMs ?? 1000;
  }

  /** The network as a new incarnation of `serverId` sees it; the one before must have been detached. */
  endpoint(serverId: string): Network {
    assert(!this.#endpoints.has(serverId), `server ${serverId} has one endpoint at a time`);
    const endpoint: Endpoint = { serverId, listener: undefined, sessions: new Set(), alive: true };
    this.#endpoints.set(serverId, endpoint);
    return {
      listen: (onSession) => {
        assert(endpoint.listener === undefined || !endpoint.alive, `server ${serverId} has one listener at a time`);
        if (!endpoint.alive) return { close: () => {} };
        endpoint.listener = onSession;
        return {
          close: () => {
            if (endpoint.listener === onSession) endpoint.listener = undefined;
          },
        };
      },
      dial: (address) => this.#dial(endpoint, address),
    };
  }

  /**
   * The server's power is cut: its listener and sessions end without a word on its side; each peer gets `onClose` after
   * `closeDetectMs`, or at its next send when the server is back by then.
   */
  detach(serverId: string): void {
    const endpoint = this.#endpoints.get(serverId);
    if (endpoint === undefined) return;
    this.#endpoints.delete(serverId);
    endpoint.alive = false;
    endpoint.listener = undefined;
    for (const session of endpoint.sessions) session.vanish();
    endpoint.sessions.clear();
  }

  /** Sets the whole behaviour of the link between `a` and `b`. Frames already on their way keep their times. */
  setLink(a: string, b: string, settings: LinkSettings): void {
    const link = this.#link(a, b);
    const { up } = settings;
    link.settings = settings;
    link.directionFrom(a).setUp(typeof up === 'boolean' ? up : up.aToB);
    link.directionFrom(b).setUp(typeof up === 'boolean' ? up : up.bToA);
    if (link.up) return;
    for (const session of link.sessions) session.closeBothEnds('link cut');
  }

  /** The settings of the link; `up` speaks of `a` and `b` as given here. */
  linkOf(a: string, b: string): LinkSettings {
    const link = this.#link(a, b);
    return { ...link.settings, up: { aToB: link.directionFrom(a).up, bToA: link.directionFrom(b).up } };
  }

  /** What went each way since the beginning. */
  traffic(a: string, b: string): { readonly aToB: DirectionTraffic; readonly bToA: DirectionTraffic } {
    const link = this.#link(a, b);
    return { aToB: { ...link.directionFrom(a).traffic }, bToA: { ...link.directionFrom(b).traffic } };
  }

  #link(a: string, b: string): Link {
    assert(a !== b, `a link joins two servers, not ${a} with itself`);
    const key = a < b ? `${a}\n${b}` : `${b}\n${a}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const turn = (run: () => void): void => this.#onNextTurn(run);
      link = new Link(a, this.#clock, this.#random, turn);
      this.#links.set(key, link);
    }
    return link;
  }

  async #dial(from: Endpoint, address: string): Promise<Session> {
    if (!from.alive) return new Promise<Session>(() => {});
    const link = this.#link(from.serverId, address);
    return new Promise<Session>((resolve, reject) => {
      const refuse = (why: string): void => {
        const delayMs = Math.max(DIAL_FAILURE_MS, 2 * link.settings.latencyMs);
        this.#clock.after(delayMs, () =>
          reject(new Error(`${address} cannot be reached from ${from.serverId}: ${why}`)),
        );
      };
      if (!link.up) return refuse('link is down');
      const there = link.directionFrom(from.serverId);
      const back = link.directionFrom(address);
      there.carry(0, {
        arrive: () => {
          const to = this.#endpoints.get(address);
          const listener = to?.listener;
          if (to === undefined || listener === undefined) return refuse('nobody listens');
          if (!from.alive) return;
          const dialled = new LinkSession(
            address,
            link,
            there,
            from,
            this.#clock,
            this.#closeDetectMs,
            this.#endpoints,
          );
          const accepted = new LinkSession(
            from.serverId,
            link,
            back,
            to,
            this.#clock,
            this.#closeDetectMs,
            this.#endpoints,
          );
          dialled.join(accepted);
          // Before the listener runs, so that what it sends at once comes after the session itself.
          back.carry(0, { arrive: () => resolve(dialled), drop: () => refuse('link was cut') });
          listener(accepted);
        },
        drop: () => refuse('link was cut'),
      });
    });
  }

  /** One scheduling shared by all frames that take no time. */
  #onNextTurn(run: () => void): void {
    this.#nextTurn.push(run);
    if (this.#nextTurn.length > 1) return;
    this.#clock.after(0, () => {
      const due = this.#nextTurn;
      this.#nextTurn = [];
      for (const each of due) each();
    });
  }
}

interface Endpoint {
  readonly serverId: string;
  listener: ((session: Session) => void) | undefined;
  readonly sessions: Set<LinkSession>;
  alive: boolean;
}

/** Something on its way; exactly one of the two is called (duplicates are separate parcels). */
interface Parcel {
  arrive(): void;
  drop(): void;
}

class Link {
  settings: LinkSettings = PERFECT;
  readonly sessions = new Set<LinkSession>();
  readonly #a: string;
  readonly #fromA: Direction;
  readonly #fromB: Direction;

  constructor(a: string, clock: Clock, random: Random, onNextTurn: (run: () => void) => void) {
    this.#a = a;
    this.#fromA = new Direction(this, clock, random, onNextTurn);
    this.#fromB = new Direction(this, clock, random, onNextTurn);
  }

  get up(): boolean {
    return this.#fromA.up && this.#fromB.up;
  }

  directionFrom(serverId: string): Direction {
    return serverId === this.#a ? this.#fromA : this.#fromB;
  }
}

/** One way of a link: a queue in time order with one timer for its head. */
class Direction {
  up = true;
  readonly traffic = { sentFrames: 0, sentBytes: 0, deliveredFrames: 0, deliveredBytes: 0, droppedFrames: 0 };
  readonly #link: Link;
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

  constructor(link: Link, clock: Clock, random: Random, onNextTurn: (run: () => void) => void) {
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

type SessionState = 'open' | 'closed' | 'vanished';

class LinkSession implements Session {
  readonly peer: string;
  readonly #link: Link;
  readonly #out: Direction;
  readonly #home: Endpoint;
  readonly #clock: Clock;
  readonly #closeDetectMs: number;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  #other: LinkSession | undefined;
  #state: SessionState = 'open';
  /** A cut lost frames: nothing sent afterwards may arrive, or the stream would have a hole. */
  #broken = false;
  #closing = false;
  #undelivered = 0;
  #onFrame: Session['onFrame'] | undefined;
  #onClose: Session['onClose'] | undefined;
  /** What arrived before a handler was there. */
  #held: Uint8Array[] = [];
  #heldReason: string | undefined;

  constructor(
    peer: string,
    link: Link,
    out: Direction,
    home: Endpoint,
    clock: Clock,
    closeDetectMs: number,
    endpoints: ReadonlyMap<string, Endpoint>,
  ) {
    this.peer = peer;
    this.#link = link;
    this.#out = out;
    this.#home = home;
    this.#clock = clock;
    this.#closeDetectMs = closeDetectMs;
    this.#endpoints = endpoints;
  }

  join(other: LinkSession): void {
    this.#other = other;
    other.#other = this;
    for (const session of [this, other]) {
      session.#home.sessions.add(session);
      session.#link.sessions.add(session);
    }
  }

  get bufferedBytes(): number {
    if (this.#state !== 'open') return 0;
    return this.#out.immediate ? this.#undelivered : Math.min(this.#undelivered, this.#out.backlogBytes());
  }

  get onFrame(): Session['onFrame'] {
    return this.#onFrame ?? (() => {});
  }

  set onFrame(handler: Session['onFrame']) {
    this.#onFrame = handler;
    if (this.#held.length > 0 || this.#heldReason !== undefined) this.#clock.after(0, () => this.#releaseHeld());
  }

  get onClose(): Session['onClose'] {
    return this.#onClose ?? (() => {});
  }

  set onClose(handler: Session['onClose']) {
    this.#onClose = handler;
    if (this.#heldReason !== undefined) this.#clock.after(0, () => this.#releaseHeld());
  }

  send(frame: readonly Uint8Array[]): void {
    if (this.#state !== 'open') return;
    const whole = copyOf(frame);
    const out = this.#out;
    out.traffic.sentFrames++;
    out.traffic.sentBytes += whole.length;
    const other = this.#other;
    if (other !== undefined && other.#state === 'vanished' && this.#endpoints.has(this.peer)) {
      // The peer came back and knows nothing of this session.
      this.#clock.after(2 * this.#link.settings.latencyMs, () => this.end('the peer was restarted'));
    }
    if (this.#broken || out.loses()) {
      out.traffic.droppedFrames++;
      return;
    }
    this.#carry(whole, out.reorders());
    if (out.duplicates()) this.#carry(whole.slice(), out.reorders());
  }

  close(): void {
    if (this.#state !== 'open') return;
    const other = this.#other;
    if (!this.#broken) {
      this.#out.carry(0, { arrive: () => other?.end('closed by the peer'), drop: () => this.#endOtherLater(other) });
    }
    this.#leave('closed');
  }

  /** The home server lost its power. */
  vanish(): void {
    const other = this.#other;
    this.#leave('vanished');
    this.#endOtherLater(other);
  }

  /** The link was cut, in one direction or both. */
  closeBothEnds(reason: string): void {
    if (!this.#out.up) this.#broken = true;
    if (this.#closing) return;
    this.#closing = true;
    this.#clock.after(this.#closeDetectMs, () => this.end(reason));
  }

  /** Ends this side from outside and tells its owner, once. */
  end(reason: string): void {
    if (this.#state !== 'open') return;
    this.#leave('closed');
    this.#heldReason = reason;
    this.#releaseHeld();
  }

  #leave(state: SessionState): void {
    this.#state = state;
    this.#home.sessions.delete(this);
    this.#link.sessions.delete(this);
  }

  #endOtherLater(other: LinkSession | undefined): void {
    this.#clock.after(this.#closeDetectMs, () => other?.end('no answer from the peer'));
  }

  #carry(frame: Uint8Array, late: boolean): void {
    const { traffic } = this.#out;
    this.#undelivered += frame.length;
    const parcel: Parcel = {
      arrive: () => {
        this.#undelivered -= frame.length;
        const other = this.#other;
        if (other === undefined || other.#state !== 'open') {
          traffic.droppedFrames++;
          return;
        }
        traffic.deliveredFrames++;
        traffic.deliveredBytes += frame.length;
        other.#receive(frame);
      },
      drop: () => {
        this.#undelivered -= frame.length;
        traffic.droppedFrames++;
      },
    };
    if (late) this.#out.carryLate(frame.length, parcel);
    else this.#out.carry(frame.length, parcel);
  }

  #receive(frame: Uint8Array): void {
    if (this.#onFrame === undefined || this.#held.length > 0) this.#held.push(frame);
    else this.#onFrame(frame);
  }

  #releaseHeld(): void {
    while (this.#onFrame !== undefined && this.#state !== 'vanished') {
      const frame = this.#held.shift();
      if (frame === undefined) break;
      this.#onFrame(frame);
    }
    const reason = this.#heldReason;
    if (reason === undefined || this.#onClose === undefined || !this.#home.alive) return;
    this.#heldReason = undefined;
    this.#onClose(reason);
  }
}

/** One owned `Uint8Array` of the parts. */
function copyOf(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

import { Direction, type LinkSettings, type Parcel } from './link-direction.ts';
import { FrameMemory } from './frame-memory.ts';
import type { Clock, Random, Session } from './types.ts';

const PERFECT: LinkSettings = { latencyMs: 0, up: true };

/** A server's place in the network, for one incarnation. */
export interface Endpoint {
  readonly serverId: string;
  listener: ((session: Session) => void) | undefined;
  readonly sessions: Set<LinkSession>;
  alive: boolean;
}

/** The link between two servers: how it behaves, a direction each way, the sessions over it. */
export class Link {
  settings: LinkSettings = PERFECT;
  readonly sessions = new Set<LinkSession>();
  readonly frames = new FrameMemory();
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

type SessionState = 'open' | 'closed' | 'vanished';

/** One end of a session over a link. */
export class LinkSession implements Session {
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
    const whole = this.#link.frames.copyOf(frame);
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

  release(frame: ArrayBufferLike): void {
    this.#link.frames.release(frame);
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

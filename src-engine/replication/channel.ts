import type { Clock, Session, Timer } from '../runtime/index.ts';

const HEADER_BYTES = 16;
const MAGIC = 0x4c4b4348; // 'LKCH'
const KIND_DATA = 1;
const KIND_PROBE = 2;
const PROBE_MS = 400;
const MAXIMUM_EARLY = 4096;
const ACK_EVERY = 64;

/**
 * An ordered, exactly-once stream of frames over a session whose link may lose, repeat or reorder them. Frames are
 * numbered; the receiver keeps early ones, drops repeated ones and asks again for what is missing. A lost tail is found
 * by a probe that names the highest number sent. Each frame: magic, kind, number, highest number received in order.
 */
export class Channel {
  onFrame: (frame: Uint8Array) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  private readonly session: Session;
  private readonly clock: Clock;
  private readonly unconfirmed = new Map<number, readonly Uint8Array[]>();
  private readonly early = new Map<number, Uint8Array>();
  private sent = 0;
  private confirmed = 0;
  private received = 0;
  private sinceAck = 0;
  private timer: Timer | null = null;
  private closed = false;
  private stalledAtMs = 0;
  lastHeardMs: number;

  constructor(session: Session, clock: Clock) {
    this.session = session;
    this.clock = clock;
    this.lastHeardMs = clock.nowMs();
    session.onFrame = (frame) => {
      this.receive(frame);
    };
    session.onClose = (reason) => {
      this.end(reason);
    };
    this.arm();
  }

  get bufferedBytes(): number {
    return this.session.bufferedBytes;
  }

  /** The parts must not change afterwards: a lost frame is sent again from them. */
  send(parts: readonly Uint8Array[]): void {
    if (this.closed) return;
    if (this.confirmed === this.sent) this.stalledAtMs = this.clock.nowMs();
    const number = ++this.sent;
    this.unconfirmed.set(number, parts);
    this.transmit(KIND_DATA, number, parts);
  }

  /** Nothing of the frame that `body` lies in is kept. */
  release(body: Uint8Array): void {
    this.session.release(body.buffer);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.session.close();
  }

  private end(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.onClose(reason);
  }

  private transmit(kind: number, number: number, parts: readonly Uint8Array[]): void {
    const header = new Uint8Array(HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, kind, true);
    view.setUint32(8, number, true);
    view.setUint32(12, this.received, true);
    this.sinceAck = 0;
    this.session.send([header, ...parts]);
  }

  /** A probe names the highest number sent and confirms what was received; it also is the sign of life. */
  private arm(): void {
    this.timer = this.clock.after(PROBE_MS, () => {
      if (this.closed) return;
      this.transmit(KIND_PROBE, this.sent, []);
      this.arm();
    });
  }

  private receive(frame: Uint8Array): void {
    if (this.closed) return;
    if (frame.length < HEADER_BYTES) return this.refuse('a frame shorter than its header');
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    if (view.getUint32(0, true) !== MAGIC) return this.refuse('a frame without the magic number');
    this.lastHeardMs = this.clock.nowMs();
    const kind = view.getUint32(4, true);
    const number = view.getUint32(8, true);
    this.confirm(view.getUint32(12, true));
    if (kind === KIND_PROBE) {
      if (number > this.received) this.transmit(KIND_PROBE, this.sent, []);
      return;
    }
    if (kind !== KIND_DATA) return this.refuse(`a frame of unknown kind ${String(kind)}`);
    if (number <= this.received || this.early.has(number)) return;
    if (number !== this.received + 1) {
      if (this.early.size >= MAXIMUM_EARLY) return this.refuse('too many frames ahead of a lost one');
      this.early.set(number, frame);
      if (this.early.size === 1) this.transmit(KIND_PROBE, this.sent, []);
      return;
    }
    this.deliver(frame);
    for (
      let next = this.early.get(this.received + 1);
      next !== undefined && !this.isClosed();
      next = this.early.get(this.received + 1)
    ) {
      this.early.delete(this.received + 1);
      this.deliver(next);
    }
    if (++this.sinceAck >= ACK_EVERY) this.transmit(KIND_PROBE, this.sent, []);
  }

  private isClosed(): boolean {
    return this.closed;
  }

  private deliver(frame: Uint8Array): void {
    this.received++;
    this.onFrame(frame.subarray(HEADER_BYTES));
  }

  /** Drops what the peer confirmed; what a probe shows as missing although it was sent long enough ago is sent again. */
  private confirm(through: number): void {
    if (through > this.sent) return this.refuse('a confirmation of a frame that was never sent');
    if (through > this.confirmed) {
      for (let n = this.confirmed + 1; n <= through; n++) this.unconfirmed.delete(n);
      this.confirmed = through;
      this.stalledAtMs = this.clock.nowMs();
      return;
    }
    if (through === this.sent || this.clock.nowMs() - this.stalledAtMs < PROBE_MS) return;
    this.stalledAtMs = this.clock.nowMs();
    const parts = this.unconfirmed.get(through + 1);
    if (parts !== undefined) this.transmit(KIND_DATA, through + 1, parts);
    // The one that is missing first, and a few behind it: enough to heal bursts, never a storm on a slow link.
    for (let n = through + 2; n <= Math.min(this.sent, through + 16); n++) {
      const further = this.unconfirmed.get(n);
      if (further !== undefined) this.transmit(KIND_DATA, n, further);
    }
  }

  private refuse(reason: string): void {
    this.session.close();
    this.end(`the peer sent ${reason}`);
  }
}

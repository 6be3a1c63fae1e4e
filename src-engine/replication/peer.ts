import type { Network, Runtime, Session, Timer } from '../runtime/index.ts';
import type { JsonObject } from '../pool/index.ts';
import { Channel } from './channel.ts';
import { decodeMessage, encodeMessage, type Message } from './message.ts';

export interface Answer {
  readonly result: JsonObject;
  readonly body?: readonly Uint8Array[];
  /** Nothing of the call's own body is kept: its memory may carry another frame. */
  readonly bodyDone?: boolean;
}

export interface Reply {
  readonly result: JsonObject;
  readonly body: Uint8Array;
}

/** A call could not be answered because the connection ended. Nothing is known of whether it was carried out. */
export class PeerLostError extends Error {
  constructor(peer: string, reason: string) {
    super(`${peer}: ${reason}`);
    this.name = 'PeerLostError';
  }
}

/** The peer refused a call; `message` is its sentence, `data` what it adds. */
export class PeerRefusedError extends Error {
  readonly data: JsonObject;
  constructor(message: string, data: JsonObject) {
    super(message);
    this.name = 'PeerRefusedError';
    this.data = data;
  }
}

export interface PeerHandlers {
  /** What this side tells of itself when a session begins. */
  hello(): JsonObject;
  /** Both sides know each other's hello. */
  connected(hello: JsonObject): void;
  lost(reason: string): void;
  /** Throw PeerRefusedError to refuse. */
  call(method: string, parameters: JsonObject, body: Uint8Array): Promise<Answer>;
  notify(method: string, parameters: JsonObject, body: Uint8Array): void;
}

const REDIAL_MS = 250;
const REDIAL_MAXIMUM_MS = 2_000;

/**
 * The connection to one other server: kept up by redialling (the server with the smaller id dials), at most one session
 * at a time, closed when nothing was heard for `deadAfterMs`. Methods are called by name with a JSON object and bytes;
 * calls of one session are delivered in the order in which they were made.
 */
export class Peer {
  readonly id: string;
  private readonly localId: string;
  private readonly runtime: Runtime;
  private readonly network: Network;
  private readonly handlers: PeerHandlers;
  private readonly deadAfterMs: number;
  private channel: Channel | null = null;
  private greeted = false;
  private readonly calls = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  private callNumber = 0;
  private redialMs = REDIAL_MS;
  private watch: Timer | null = null;
  private stopped = false;
  lastHeardMs: number | null = null;

  constructor(localId: string, id: string, runtime: Runtime, handlers: PeerHandlers, deadAfterMs: number) {
    this.localId = localId;
    this.id = id;
    this.runtime = runtime;
    this.network = runtime.network;
    this.handlers = handlers;
    this.deadAfterMs = deadAfterMs;
  }

  get connected(): boolean {
    return this.greeted;
  }

  get bufferedBytes(): number {
    return this.channel?.bufferedBytes ?? 0;
  }

  /** Heartbeat age source: when anything was last heard, milliseconds of the monotonic clock. */
  get heardMs(): number | null {
    return this.channel?.lastHeardMs ?? this.lastHeardMs;
  }

  start(): void {
    if (this.localId < this.id) this.dial();
  }

  /** First contact: the other side may not know of this server yet, so this one dials whatever the order of the ids. */
  dialNow(): void {
    this.dial();
  }

  stop(): void {
    this.stopped = true;
    this.end('this server stops');
  }

  /** Ends the session on purpose; it is dialled again. */
  reset(reason: string): void {
    this.end(reason);
  }

  private dial(): void {
    if (this.stopped || this.channel !== null) return;
    this.network.dial(this.id).then(
      (session) => {
        if (this.stopped || this.channel !== null) session.close();
        else this.open(session);
      },
      () => {
        this.redialLater();
      },
    );
  }

  private redialLater(): void {
    if (this.stopped || this.localId > this.id) return;
    const jitterMs = this.runtime.random.u32() % 100;
    this.runtime.clock.after(this.redialMs + jitterMs, () => {
      this.dial();
    });
    this.redialMs = Math.min(REDIAL_MAXIMUM_MS, this.redialMs * 2);
  }

  /** A session that the other side dialled replaces the one we thought we had: the old one is dead or dying. */
  accept(session: Session): void {
    if (this.stopped) return session.close();
    if (this.channel !== null) this.end('replaced by a newer session');
    this.open(session);
  }

  private open(session: Session): void {
    const channel = new Channel(session, this.runtime.clock);
    this.channel = channel;
    this.greeted = false;
    channel.onFrame = (frame) => {
      if (this.channel === channel) this.receive(frame);
    };
    channel.onClose = (reason) => {
      if (this.channel === channel) this.ended(reason);
    };
    channel.send(encodeMessage('notify', 0, 'hello', this.handlers.hello()));
    this.arm(channel);
  }

  private arm(channel: Channel): void {
    const { clock } = this.runtime;
    const stepMs = this.deadAfterMs / 4;
    const dueMs = clock.nowMs() + stepMs;
    this.watch = clock.after(stepMs, () => {
      if (this.channel !== channel) return;
      const nowMs = clock.nowMs();
      // This process itself stood still (a long sync, a stopped machine): what arrived meanwhile has not been looked at yet.
      const stoodStill = nowMs - dueMs > stepMs;
      if (!stoodStill && nowMs - channel.lastHeardMs > this.deadAfterMs) this.end('nothing heard for too long');
      else this.arm(channel);
    });
  }

  private end(reason: string): void {
    const channel = this.channel;
    if (channel === null) return;
    channel.close();
    this.ended(reason);
  }

  private ended(reason: string): void {
    this.lastHeardMs = this.channel?.lastHeardMs ?? this.lastHeardMs;
    this.channel = null;
    this.watch?.cancel();
    const wasConnected = this.greeted;
    this.greeted = false;
    const calls = [...this.calls.values()];
    this.calls.clear();
    for (const call of calls) call.reject(new PeerLostError(this.id, reason));
    if (wasConnected) this.handlers.lost(reason);
    this.redialLater();
  }

  /** Rejects with PeerLostError or PeerRefusedError. The body's parts must not change until the session ends. */
  call(method: string, parameters: JsonObject, body: readonly Uint8Array[] = []): Promise<Reply> {
    const channel = this.channel;
    if (channel === null || !this.greeted) return Promise.reject(new PeerLostError(this.id, 'not connected'));
    return new Promise((resolve, reject) => {
      const number = ++this.callNumber;
      this.calls.set(number, { resolve, reject });
      channel.send(encodeMessage('call', number, method, parameters, body));
    });
  }

  notify(method: string, parameters: JsonObject, body: readonly Uint8Array[] = []): void {
    if (this.channel !== null && this.greeted) this.channel.send(encodeMessage('notify', 0, method, parameters, body));
  }

  private receive(frame: Uint8Array): void {
    const message = decodeMessage(frame);
    if (message === null) return this.end('the peer sent something that is not a message');
    if (!this.greeted) {
      if (message.method !== 'hello' || message.kind !== 'notify') return this.end('the peer did not introduce itself');
      this.greeted = true;
      this.redialMs = REDIAL_MS;
      this.handlers.connected(message.parameters);
      return;
    }
    switch (message.kind) {
      case 'notify':
        return this.handlers.notify(message.method, message.parameters, message.body);
      case 'call':
        return this.answer(message);
      case 'reply':
      case 'refusal': {
        const call = this.calls.get(message.call);
        this.calls.delete(message.call);
        if (message.kind === 'reply') call?.resolve({ result: message.parameters, body: message.body });
        else call?.reject(new PeerRefusedError(message.method, message.parameters));
      }
    }
  }

  private answer(message: Message): void {
    const channel = this.channel;
    this.handlers.call(message.method, message.parameters, message.body).then(
      (answer) => {
        if (this.channel !== channel) return;
        if (answer.bodyDone === true) channel?.release(message.body);
        channel?.send(encodeMessage('reply', message.call, message.method, answer.result, answer.body));
      },
      (error: unknown) => {
        if (this.channel !== channel) return;
        if (error instanceof PeerRefusedError)
          channel?.send(encodeMessage('refusal', message.call, error.message, error.data));
        else {
          this.runtime.log.write('error', `answering ${message.method} failed`, { error: String(error) });
          channel?.send(
            encodeMessage('refusal', message.call, error instanceof Error ? error.message : String(error), {
              failed: true,
            }),
          );
        }
      },
    );
  }
}

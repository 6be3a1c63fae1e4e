import type { Runtime } from '../runtime/index.ts';
import type { JsonValue } from '../pool/index.ts';
import type { Peer } from './peer.ts';

/** What travels in the forwarding stream. `seal` tells the keeper to go on in its other half. */
export type StreamKind = 'write' | 'trim' | 'zero' | 'join' | 'leave' | 'seal';

export interface StreamEntry {
  readonly kind: StreamKind;
  readonly relationshipId: string;
  /** Sequence of the record in the source's log. */
  readonly sequence: number;
  readonly epoch: number;
  readonly offset: number;
  readonly length: number;
  readonly payload: Uint8Array | null;
}

const NO_BYTES = new Uint8Array(0);

/**
 * The forwarding stream from this server to one destination server (data-path.md 3): dense sequence per session, every
 * entry of one turn in one message, cumulative confirmations of what is durable in the destination's mirror log.
 */
export class OutgoingStream {
  private readonly runtime: Runtime;
  private readonly peer: Peer;
  private readonly confirmed: (relationshipId: string, sequence: number) => void;
  private readonly confirmedBatch: (relationshipIds: ReadonlySet<string>) => void;
  /** Numbers the sessions, so that a late confirmation of an old one is never taken for the new one's. */
  private session = 0;
  private sequence = 0;
  private batch: StreamEntry[] = [];
  private scheduled = false;
  private inFlight: { readonly stream: number; readonly relationshipId: string; readonly sequence: number }[] = [];
  private head = 0;

  constructor(
    runtime: Runtime,
    peer: Peer,
    confirmed: (relationshipId: string, sequence: number) => void,
    confirmedBatch: (relationshipIds: ReadonlySet<string>) => void,
  ) {
    this.runtime = runtime;
    this.peer = peer;
    this.confirmed = confirmed;
    this.confirmedBatch = confirmedBatch;
  }

  /** A new session begins: the stream starts again at 1; relationships join anew. */
  reset(): void {
    this.session++;
    this.sequence = 0;
    this.batch = [];
    this.inFlight = [];
    this.head = 0;
  }

  append(entry: StreamEntry): void {
    this.batch.push(entry);
    if (this.scheduled) return;
    this.scheduled = true;
    const session = this.session;
    // All writes admitted in one turn share one message.
    void Promise.resolve().then(() => {
      this.scheduled = false;
      if (session === this.session || this.batch.length > 0) this.flush();
    });
  }

  flush(): void {
    const batch = this.batch;
    if (batch.length === 0) return;
    this.batch = [];
    const first = this.sequence + 1;
    const records: JsonValue[] = [];
    const body: Uint8Array[] = [];
    for (const entry of batch) {
      const stream = ++this.sequence;
      this.inFlight.push({ stream, relationshipId: entry.relationshipId, sequence: entry.sequence });
      records.push([entry.kind, entry.relationshipId, entry.sequence, entry.epoch, entry.offset, entry.length]);
      if (entry.payload !== null) body.push(entry.payload);
    }
    this.peer.notify('entries', { session: this.session, first, records }, body.length === 0 ? [NO_BYTES] : body);
  }

  /** The destination holds everything through `stream` durably. */
  durable(session: number, stream: number): void {
    if (session !== this.session) return;
    if (stream > this.sequence) {
      this.runtime.log.write('error', 'the keeper confirms entries that were never sent', {
        stream,
        sent: this.sequence,
      });
      return this.peer.reset('a confirmation of entries that were never sent');
    }
    const touched = new Set<string>();
    for (
      let entry = this.inFlight[this.head];
      entry !== undefined && entry.stream <= stream;
      entry = this.inFlight[this.head]
    ) {
      this.head++;
      if (entry.relationshipId === '') continue;
      this.confirmed(entry.relationshipId, entry.sequence);
      touched.add(entry.relationshipId);
    }
    if (this.head > 1024 && this.head * 2 > this.inFlight.length) {
      this.inFlight = this.inFlight.slice(this.head);
      this.head = 0;
    }
    if (touched.size > 0) this.confirmedBatch(touched);
  }
}

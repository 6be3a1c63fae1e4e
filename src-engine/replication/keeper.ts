import type { Runtime } from '../runtime/index.ts';
import { jsonPayload, makeRecord, type HalfIndex, type Log, type LogRecord, type Recovered } from '../nvlog/index.ts';
import type { StreamEntry, StreamKind } from './stream.ts';

export interface KeeperHandlers {
  /**
   * An entry arrived, in order; it may not be durable yet. False: nobody takes it (its relationship left the stream, and
   * its source has been told). It is not kept, since nothing would ever let go of it.
   */
  entry(entry: StreamEntry): boolean;
  /** Sends the confirmation to the source. */
  confirm(session: number, through: number): void;
  /** Highest source sequence that the relationship no longer needs from the file; Infinity when it is gone. */
  neededAfter(relationshipId: string): number;
  /** The source broke the protocol. */
  broken(reason: string): void;
}

const STREAM_KINDS: readonly StreamKind[] = ['write', 'trim', 'zero', 'join', 'leave', 'seal'];
const NO_BYTES = new Uint8Array(0);

/**
 * The mirror log that this server keeps for one source server (data-path.md 3): a log of two halves like the source's
 * own. Entries are appended in stream order, confirmed cumulatively once durable, and go when every relationship has them
 * in its image.
 */
export class Keeper {
  readonly sourceServerId: string;
  private readonly runtime: Runtime;
  private readonly log: Log;
  private readonly handlers: KeeperHandlers;
  private session = 0;
  private expected = 1;
  /** Entries the log had no room for; nothing behind them is confirmed. */
  private waiting: { readonly record: LogRecord; readonly stream: number }[] = [];
  private inFlight: { readonly logSequence: number; readonly stream: number }[] = [];
  /** Per half: highest source sequence of each relationship's entries in it. */
  private readonly contents: [Map<string, number>, Map<string, number>] = [new Map<string, number>(), new Map<string, number>()];
  private active: HalfIndex;
  /** The log goes on: its start record is durable. Nothing may join before; pending while the device cannot be written. */
  readonly started: Promise<void>;

  constructor(
    sourceServerId: string,
    runtime: Runtime,
    log: Log,
    recovered: Recovered | null,
    handlers: KeeperHandlers,
  ) {
    this.sourceServerId = sourceServerId;
    this.runtime = runtime;
    this.log = log;
    this.handlers = handlers;
    for (const record of recovered?.records ?? []) {
      const half = recovered?.halves.find(({ firstSequence, lastSequence }) => firstSequence <= record.sequence && record.sequence <= lastSequence);
      if (half !== undefined) this.note(half.index, record);
    }
    // A log that goes on in its other half moves records there: from then on each half may hold what either held.
    const moved = (): void => {
      this.active = this.log.fill().active;
      for (const half of [0, 1] as const) {
        for (const [id, sequence] of this.contents[half]) {
          const other = this.contents[half === 0 ? 1 : 0];
          other.set(id, Math.max(other.get(id) ?? 0, sequence));
        }
      }
    };
    log.onFailure = moved;
    log.onResume = moved;
    log.onDurable = (through) => {
      this.durable(through);
    };
    this.started = log.start();
    // The start record may have had to go into the other half.
    this.active = log.fill().active;
    this.started.catch(() => undefined);
  }

  get fill(): ReturnType<Log['fill']> {
    return this.log.fill();
  }

  get bytesHeld(): number {
    return this.log.fill().halves.reduce((sum, half) => sum + (half.state === 'free' ? 0 : half.usedBytes), 0);
  }

  /** A new session of the source: its stream starts at 1. */
  begin(session: number): void {
    this.session = session;
    this.expected = 1;
    this.waiting = [];
    this.inFlight = [];
  }

  receive(session: number, first: number, records: unknown, body: Uint8Array): void {
    if (session !== this.session) this.begin(session);
    if (first !== this.expected || !Array.isArray(records)) {
      this.runtime.covered('mirror-log/gap');
      return this.handlers.broken(`entry ${String(first)} came where ${String(this.expected)} was due`);
    }
    let at = 0;
    for (const item of records as readonly unknown[]) {
      const entry = parseEntry(item, body, at);
      if (entry === null) return this.handlers.broken('an entry that cannot be read');
      at += entry.payload?.length ?? 0;
      const stream = this.expected++;
      if (this.handlers.entry(entry)) this.keep(entry, stream);
    }
  }

  private keep(entry: StreamEntry, stream: number): void {
    if (entry.kind === 'seal') {
      this.trim();
      if (this.log.canSeal() && this.contents[this.active].size > 0) {
        this.log.seal({ labels: {} });
        this.active = this.log.fill().active;
        this.contents[this.active].clear();
        this.runtime.covered('mirror-log/switched-halves');
      }
    }
    const record = makeRecord({
      kind: entry.kind,
      epoch: entry.epoch,
      volumeId: entry.relationshipId,
      offset: entry.offset,
      length: entry.length,
      sourceSequence: entry.sequence,
      streamSequence: stream,
      sourceIncarnation: this.session,
      payload:
        entry.payload ??
        (entry.kind === 'join' || entry.kind === 'leave'
          ? jsonPayload({ relationship: entry.relationshipId })
          : NO_BYTES),
    });
    if (this.waiting.length > 0) this.waiting.push({ record, stream });
    else if (!this.append(record, stream)) {
      this.runtime.covered('mirror-log/full');
      this.waiting.push({ record, stream });
    }
  }

  private append(record: LogRecord, stream: number): boolean {
    const logSequence = this.log.append(record);
    if (logSequence === null) return false;
    this.note(this.active, record);
    this.inFlight.push({ logSequence, stream });
    return true;
  }

  private note(half: HalfIndex, record: LogRecord): void {
    if (record.kind === 'seal' || record.kind === 'start' || record.volumeId === '') return;
    const known = this.contents[half].get(record.volumeId) ?? 0;
    this.contents[half].set(record.volumeId, Math.max(known, record.sourceSequence));
  }

  private durable(through: number): void {
    let stream = 0;
    let count = 0;
    for (const entry of this.inFlight) {
      if (entry.logSequence > through) break;
      stream = entry.stream;
      count++;
    }
    if (count === 0) return;
    this.inFlight.splice(0, count);
    this.handlers.confirm(this.session, stream);
  }

  /** Frees halves whose entries every relationship has in its image; called whenever a position moved. */
  trim(): void {
    const fill = this.log.fill();
    for (const half of [0, 1] as const) {
      if (fill.halves[half].state !== 'sealed') continue;
      let needed = false;
      for (const [relationshipId, sequence] of this.contents[half])
        if (sequence > this.handlers.neededAfter(relationshipId)) needed = true;
      if (needed) continue;
      this.log.free(half);
      this.contents[half].clear();
      this.runtime.covered('mirror-log/trimmed');
    }
    this.retry();
  }

  /** The active half is full of entries nobody needs any more: go on in the other one. */
  private retry(): void {
    if (this.waiting.length === 0) return;
    if (this.log.canSeal()) {
      this.log.seal({ labels: {} });
      this.active = this.log.fill().active;
      this.contents[this.active].clear();
    }
    while (this.waiting.length > 0) {
      const next = this.waiting[0];
      if (next === undefined || !this.append(next.record, next.stream)) return;
      this.waiting.shift();
    }
  }

  async close(): Promise<void> {
    await this.log.close();
  }
}

function parseEntry(item: unknown, body: Uint8Array, at: number): StreamEntry | null {
  if (!Array.isArray(item) || item.length !== 6) return null;
  const [kind, relationshipId, sequence, epoch, offset, length] = item as readonly unknown[];
  const known = STREAM_KINDS.find((k) => k === kind);
  if (known === undefined || typeof relationshipId !== 'string') return null;
  if (!isCount(sequence) || !isCount(epoch) || !isCount(offset) || !isCount(length)) return null;
  if (known !== 'write') return { kind: known, relationshipId, sequence, epoch, offset, length, payload: null };
  if (at + length > body.length) return null;
  return { kind: known, relationshipId, sequence, epoch, offset, length, payload: body.subarray(at, at + length) };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The catalog in memory: for the simulator and for tests of what stands on it. `snapshot` is what a crash leaves. */
import {
  CatalogConflict,
  COLLECTIONS,
  KEEP,
  OF_RUNNING_THINGS,
  type AuditRow,
  type Catalog,
  type CollectionName,
  type Document,
  type EventRow,
} from './types.ts';

interface State {
  documents: Map<CollectionName, Map<string, Document>>;
  events: EventRow[];
  lastEventId: number;
  audits: AuditRow[];
  answers: Map<string, { procedure: string; inputHash: string; answer: unknown }>;
  samples: { atMs: number; sample: unknown }[];
  topologyNumber: number;
}

const copy = <T>(value: T): T => structuredClone(value);

export class MemoryCatalog implements Catalog {
  keepEvents: number = KEEP.events;
  #state: State;
  #depth = 0;

  /** With `from` as another left it. */
  constructor(from?: MemoryCatalog) {
    this.#state = from === undefined ? empty() : copy(from.#state);
  }

  transaction<T>(run: () => T): T {
    if (this.#depth > 0) return run();
    const before = copy(this.#state);
    this.#depth += 1;
    try {
      return run();
    } catch (error) {
      this.#state = before;
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  all(collection: CollectionName): readonly Document[] {
    return [...this.#of(collection).values()].map(copy);
  }
  get(collection: CollectionName, id: string): Document | null {
    return copy(this.#of(collection).get(id) ?? null);
  }
  put(collection: CollectionName, document: Document): void {
    for (const other of this.#of(collection).values()) {
      if (other.name === document.name && other.id !== document.id)
        throw new CatalogConflict(collection, document.name);
    }
    this.#of(collection).set(document.id, copy(document));
    this.#count(collection);
  }
  remove(collection: CollectionName, id: string): void {
    this.#of(collection).delete(id);
    this.#count(collection);
  }
  #count(collection: CollectionName): void {
    if (!OF_RUNNING_THINGS.includes(collection)) this.#state.topologyNumber += 1;
  }
  topologyNumber(): number {
    return this.#state.topologyNumber;
  }
  setTopologyNumber(number: number): void {
    this.#state.topologyNumber = number;
  }

  appendEvent(event: Omit<EventRow, 'id' | 'acknowledged'>): EventRow {
    this.#state.lastEventId += 1;
    const row = { ...copy(event), id: this.#state.lastEventId, acknowledged: null };
    this.#state.events.push(row);
    return row;
  }
  event(id: number): EventRow | null {
    return this.#state.events.find((event) => event.id === id) ?? null;
  }
  acknowledgeEvent(id: number, atMs: number, by: string): void {
    this.#state.events = this.#state.events.map((event) =>
      event.id === id && event.acknowledged === null ? { ...event, acknowledged: { atMs, by } } : event,
    );
  }
  eventsAfter(after: number, limit: number): readonly EventRow[] {
    return this.#state.events.filter((event) => event.id > after).slice(0, limit);
  }
  eventsBefore(before: number, limit: number): readonly EventRow[] {
    return this.#state.events
      .filter((event) => event.id < before)
      .reverse()
      .slice(0, limit);
  }
  eventRange(): { firstId: number; lastId: number } {
    return { firstId: this.#state.events[0]?.id ?? 0, lastId: this.#state.events.at(-1)?.id ?? 0 };
  }
  pruneEvents(keep: number): void {
    this.#state.events = this.#state.events.slice(-keep);
  }

  appendAudit(row: AuditRow): void {
    this.#state.audits.push(copy(row));
    if (this.#state.audits.length > KEEP.audits) this.#state.audits.shift();
  }
  audits(limit: number): readonly AuditRow[] {
    return this.#state.audits.slice(-limit).reverse();
  }

  answer(requestId: string): { procedure: string; inputHash: string; answer: unknown } | null {
    return copy(this.#state.answers.get(requestId) ?? null);
  }
  rememberAnswer(requestId: string, procedure: string, inputHash: string, answer: unknown): void {
    this.#state.answers.set(requestId, { procedure, inputHash, answer: copy(answer) });
    const oldest = this.#state.answers.keys().next();
    if (this.#state.answers.size > KEEP.answers && oldest.done === false) this.#state.answers.delete(oldest.value);
  }

  appendSample(atMs: number, sample: unknown): void {
    this.#state.samples.push({ atMs, sample: copy(sample) });
    if (this.#state.samples.length > KEEP.samples) this.#state.samples.shift();
  }
  samples(fromMs: number): readonly { atMs: number; sample: unknown }[] {
    return this.#state.samples.filter((row) => row.atMs >= fromMs);
  }

  close(): void {
    // Nothing is held.
  }

  #of(collection: CollectionName): Map<string, Document> {
    const documents = this.#state.documents.get(collection);
    if (documents === undefined) throw new Error(`no collection ${collection}`);
    return documents;
  }
}

function empty(): State {
  return {
    documents: new Map(COLLECTIONS.map((name) => [name, new Map<string, Document>()])),
    events: [],
    lastEventId: 0,
    audits: [],
    answers: new Map(),
    samples: [],
    topologyNumber: 0,
  };
}

/** The ordered stream of events: persisted before anybody sees them, dense ids, resumable from any id that is kept. */
import type { LabEvent, Severity } from '../contract/index.ts';
import { ALERT_SEVERITY, isAlert, SEVERITIES } from '../contract/index.ts';
import type { Catalog, EventRow } from './catalog/index.ts';
import { instant } from './instant.ts';
import { refuse } from './refused.ts';

export interface NewEvent {
  readonly kind: string;
  readonly severity: Severity;
  /** `<noun>/<name>` */
  readonly subject: string;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

export interface EventFilter {
  readonly severity?: Severity | undefined;
  readonly subject?: string | undefined;
  readonly kind?: string | undefined;
  /** Only alerts that nobody acknowledged. */
  readonly open?: boolean | undefined;
}

const PAGE = 200;

export class EventStream {
  readonly #catalog: Catalog;
  readonly #wallMs: () => number;
  readonly #listeners = new Set<(event: LabEvent) => void>();
  #wake = new Set<() => void>();
  #closed = false;

  constructor(catalog: Catalog, wallMs: () => number) {
    this.#catalog = catalog;
    this.#wallMs = wallMs;
  }

  append(event: NewEvent): LabEvent {
    const row = this.#catalog.appendEvent({
      atMs: Math.floor(this.#wallMs()),
      kind: event.kind,
      severity: event.severity,
      subject: event.subject,
      message: event.message,
      details: event.details ?? null,
    });
    const told = present(row);
    for (const listener of [...this.#listeners]) listener(told);
    const waiting = this.#wake;
    this.#wake = new Set();
    for (const wake of waiting) wake();
    return told;
  }

  /** Called with every event after it is persisted; returns how to stop. */
  onEvent(listener: (event: LabEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get lastId(): number {
    return this.#catalog.eventRange().lastId;
  }

  range(): { readonly firstId: number; readonly lastId: number } {
    return this.#catalog.eventRange();
  }

  /** Oldest first after `after`; newest first before `before`; the newest page without both. */
  page(
    options: {
      readonly after?: number | undefined;
      readonly before?: number | undefined;
      readonly limit: number;
    } & EventFilter,
  ): LabEvent[] {
    const found: LabEvent[] = [];
    const forward = options.after !== undefined;
    let at = options.after ?? options.before ?? Number.MAX_SAFE_INTEGER;
    while (found.length < options.limit) {
      const rows = forward ? this.#catalog.eventsAfter(at, PAGE) : this.#catalog.eventsBefore(at, PAGE);
      for (const row of rows) {
        if (found.length < options.limit && matches(row, options)) found.push(present(row));
        at = row.id;
      }
      if (rows.length < PAGE) break;
    }
    return found;
  }

  /** The named alerts, or all up to an id; how many were still open. Whoever follows hears of it as an event. */
  acknowledge(which: { readonly events: readonly number[] } | { readonly through: number }, by: string): number {
    const ids =
      'events' in which
        ? which.events.map((id) => this.#alert(id))
        : this.page({ after: 0, limit: Number.MAX_SAFE_INTEGER, open: true })
            .map((event) => event.id)
            .filter((id) => id <= which.through);
    const fresh = [...new Set(ids)].filter((id) => this.#catalog.event(id)?.acknowledged === null);
    if (fresh.length === 0) return 0;
    const atMs = this.#wallMs();
    this.#catalog.transaction(() => {
      for (const id of fresh) this.#catalog.acknowledgeEvent(id, atMs, by);
    });
    this.append({
      kind: 'alert/acknowledged',
      severity: 'info',
      subject: 'lab/alerts',
      message: `${fresh.length} ${fresh.length === 1 ? 'alert was' : 'alerts were'} acknowledged`,
      details: { events: fresh, by },
    });
    return fresh.length;
  }

  #alert(id: number): number {
    const event = this.#catalog.event(id);
    if (event === null)
      refuse('event/not-found', `There is no event ${id}.`, 'List the events to see their ids.', { field: 'events' });
    if (!isAlert(event.severity))
      refuse(
        'event/no-alert',
        `Event ${id} is of severity ${event.severity}: there is nothing to acknowledge.`,
        `Alerts are of severity ${ALERT_SEVERITY} or more.`,
        {
          field: 'events',
        },
      );
    return id;
  }

  /** Every event after `after` in order, without gaps; ends when the lab closes or `signal` fires. */
  async *follow(
    options: { readonly after?: number | undefined } & EventFilter,
    signal?: AbortSignal,
  ): AsyncGenerator<LabEvent, void> {
    let at = options.after ?? this.lastId;
    while (!this.#closed && signal?.aborted !== true) {
      const rows = this.#catalog.eventsAfter(at, PAGE);
      for (const row of rows) {
        at = row.id;
        if (matches(row, options)) yield present(row);
      }
      if (rows.length > 0 || this.#isClosed()) continue;
      await new Promise<void>((resolve) => {
        this.#wake.add(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    for (const wake of this.#wake) wake();
    this.#wake.clear();
    this.#listeners.clear();
  }
}

function present(row: EventRow): LabEvent {
  return {
    id: row.id,
    at: instant(row.atMs),
    kind: row.kind,
    severity: row.severity,
    subject: row.subject,
    message: row.message,
    ...(row.details === null ? {} : { details: row.details }),
    ...(row.acknowledged === null
      ? {}
      : { acknowledged: { at: instant(row.acknowledged.atMs), by: row.acknowledged.by } }),
  };
}

function matches(row: EventRow, filter: EventFilter): boolean {
  if (filter.severity !== undefined && SEVERITIES.indexOf(row.severity) > SEVERITIES.indexOf(filter.severity))
    return false;
  if (filter.open === true && (!isAlert(row.severity) || row.acknowledged !== null)) return false;
  if (filter.subject !== undefined && row.subject !== filter.subject && !row.subject.startsWith(`${filter.subject}/`))
    return false;
  return filter.kind === undefined || row.kind === filter.kind || row.kind.startsWith(`${filter.kind}/`);
}

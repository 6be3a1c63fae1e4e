/**
 * The catalog: what was configured and what happened. It is never the authority for data, roles, positions or marks;
 * those live with the arrays and win. All calls are synchronous; what returned is committed.
 */
import type { Severity } from '../../contract/index.ts';

/** Collections of documents in order of creation. Bodies are JSON; their shapes are the business of their owners. */
export const COLLECTIONS = [
  'sites',
  'clusters',
  'servers',
  'links',
  'arrays',
  'pools',
  'volumes',
  'mirrors',
  'workloads',
  'faults',
  'jobs',
  'drills',
  'settings',
] as const;
export type CollectionName = (typeof COLLECTIONS)[number];

/** What runs by itself keeps its state here; nobody is there to be refused. All else is what somebody configured. */
export const OF_RUNNING_THINGS: readonly CollectionName[] = ['jobs', 'drills', 'workloads', 'faults'];

/** What the arrays keep no copy of. */
export const NOT_TOPOLOGY: readonly CollectionName[] = [...OF_RUNNING_THINGS, 'settings'];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Document {
  readonly id: string;
  /** Unique within the collection; the id where the thing has no name. */
  readonly name: string;
  readonly body: unknown;
}

export interface EventRow {
  /** Dense, from 1. */
  readonly id: number;
  readonly atMs: number;
  readonly kind: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly message: string;
  readonly details: Record<string, unknown> | null;
  readonly acknowledged: { readonly atMs: number; readonly by: string } | null;
}

export interface AuditRow {
  readonly atMs: number;
  /** Who asked: `cli`, `console`, `drill`, `lab`. */
  readonly actor: string;
  readonly procedure: string;
  /** The input, without content and secrets. */
  readonly input: unknown;
  /** `done`, or the refusal's code. */
  readonly outcome: string;
}

export interface Catalog {
  /** All or nothing, also across a crash. Nested calls join. */
  transaction<T>(run: () => T): T;
  all(collection: CollectionName): readonly Document[];
  get(collection: CollectionName, id: string): Document | null;
  /** Inserts at the end or replaces in place. Throws `CatalogConflict` when another document has the name. */
  put(collection: CollectionName, document: Document): void;
  remove(collection: CollectionName, id: string): void;

  /** Grows with every change of a configured collection, in the same transaction. */
  topologyNumber(): number;
  setTopologyNumber(number: number): void;

  /** Ids are given densely. */
  appendEvent(event: Omit<EventRow, 'id' | 'acknowledged'>): EventRow;
  event(id: number): EventRow | null;
  /** Once; a second acknowledgement changes nothing. */
  acknowledgeEvent(id: number, atMs: number, by: string): void;
  /** Ascending from `after` (exclusive), or descending from `before` (exclusive); at most `limit`. */
  eventsAfter(after: number, limit: number): readonly EventRow[];
  eventsBefore(before: number, limit: number): readonly EventRow[];
  /** First and last id kept; 0 and 0 when empty. */
  eventRange(): { readonly firstId: number; readonly lastId: number };
  /** Forgets all but the newest `keep`; ids go on. */
  pruneEvents(keep: number): void;

  /** How many of the newest events stay; `KEEP.events` unless set. */
  keepEvents: number;

  appendAudit(row: AuditRow): void;
  audits(limit: number): readonly AuditRow[];

  /** The answer once given to a client's request id. */
  answer(
    requestId: string,
  ): { readonly procedure: string; readonly inputHash: string; readonly answer: unknown } | null;
  rememberAnswer(requestId: string, procedure: string, inputHash: string, answer: unknown, atMs: number): void;

  appendSample(atMs: number, sample: unknown): void;
  samples(fromMs: number): readonly { readonly atMs: number; readonly sample: unknown }[];

  close(): void;
}

export class CatalogConflict extends Error {
  constructor(collection: CollectionName, name: string) {
    super(`${collection}: the name ${name} is taken`);
    this.name = 'CatalogConflict';
  }
}

/** Bounds on what is kept. */
export const KEEP = { events: 100_000, audits: 100_000, answers: 10_000, samples: 86_400 } as const;

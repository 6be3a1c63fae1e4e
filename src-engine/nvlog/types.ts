import type { Runtime, StorageFile } from '../runtime/index.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** Order is the code on disk (index + 1); only append. */
export const RECORD_KINDS = [
  'start',
  'write',
  'trim',
  'zero',
  'fracture',
  'join',
  'leave',
  'generation',
  'seal',
  'owed',
] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** Host operations; every other kind is a control record, carries JSON and may use the reserve of a half. */
export function isHostKind(kind: RecordKind): boolean {
  return kind === 'write' || kind === 'trim' || kind === 'zero';
}

/**
 * One record of a log. `sequence` and `incarnation` are assigned by `Log.append` into the object that was passed.
 * `offset` and `length` are bytes of the volume. The payload is referenced, not copied, until the record is durable.
 */
export interface LogRecord {
  readonly kind: RecordKind;
  /** Dense per log, continues over incarnations; only a `start` record may skip numbers. */
  sequence: number;
  incarnation: number;
  readonly epoch: number;
  /** '' when the record concerns no volume. */
  readonly volumeId: string;
  readonly offset: number;
  readonly length: number;
  /** The next three are 0 in a server's own log; in a mirror log they name the record in the source's log. */
  readonly sourceSequence: number;
  readonly streamSequence: number;
  readonly sourceIncarnation: number;
  readonly payload: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/** A record to append; everything that is not named is 0, '' or empty. */
export function makeRecord(fields: Partial<LogRecord> & Pick<LogRecord, 'kind'>): LogRecord {
  return {
    kind: fields.kind,
    sequence: 0,
    incarnation: 0,
    epoch: fields.epoch ?? 0,
    volumeId: fields.volumeId ?? '',
    offset: fields.offset ?? 0,
    length: fields.length ?? 0,
    sourceSequence: fields.sourceSequence ?? 0,
    streamSequence: fields.streamSequence ?? 0,
    sourceIncarnation: fields.sourceIncarnation ?? 0,
    payload: fields.payload ?? NO_BYTES,
  };
}

export function jsonPayload(value: JsonObject): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The JSON of a control record; null when it holds none. Only throws for records that were never accepted by a log. */
export function readJsonPayload(record: LogRecord): JsonObject | null {
  if (record.payload.length === 0) return null;
  return JSON.parse(new TextDecoder().decode(record.payload)) as JsonObject;
}

export type HalfIndex = 0 | 1;

/** What `seal` closed: the records `firstSequence..lastSequence` (0..0 for none) lie in half `index`, or were freed before. */
export interface SealedHalf {
  readonly index: HalfIndex;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface HalfFill {
  readonly state: 'active' | 'sealed' | 'free';
  readonly usedBytes: number;
  readonly sizeBytes: number;
}

export interface LogDependencies {
  readonly runtime: Pick<Runtime, 'clock' | 'covered' | 'planted' | 'log'>;
  /** Opens the file of a half; creates it, preallocated and zero filled, when missing. */
  open(name: string): Promise<StorageFile>;
  /**
   * Puts a new empty file in the place of one whose sync failed. Without it the old file is used again once none of
   * its records is needed any more (from its beginning, never by retrying a sync).
   */
  replace?(name: string): Promise<StorageFile>;
}

export interface LogOptions {
  readonly names: readonly [string, string];
  /** At most 32 bytes of UTF-8. A new log needs a new id: it keeps leftovers of other logs from being taken for records. */
  readonly logId: string;
  /** Size that `deps.open` gives to new files; a multiple of 4 KiB. Existing files keep theirs. */
  readonly halfBytes: number;
  /** End of each half that host records may not use. */
  readonly reserveBytes: number;
  /**
   * `open` only: the caller knows from its labels that nothing at or below this sequence needs replay. Equal to having
   * freed it.
   */
  readonly coveredThrough?: number;
}

/** Acknowledged records that are gone. A volume that has applied `toSequence` misses none of them. */
export interface LostRange {
  readonly fromSequence: number;
  readonly toSequence: number;
  /** Nobody knows how far the lost records went; `toSequence` is the most there can have been. */
  readonly openEnded?: true;
  /** Present when the headers of all lost records are readable; then no other volume is affected. */
  readonly volumeIds?: readonly string[];
}

export interface LogFinding {
  readonly code:
    | 'torn-tail'
    | 'lost-records'
    | 'half-header-damaged'
    | 'unreadable'
    | 'abandoned-tail'
    | 'half-not-chained'
    | 'predecessor-missing';
  readonly file: string;
  readonly offset: number;
  readonly message: string;
}

export interface RecoveredHalf {
  readonly index: HalfIndex;
  readonly state: 'active' | 'sealed' | 'free';
  /** 0 when no record of the half was accepted. */
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface Recovered {
  /** All accepted records that were not freed, in order of sequence. */
  readonly records: readonly LogRecord[];
  /** Highest sequence in use; the start record comes after it. */
  readonly lastSequence: number;
  /** Newest incarnation found; `start` takes the next. */
  readonly incarnation: number;
  readonly freedThrough: number;
  readonly halves: readonly [RecoveredHalf, RecoveredHalf];
  /** Highest label per pool that a half header names. A pool whose best label is older must not be opened. */
  readonly labels: Readonly<Record<string, number>>;
  /** Positions in the header of the newest accepted half; {} when it has none. */
  readonly positions: JsonObject;
}

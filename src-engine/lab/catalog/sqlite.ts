/** The catalog in SQLite: WAL, STRICT tables, migrations. */
import { openDatabase, sqliteCode, type Database } from './database.ts';
import { MIGRATIONS } from './migrations.ts';
import {
  CatalogConflict,
  KEEP,
  OF_RUNNING_THINGS,
  type AuditRow,
  type Catalog,
  type CollectionName,
  type Document,
  type EventRow,
} from './types.ts';
import { SEVERITIES, type Severity } from '../../contract/index.ts';

export type CatalogOpening =
  | { readonly ok: true; readonly catalog: Catalog; readonly migratedFrom: number | null }
  | { readonly ok: false; readonly reason: 'damaged' | 'newer'; readonly message: string };

export interface CatalogOptions {
  /** Absolute path of the database. */
  readonly path: string;
  readonly binding?: string;
  /** A catalog without any table is a new one only where that was asked for; else it is what is left of one. */
  readonly fresh?: boolean;
  /** Called before an older catalog is changed; copies it to a backup. */
  readonly backup?: (fromVersion: number, copyTo: (path: string) => void) => void;
}

/** Rows pruned in batches, so that retention costs little per entry. */
const PRUNE_EVERY = 1_000;
/** What is written down while the file system is full waits in memory, at most so much of it. */
const MOST_POSTPONED = 10_000;
export function openSqliteCatalog(options: CatalogOptions): CatalogOpening {
  let database: Database;
  try {
    database = openDatabase(options.path, options.binding === undefined ? {} : { binding: options.binding });
  } catch (error) {
    return { ok: false, reason: 'damaged', message: text(error) };
  }
  try {
    const version = Number(database.pragma('user_version', { simple: true }));
    if (version > MIGRATIONS.length) {
      database.close();
      return {
        ok: false,
        reason: 'newer',
        message: `format ${version}, this program knows up to ${MIGRATIONS.length}`,
      };
    }
    if (version === 0 && options.fresh !== true) {
      database.close();
      return { ok: false, reason: 'damaged', message: 'the database is empty' };
    }
    const verdict = String(database.pragma('quick_check(1)', { simple: true }));
    if (verdict !== 'ok') {
      database.close();
      return { ok: false, reason: 'damaged', message: verdict };
    }
    database.pragma('journal_mode = WAL');
    // The catalog is not the authority for data; NORMAL keeps it consistent after a power loss, if a moment older.
    // What was configured is written with FULL (`configured`): it is answered for at once and rarely changes.
    database.pragma('synchronous = NORMAL');
    const fresh = version === 0;
    if (version < MIGRATIONS.length) {
      if (!fresh) options.backup?.(version, (path) => database.exec(`VACUUM INTO '${path.replaceAll("'", "''")}'`));
      database.transaction(() => {
        for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
        database.pragma(`user_version = ${MIGRATIONS.length}`);
      })();
    }
    const migratedFrom = !fresh && version < MIGRATIONS.length ? version : null;
    return { ok: true, catalog: new SqliteCatalog(database), migratedFrom };
  } catch (error) {
    database.close();
    if (sqliteCode(error) === null) throw error;
    return { ok: false, reason: 'damaged', message: text(error) };
  }
}

interface DocumentRow {
  readonly id: string;
  readonly name: string;
  readonly body: string;
}
interface EventTableRow {
  readonly id: number;
  readonly at_ms: number;
  readonly kind: string;
  readonly severity: string;
  readonly subject: string;
  readonly message: string;
  readonly details: string | null;
  readonly acknowledged_ms: number | null;
  readonly acknowledged_by: string | null;
}

class SqliteCatalog implements Catalog {
  readonly #database: Database;
  #lastEventId: number;
  keepEvents: number = KEEP.events;
  #appended = 0;
  readonly #postponed: (() => void)[] = [];
  /** Documents among what is postponed, as they will be. */
  readonly #waiting = new Map<string, Document>();

  constructor(database: Database) {
    this.#database = database;
    this.#lastEventId = this.eventRange().lastId;
  }

  transaction<T>(run: () => T): T {
    if (this.#database.inTransaction) return run();
    return this.#database.transaction(run)();
  }

  all(collection: CollectionName): readonly Document[] {
    const rows = this.#prepare<[], DocumentRow>(`SELECT id, name, body FROM ${collection} ORDER BY position`).all();
    const documents = new Map(rows.map((row) => [row.id, documentOf(row)]));
    for (const [key, document] of this.#waiting)
      if (key.startsWith(`${collection}/`)) documents.set(document.id, document);
    return [...documents.values()];
  }
  get(collection: CollectionName, id: string): Document | null {
    const waiting = this.#waiting.get(`${collection}/${id}`);
    if (waiting !== undefined) return waiting;
    const row = this.#prepare<[string], DocumentRow>(`SELECT id, name, body FROM ${collection} WHERE id = ?`).get(id);
    return row === undefined ? null : documentOf(row);
  }
  put(collection: CollectionName, document: Document): void {
    if (!OF_RUNNING_THINGS.includes(collection)) return this.#configured(() => this.#put(collection, document));
    const key = `${collection}/${document.id}`;
    const done = this.#record(() => {
      this.#put(collection, document);
      if (this.#waiting.get(key) === document) this.#waiting.delete(key);
    });
    if (!done) this.#waiting.set(key, document);
  }
  /** A change of what is configured; survives a power loss when it returns. */
  #configured(change: () => unknown): void {
    const count = (): void => {
      change();
      this.setTopologyNumber(this.topologyNumber() + 1);
    };
    // Within a transaction its commit decides, and the mode cannot be changed.
    if (this.#database.inTransaction) return count();
    this.#database.pragma('synchronous = FULL');
    try {
      this.#database.transaction(count)();
    } finally {
      this.#database.pragma('synchronous = NORMAL');
    }
  }
  #put(collection: CollectionName, document: Document): void {
    try {
      this.#prepare<[string, string, string], never>(
        `INSERT INTO ${collection} (id, name, body) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body`,
      ).run(document.id, document.name, JSON.stringify(document.body));
    } catch (error) {
      if (sqliteCode(error) === 'SQLITE_CONSTRAINT_UNIQUE') throw new CatalogConflict(collection, document.name);
      throw error;
    }
  }
  remove(collection: CollectionName, id: string): void {
    const remove = () => this.#prepare<[string], never>(`DELETE FROM ${collection} WHERE id = ?`).run(id);
    if (OF_RUNNING_THINGS.includes(collection)) remove();
    else this.#configured(remove);
  }

  topologyNumber(): number {
    return this.#prepare<[], { value: number }>("SELECT value FROM numbers WHERE name = 'topology'").get()?.value ?? 0;
  }
  setTopologyNumber(number: number): void {
    this.#prepare<[number], never>("UPDATE numbers SET value = ? WHERE name = 'topology'").run(number);
  }

  appendEvent(event: Omit<EventRow, 'id' | 'acknowledged'>): EventRow {
    const id = this.#lastEventId + 1;
    this.#lastEventId = id;
    this.#record(() => this.#insertEvent({ ...event, id, acknowledged: null }));
    return { ...event, id, acknowledged: null };
  }
  #insertEvent(event: EventRow): void {
    this.#prepare<[number, number, string, string, string, string, string | null], never>(
      'INSERT INTO events (id, at_ms, kind, severity, subject, message, details) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ).run(
      event.id,
      Math.floor(event.atMs),
      event.kind,
      event.severity,
      event.subject,
      event.message,
      event.details === null ? null : JSON.stringify(event.details),
    );
    this.#appended += 1;
    if (this.#appended % PRUNE_EVERY === 0) this.pruneEvents(this.keepEvents);
  }
  event(id: number): EventRow | null {
    const row = this.#prepare<[number], EventTableRow>('SELECT * FROM events WHERE id = ?').get(id);
    return row === undefined ? null : eventOf(row);
  }
  acknowledgeEvent(id: number, atMs: number, by: string): void {
    this.#prepare<[number, string, number], never>(
      'UPDATE events SET acknowledged_ms = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_ms IS NULL',
    ).run(Math.floor(atMs), by, id);
  }
  eventsAfter(after: number, limit: number): readonly EventRow[] {
    return this.#prepare<[number, number], EventTableRow>('SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?')
      .all(after, limit)
      .map(eventOf);
  }
  eventsBefore(before: number, limit: number): readonly EventRow[] {
    return this.#prepare<[number, number], EventTableRow>('SELECT * FROM events WHERE id < ? ORDER BY id DESC LIMIT ?')
      .all(before, limit)
      .map(eventOf);
  }
  eventRange(): { firstId: number; lastId: number } {
    const row = this.#prepare<[], { first: number | null; last: number | null }>(
      'SELECT min(id) AS first, max(id) AS last FROM events',
    ).get();
    return { firstId: row?.first ?? 0, lastId: row?.last ?? 0 };
  }
  pruneEvents(keep: number): void {
    this.#prepare<[number], never>('DELETE FROM events WHERE id <= ?').run(this.#lastEventId - keep);
  }

  appendAudit(row: AuditRow): void {
    this.#record(() => this.#insertAudit(row));
  }
  #insertAudit(row: AuditRow): void {
    const done = this.#prepare<[number, string, string, string, string], never>(
      'INSERT INTO audit (at_ms, actor, procedure, input, outcome) VALUES (?, ?, ?, ?, ?)',
    ).run(Math.floor(row.atMs), row.actor, row.procedure, JSON.stringify(row.input ?? null), row.outcome);
    const id = Number(done.lastInsertRowid);
    if (id % PRUNE_EVERY === 0) this.#prepare<[number], never>('DELETE FROM audit WHERE id <= ?').run(id - KEEP.audits);
  }
  audits(limit: number): readonly AuditRow[] {
    const rows = this.#prepare<
      [number],
      { at_ms: number; actor: string; procedure: string; input: string; outcome: string }
    >('SELECT at_ms, actor, procedure, input, outcome FROM audit ORDER BY id DESC LIMIT ?').all(limit);
    return rows.map((row) => ({
      atMs: row.at_ms,
      actor: row.actor,
      procedure: row.procedure,
      input: parse(row.input),
      outcome: row.outcome,
    }));
  }

  answer(requestId: string): { procedure: string; inputHash: string; answer: unknown } | null {
    const row = this.#prepare<[string], { procedure: string; input_hash: string; answer: string }>(
      'SELECT procedure, input_hash, answer FROM answers WHERE request_id = ?',
    ).get(requestId);
    return row === undefined
      ? null
      : { procedure: row.procedure, inputHash: row.input_hash, answer: parse(row.answer) };
  }
  rememberAnswer(requestId: string, procedure: string, inputHash: string, answer: unknown, atMs: number): void {
    this.#record(() => this.#insertAnswer(requestId, procedure, inputHash, answer, atMs));
  }
  #insertAnswer(requestId: string, procedure: string, inputHash: string, answer: unknown, atMs: number): void {
    this.transaction(() => {
      this.#prepare<[string, string, string, string, number], never>(
        'INSERT OR REPLACE INTO answers (request_id, procedure, input_hash, answer, at_ms) VALUES (?, ?, ?, ?, ?)',
      ).run(requestId, procedure, inputHash, JSON.stringify(answer ?? null), Math.floor(atMs));
      this.#prepare<[number], never>(
        'DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers ORDER BY rowid DESC LIMIT -1 OFFSET ?)',
      ).run(KEEP.answers);
    });
  }

  appendSample(atMs: number, sample: unknown): void {
    this.#record(() => this.#insertSample(atMs, sample));
  }
  #insertSample(atMs: number, sample: unknown): void {
    this.#prepare<[number, string], never>('INSERT OR REPLACE INTO samples (at_ms, sample) VALUES (?, ?)').run(
      Math.floor(atMs),
      JSON.stringify(sample),
    );
    this.#prepare<[number], never>(
      'DELETE FROM samples WHERE at_ms IN (SELECT at_ms FROM samples ORDER BY at_ms DESC LIMIT -1 OFFSET ?)',
    ).run(KEEP.samples);
  }
  samples(fromMs: number): readonly { atMs: number; sample: unknown }[] {
    const rows = this.#prepare<[number], { at_ms: number; sample: string }>(
      'SELECT at_ms, sample FROM samples WHERE at_ms >= ? ORDER BY at_ms',
    ).all(Math.floor(fromMs));
    return rows.map((row) => ({ atMs: row.at_ms, sample: parse(row.sample) }));
  }

  close(): void {
    this.#record(() => undefined);
    this.#database.close();
  }

  /**
   * Writes down what happened. A full or failing file system must not end what is running: the record then waits, in
   * order, for the next one that can be written. False: it waits.
   */
  #record(write: () => void): boolean {
    this.#postponed.push(write);
    for (;;) {
      const [first] = this.#postponed;
      if (first === undefined) return true;
      try {
        first();
      } catch (error) {
        const code = sqliteCode(error);
        if (code === null || (code !== 'SQLITE_FULL' && !code.startsWith('SQLITE_IOERR'))) {
          this.#postponed.shift();
          throw error;
        }
        if (this.#postponed.length > MOST_POSTPONED) this.#postponed.shift();
        return false;
      }
      this.#postponed.shift();
    }
  }

  readonly #statements = new Map<string, unknown>();
  #prepare<Parameters extends unknown[], Row>(sql: string): Statement<Parameters, Row> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known as Statement<Parameters, Row>;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement as unknown as Statement<Parameters, Row>;
  }
}

/** What is used of a prepared statement, with the shapes that the SQL beside it promises. */
interface Statement<Parameters extends unknown[], Row> {
  run(...parameters: Parameters): { readonly lastInsertRowid: number | bigint };
  get(...parameters: Parameters): Row | undefined;
  all(...parameters: Parameters): Row[];
}

function documentOf(row: DocumentRow): Document {
  return { id: row.id, name: row.name, body: parse(row.body) };
}

function eventOf(row: EventTableRow): EventRow {
  const details = row.details === null ? null : (parse(row.details) as Record<string, unknown>);
  return {
    id: row.id,
    atMs: row.at_ms,
    kind: row.kind,
    severity: severityOf(row.severity),
    subject: row.subject,
    message: row.message,
    details,
    acknowledged:
      row.acknowledged_ms === null ? null : { atMs: row.acknowledged_ms, by: row.acknowledged_by ?? 'unknown' },
  };
}

function severityOf(value: string): Severity {
  return SEVERITIES.find((severity) => severity === value) ?? 'notice';
}

function parse(json: string): unknown {
  return JSON.parse(json) as unknown;
}

function text(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/** The one place that loads better-sqlite3. `binding`: path of its native part where the host brings its own. */
import Sqlite from 'better-sqlite3';

export type Database = Sqlite.Database;

export interface DatabaseOptions {
  readonly binding?: string;
  readonly readonly?: boolean;
  /** How long another process may hold the file before the call fails. */
  readonly timeoutMs?: number;
}

export function openDatabase(path: string, options: DatabaseOptions = {}): Database {
  return new Sqlite(path, {
    timeout: options.timeoutMs ?? 5_000,
    readonly: options.readonly ?? false,
    ...(options.binding === undefined ? {} : { nativeBinding: options.binding }),
  });
}

/** SQLite's result code of a failure (`SQLITE_BUSY`, `SQLITE_CORRUPT`), or null when it is none of its. */
export function sqliteCode(reason: unknown): string | null {
  return reason instanceof Sqlite.SqliteError ? reason.code : null;
}

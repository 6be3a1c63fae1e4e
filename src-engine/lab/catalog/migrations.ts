/** Each entry takes the catalog from version index to index + 1; they only ever grow at the end. */
import { COLLECTIONS } from './types.ts';

export const MIGRATIONS: readonly string[] = [
  `
  ${COLLECTIONS.filter((name) => name !== 'settings').map(
    (name) => `
  CREATE TABLE ${name} (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL CHECK (json_valid(body))
  ) STRICT;`,
  ).join('')}
  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    details TEXT CHECK (details IS NULL OR json_valid(details))
  ) STRICT;
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    procedure TEXT NOT NULL,
    input TEXT NOT NULL,
    outcome TEXT NOT NULL
  ) STRICT;
  CREATE TABLE answers (
    request_id TEXT PRIMARY KEY,
    procedure TEXT NOT NULL,
    input_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE samples (
    at_ms INTEGER PRIMARY KEY,
    sample TEXT NOT NULL
  ) STRICT;
  `,
  // How often what is configured was changed: tells an older catalog from the copies that the arrays keep.
  `
  CREATE TABLE numbers (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  ) STRICT;
  INSERT INTO numbers (name, value) VALUES ('topology', 0);
  `,
  // Alerts are acknowledged.
  `
  ALTER TABLE events ADD COLUMN acknowledged_ms INTEGER;
  ALTER TABLE events ADD COLUMN acknowledged_by TEXT;
  `,
  // Settings of the lab.
  `
  CREATE TABLE settings (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL CHECK (json_valid(body))
  ) STRICT;
  `,
];

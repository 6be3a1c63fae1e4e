/** The catalog of a lab: what was configured and what happened. Two implementations with the same tests. */
export { openDatabase, sqliteCode, type Database } from './database.ts';
export { MemoryCatalog } from './memory.ts';
export { openSqliteCatalog, type CatalogOpening, type CatalogOptions } from './sqlite.ts';
export * from './types.ts';

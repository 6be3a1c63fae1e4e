/**
 * The built console as responses, the same over HTTP and over `app://console/`: files from one folder only, a strict
 * Content-Security-Policy on every page, and nothing remote.
 */
export * from './csp.ts';
export * from './files.ts';

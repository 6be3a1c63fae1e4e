import { protocol } from 'electron';
import { climbs, consoleFile, plain } from '../web/index.ts';
import { APP_HOST, APP_SCHEME } from './origin.ts';

/** Before `ready`: standard, secure, fetchable; nothing more (security rule 3). */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** The built console at `app://console/`; other hosts are 421, climbing paths 403 (rule 4). */
export function serveConsole(consoleRoot: string): void {
  protocol.handle(APP_SCHEME, (request) => {
    const url = new URL(request.url);
    if (url.host !== APP_HOST) return plain(421, 'misdirected request');
    if (climbs(request.url)) return plain(403, 'forbidden');
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'method not allowed');
    return consoleFile(consoleRoot, url.pathname);
  });
}

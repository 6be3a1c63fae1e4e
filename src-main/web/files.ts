import { randomBytes } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { contentSecurityPolicy, SECURITY_HEADERS } from './csp.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.map': 'application/json; charset=utf-8',
};

/**
 * True for a request target that tries to climb, however it is spelled. Asked of the target as it came over the wire: URL
 * parsers resolve `..` and `%2e%2e` silently.
 */
export function climbs(rawTarget: string): boolean {
  let path = rawTarget.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').split(/[?#]/, 1)[0] ?? '';
  for (let round = 0; round < 3; round++) {
    let decoded: string;
    try {
      decoded = decodeURIComponent(path);
    } catch {
      return true; // malformed escapes have no business here
    }
    if (decoded === path) break;
    path = decoded;
  }
  return path.includes('\0') || path.split(/[/\\]/).includes('..');
}

const NONCE_PLACEHOLDER = '%CSP_NONCE%';

export function page(html: string, status = 200): Response {
  const nonce = randomBytes(16).toString('base64');
  return new Response(html.replaceAll(NONCE_PLACEHOLDER, nonce), {
    status,
    headers: {
      ...SECURITY_HEADERS,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy(nonce),
      'cache-control': 'no-store',
    },
  });
}

export function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: {
      ...SECURITY_HEADERS,
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      ...headers,
    },
  });
}

/**
 * A file of the built console. A path without extension is a page of the console (its router reads the path); an unknown
 * file is 404.
 */
export async function consoleFile(root: string, pathname: string): Promise<Response> {
  if (climbs(pathname)) return plain(403, 'forbidden');
  const wanted = extname(pathname) === '' ? '/index.html' : decodeURIComponent(pathname);
  let path: string;
  try {
    const base = await realpath(root);
    path = await realpath(join(base, wanted));
    if (!path.startsWith(base + sep)) return plain(403, 'forbidden'); // a link that leads out
  } catch {
    return wanted === '/index.html'
      ? plain(503, 'The console has not been built: npm run build')
      : plain(404, 'not found');
  }
  const type = TYPES[extname(path)];
  if (type === undefined) return plain(404, 'not found');
  const content = await readFile(path);
  if (extname(path) === '.html') return page(content.toString('utf8'));
  const cache = wanted.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
  return new Response(new Uint8Array(content), {
    headers: { ...SECURITY_HEADERS, 'content-type': type, 'cache-control': cache },
  });
}

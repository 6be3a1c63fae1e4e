import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { ORPCError } from '@orpc/client';
import { Hono, type Context } from 'hono';
import { WebSocketServer } from 'ws';
import { attachDoor, MAX_MESSAGE_BYTES, webSocketChannel, type Caller, type Engine } from '../engine/index.ts';
import { climbs, consoleFile, page, plain, SECURITY_HEADERS } from '../web/index.ts';
import { Access, RateLimit } from './access.ts';
import { API_PAGE, API_PAGE_SCRIPT } from './api-page.ts';
import { download, upload } from './content.ts';
import { authority, type ListenAddress } from './listen.ts';
import { prometheusText } from './metrics.ts';
import { openApiDocument } from './openapi.ts';

export interface HeadlessOptions {
  readonly engine: Engine;
  readonly listen: ListenAddress;
  /** Folder of the built console. */
  readonly consoleRoot: string;
  readonly version: string;
  readonly onBug: (error: unknown, path: readonly string[]) => void;
}

export interface HeadlessHost {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Gives a browser its cookie; works once. */
  readonly openUrl: string;
  readonly token: string;
  close(): Promise<void>;
}

const CALLERS: Readonly<Record<'token' | 'cookie', Caller>> = {
  token: { actor: 'http', local: false },
  cookie: { actor: 'console', local: false },
};

/** Opens the host; it answers once this resolves. */
export async function openHeadless(options: HeadlessOptions): Promise<HeadlessHost> {
  const server = createServer({ requestTimeout: 0, headersTimeout: 20_000, maxHeaderSize: 16 * 1024 });
  const port = await listen(server, options.listen);
  const host = authority({ hostname: options.listen.hostname, port });
  const door = new Door(options, host, new Access(port));
  const handle = getRequestListener((request) => door.app.fetch(request), { overrideGlobalObjects: false });
  server.on('request', (request, response) => {
    // Before anything parses the target: URL parsers resolve what climbs.
    if (climbs(request.url ?? '/')) response.writeHead(403, SECURITY_HEADERS).end('forbidden\n');
    else void handle(request, response);
  });
  server.on('upgrade', (request, socket, head) => door.upgrade(request, socket, head));
  return {
    url: `http://${host}`,
    openUrl: `http://${host}${door.access.openPath()}`,
    token: door.access.token,
    close: () => door.close(server),
  };
}

/** The request with its whole body, whatever length it announced or did not announce; null where that is too much. */
async function bounded(raw: Request): Promise<Request | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  if (Number(raw.headers.get('content-length') ?? 0) > MAX_MESSAGE_BYTES) return null;
  if (raw.method !== 'GET' && raw.method !== 'HEAD' && raw.body !== null) {
    for await (const part of raw.body as ReadableStream<Uint8Array>) {
      bytes += part.byteLength;
      if (bytes > MAX_MESSAGE_BYTES) return null;
      parts.push(part);
    }
  }
  const body = bytes === 0 ? {} : { body: Buffer.concat(parts) };
  return new Request(raw.url, { method: raw.method, headers: raw.headers, signal: raw.signal, ...body });
}

function listen(server: Server, address: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.hostname, () => {
      const bound = server.address();
      if (bound === null || typeof bound === 'string') reject(new Error('the listener has no port'));
      else resolve(bound.port);
    });
  });
}

class Door {
  readonly app = new Hono();
  readonly access: Access;
  private readonly options: HeadlessOptions;
  private readonly host: string;
  private readonly origin: string;
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  /** One bucket each: whoever proves nothing cannot use up what the proven callers have. */
  private readonly rates = { proven: new RateLimit(500, 1000), stranger: new RateLimit(100, 200) };
  private readonly failures = new RateLimit(2, 40);
  private document: Promise<object> | undefined;

  constructor(options: HeadlessOptions, host: string, access: Access) {
    this.options = options;
    this.host = host;
    this.origin = `http://${host}`;
    this.access = access;
    this.routes();
  }

  private routes(): void {
    const { app } = this;
    app.onError((error) => this.explain(error));
    app.use(async (context, next) => {
      const refusal = this.refuseAddress(context.req.header('host'), context.req.header('origin'));
      if (refusal !== null) return refusal;
      // Costs nothing, and whoever watches the host must hear it also while somebody floods it.
      if (context.req.path === '/healthz') return plain(200, 'ok');
      const rate = this.proof(context.req.raw.headers) === null ? this.rates.stranger : this.rates.proven;
      if (!rate.take()) return plain(429, 'too many requests', { 'retry-after': '1' });
      return next();
    });
    app.get('/readyz', () => {
      const { lab } = this.options.engine.status();
      return plain(lab === 'open' ? 200 : 503, lab);
    });
    app.get('/open', (context) => this.open(context.req.query('once') ?? null));
    app.use(async (context, next) => {
      const refusal = this.refuseStranger(context);
      return refusal ?? next();
    });
    app.get('/metrics', (context) => this.metrics(this.caller(context)));
    app.get('/api', () => page(API_PAGE));
    app.get(
      '/api/page.js',
      () =>
        new Response(API_PAGE_SCRIPT, {
          headers: { ...SECURITY_HEADERS, 'content-type': 'text/javascript; charset=utf-8' },
        }),
    );
    app.get('/api/openapi.json', async () =>
      Response.json(await (this.document ??= openApiDocument(this.options.version)), { headers: SECURITY_HEADERS }),
    );
    app.get('/api/volumes/:volume/content', (context) => download(this.client(context), context.req.param('volume')));
    app.put('/api/volumes/:volume/content', (context) =>
      upload(this.client(context), context.req.param('volume'), context.req.raw),
    );
    app.all('/api/*', async (context) => this.api(context));
    app.get('*', (context) => consoleFile(this.options.consoleRoot, context.req.path));
    app.all('*', () => plain(405, 'method not allowed'));
  }

  /** DNS rebinding and foreign pages end here. */
  private refuseAddress(host: string | undefined, origin: string | undefined): Response | null {
    if (host !== this.host) return plain(421, 'misdirected request');
    if (origin !== undefined && origin !== this.origin) return plain(403, 'foreign origin');
    return null;
  }

  private refuseStranger(context: Context): Response | null {
    const proof = this.proof(context.req.raw.headers);
    if (proof === null) {
      if (!this.failures.take()) return plain(429, 'too many failed attempts', { 'retry-after': '1' });
      return plain(
        401,
        'This host wants its token. Open the one-time URL that it printed, or send "Authorization: Bearer TOKEN".',
        { 'www-authenticate': 'Bearer' },
      );
    }
    // A cookie travels by itself: a change must come from a page of ours, which says so.
    const changes = context.req.method !== 'GET' && context.req.method !== 'HEAD';
    if (proof === 'cookie' && changes && context.req.header('origin') !== this.origin)
      return plain(403, 'missing origin');
    return null;
  }

  private proof(headers: Headers): 'token' | 'cookie' | null {
    return this.access.proofOf(headers.get('authorization') ?? undefined, headers.get('cookie') ?? undefined);
  }

  private caller(context: Context): Caller {
    return CALLERS[this.proof(context.req.raw.headers) ?? 'cookie'];
  }

  private client(context: Context): ReturnType<Engine['client']> {
    return this.options.engine.client(this.caller(context));
  }

  /**
   * The page that follows sends the cookie: a redirect would not, where the URL was clicked in another site's page
   * (SameSite=Strict looks at who began the navigation).
   */
  private open(once: string | null): Response {
    const cookie = this.access.redeem(once);
    if (cookie === null) return plain(403, 'This URL worked once. Start the host again for a new one.');
    const response = page(
      '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><meta http-equiv="refresh" content="0;url=/"><title>Lockstep</title>',
    );
    response.headers.set('set-cookie', cookie);
    return response;
  }

  private async metrics(caller: Caller): Promise<Response> {
    const open = this.options.engine.status().lab === 'open';
    const families = open ? (await this.options.engine.client(caller).metrics.snapshot({})).families : [];
    return new Response(await prometheusText(families), {
      headers: { ...SECURITY_HEADERS, 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    });
  }

  private async api(context: Context): Promise<Response> {
    const request = await bounded(context.req.raw);
    if (request === null) return plain(413, `a body has at most ${MAX_MESSAGE_BYTES} bytes`);
    const response = await this.options.engine.http(request, this.caller(context));
    if (response === null)
      return Response.json(
        { code: 'NOT_FOUND', message: 'no such procedure; see /api/openapi.json' },
        { status: 404, headers: SECURITY_HEADERS },
      );
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value);
    response.headers.set('cache-control', 'no-store');
    return response;
  }

  private explain(error: unknown): Response {
    if (error instanceof ORPCError && error.status < 500)
      return Response.json(error.toJSON(), { status: error.status, headers: SECURITY_HEADERS });
    this.options.onBug(error, ['http']);
    return plain(500, 'internal error');
  }

  /** Sockets carry no custom headers from a browser: the cookie and the exact origin are all there is. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refuse = (status: number, text: string): void => {
      socket.end(`HTTP/1.1 ${status} ${text}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    };
    const { host, origin, cookie, authorization } = request.headers;
    if (host !== this.host) return refuse(421, 'Misdirected Request');
    if (origin !== this.origin) return refuse(403, 'Forbidden');
    const proof = this.access.proofOf(authorization, cookie);
    if (proof === null) return refuse(401, 'Unauthorized');
    if ((request.url ?? '').split('?')[0] !== '/rpc') return refuse(404, 'Not Found');
    this.sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => webSocket.terminate());
      attachDoor(this.options.engine, webSocketChannel(webSocket), CALLERS[proof]);
    });
  }

  async close(server: Server): Promise<void> {
    for (const socket of this.sockets.clients) socket.close(1001, 'the host stops');
    this.sockets.close();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as rawRequest } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine, openControlSocket, refusalIn, type DoorClient } from '../../src-main/engine/index.ts';
import { Access, openHeadless, parseListen, RateLimit, type HeadlessHost } from '../../src-main/server/index.ts';
import { contentSecurityPolicy } from '../../src-main/web/index.ts';
import { makeLabDirectory, smallLab, VOLUME_BYTES, type SmallLab } from './small-lab.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-headless-'));
const consoleRoot = join(scratch, 'console');
const bugs: string[] = [];
let lab: SmallLab;
let engine: Engine;
let host: HeadlessHost;
let port = 0;

beforeAll(async () => {
  mkdirSync(join(consoleRoot, 'assets'), { recursive: true });
  writeFileSync(
    join(consoleRoot, 'index.html'),
    '<meta property="csp-nonce" nonce="%CSP_NONCE%"><title>Lockstep</title>',
  );
  writeFileSync(join(consoleRoot, 'assets', 'main-1.js'), 'export {}');
  writeFileSync(join(scratch, 'outside.js'), 'secret');
  symlinkSync(join(scratch, 'outside.js'), join(consoleRoot, 'assets', 'link.js'));
  makeLabDirectory(join(scratch, 'lab'));
  lab = smallLab();
  const onBug = (error: unknown): void => void bugs.push(String(error));
  engine = new Engine({ directory: join(scratch, 'lab'), host: 'headless', version: '0', openLab: lab.open, onBug });
  await engine.start();
  host = await openHeadless({ engine, listen: { hostname: '127.0.0.1', port: 0 }, consoleRoot, version: '0', onBug });
  port = Number(new URL(host.url).port);
});
afterAll(async () => {
  await host.close();
  await engine.close();
  rmSync(scratch, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}
/** The target goes over the wire as it is; `fetch` would tidy it up, and sets Host itself. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = rawRequest(
      { host: '127.0.0.1', port, path, method, headers: { host: `127.0.0.1:${port}`, ...headers } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts).toString('latin1'),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${host.token}` });

/** Status of a refused upgrade, 101 for an accepted one. */
function upgradeStatus(headers: Record<string, string>, path = '/rpc'): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    socket.on('open', () => {
      socket.close();
      resolve(101);
    });
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('error', () => undefined);
  });
}

async function cookieOf(openUrl: string): Promise<string> {
  const answer = await ask(openUrl.slice(host.url.length));
  return (answer.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
}

describe('rule 14: who may come in', () => {
  test.each(['/', '/api', '/api/lab', '/api/openapi.json', '/metrics', '/assets/main-1.js'])(
    '%s without token or cookie is 401',
    async (path) => {
      expect((await ask(path)).status).toBe(401);
    },
  );

  test('a wrong token is 401, whatever its length', async () => {
    for (const token of ['x', `${host.token}x`, host.token.slice(1), ''])
      expect((await ask('/api/lab', { authorization: `Bearer ${token}` })).status).toBe(401);
  });

  test('the token opens the API', async () => {
    const answer = await ask('/api/lab', bearer());
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ name: 'demo' });
    expect(lab.calls).toContain('lab.info http');
  });

  test('a wrong Host is 421 even with the token, and even for the health check', async () => {
    for (const name of ['evil.example', `localhost:${port}`, `127.0.0.1:${port + 1}`, '127.0.0.1']) {
      expect((await ask('/api/lab', { ...bearer(), host: name })).status).toBe(421);
      expect((await ask('/healthz', { host: name })).status).toBe(421);
    }
  });

  test('a foreign Origin is 403 even with the token', async () => {
    for (const origin of ['https://evil.example', 'null', `http://localhost:${port}`, `https://127.0.0.1:${port}`]) {
      expect((await ask('/api/lab', { ...bearer(), origin })).status).toBe(403);
    }
  });

  test('the one-time URL gives an HttpOnly SameSite=Strict cookie once; replayed it is refused', async () => {
    const own = await openHeadless({
      engine,
      listen: { hostname: '127.0.0.1', port: 0 },
      consoleRoot,
      version: '0',
      onBug: () => undefined,
    });
    const open = (): Promise<Response> => fetch(own.openUrl);
    const first = await open();
    expect(first.status).toBe(200);
    const cookie = first.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^lockstep-\d+=[A-Za-z0-9_-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
    expect(cookie).not.toContain(own.token);
    expect((await open()).status).toBe(403);
    const pair = { cookie: cookie.split(';')[0] ?? '' };
    expect((await fetch(own.url, { headers: pair })).status).toBe(200);
    // A change with the cookie alone could be another site's form.
    expect(
      (
        await fetch(`${own.url}/api/host/open`, {
          method: 'POST',
          headers: { ...pair, 'content-type': 'application/json' },
          body: '{}',
        })
      ).status,
    ).toBe(403);
    const withOrigin = { ...pair, origin: own.url, 'content-type': 'application/json' };
    expect((await fetch(`${own.url}/api/host/open`, { method: 'POST', headers: withOrigin, body: '{}' })).status).toBe(
      409,
    );
    await own.close();
  });

  test('a socket needs the exact origin and the cookie: 403 for a foreign or missing origin, 401 for a stranger', async () => {
    const cookie = await cookieOf(host.openUrl);
    const origin = host.url;
    expect(await upgradeStatus({ cookie })).toBe(403);
    expect(await upgradeStatus({ cookie, origin: 'https://evil.example' })).toBe(403);
    expect(await upgradeStatus({ origin })).toBe(401);
    expect(await upgradeStatus({ cookie: cookie.replace(/.$/, '!'), origin })).toBe(401);
    expect(await upgradeStatus({ cookie, origin, host: 'evil.example' })).toBe(421);
    expect(await upgradeStatus({ cookie, origin }, '/other')).toBe(404);
    expect(await upgradeStatus({ cookie, origin })).toBe(101);
  });

  test('only loopback is listened on', async () => {
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one !== undefined && one.family === 'IPv4' && !one.internal);
    for (const other of others) {
      const reached = await new Promise<boolean>((resolve) => {
        const probe = connect(port, other?.address);
        probe.once('connect', () => resolve(true));
        probe.once('error', () => resolve(false));
      });
      expect(reached).toBe(false);
    }
    for (const address of [
      '0.0.0.0:0',
      '192.168.1.2:80',
      'example.org:80',
      '[::]:0',
      'nonsense',
      '127.0.0.1',
      '127.0.0.1:70000',
    ]) {
      expect(parseListen(address)).toHaveProperty('refusal');
    }
    expect(parseListen('localhost:0')).toEqual({ hostname: '127.0.0.1', port: 0 });
    expect(parseListen('[::1]:8080')).toEqual({ hostname: '::1', port: 8080 });
  });

  test('the control socket has mode 0600, and a second host on the same directory is refused', async () => {
    const directory = join(scratch, 'lab');
    const socket = await openControlSocket(engine, directory, { actor: 'cli', local: true });
    expect(statSync(socket.path).mode & 0o777).toBe(0o600);
    await expect(openControlSocket(engine, directory, { actor: 'cli', local: true })).rejects.toSatisfy(
      (error) => refusalIn(error)?.code === 'lab/locked',
    );
    await socket.close();
  });

  test('an oversize body is 413', async () => {
    const body = Buffer.alloc(9 * 2 ** 20, 'a');
    const answer = await ask(
      '/api/volumes/payroll/write',
      { ...bearer(), 'content-type': 'application/json', 'content-length': String(body.length) },
      'POST',
      body,
    ).catch(() => null);
    // The host may close before all was sent; what it must not do is take it.
    expect([413, null]).toContain(answer?.status ?? null);
    expect(lab.calls.filter((call) => call.startsWith('volume.write'))).toEqual([]);
  });

  test('a body of any shape arrives: none at all, with a length, or in chunks; too many chunks are 413', async () => {
    const send = (body: BodyInit | null): Promise<Response> =>
      fetch(`${host.url}/api/volumes/payroll/write`, {
        method: 'POST',
        headers: { ...bearer(), 'content-type': 'application/json' },
        ...(body === null ? {} : { body, duplex: 'half' }),
      });
    const json = JSON.stringify({ offset: 0, dataBase64: 'AAAA' });
    const chunked = (text: string, times: number): ReadableStream =>
      new ReadableStream({
        start: (controller) => {
          for (let i = 0; i < times; i += 1) controller.enqueue(Buffer.from(text));
          controller.close();
        },
      });
    expect((await send(json)).status).toBe(200);
    expect((await send(chunked(json, 1))).status).toBe(200);
    expect((await send(null)).status).toBe(400);
    const much = await send(chunked(' '.repeat(2 ** 20), 9)).then(
      (response) => response.status,
      () => 413, // the host may hang up on who goes on sending
    );
    expect(much).toBe(413);
    const deleted = await fetch(`${host.url}/api/volumes/payroll`, { method: 'DELETE', headers: bearer() });
    expect(deleted.status).toBe(404); // this small lab has no such procedure: an answer, not a failure
    expect(bugs).toEqual([]);
  });

  test('strangers who flood the host take nothing from proven callers, nor from whoever asks whether it lives', async () => {
    const listen = { hostname: '127.0.0.1', port: 0 };
    const flooded = await openHeadless({ engine, listen, consoleRoot, version: '0', onBug: () => undefined });
    const status = async (path: string, headers = {}) => (await fetch(flooded.url + path, { headers })).status;
    const all = (path: string, count: number) => Promise.all(Array.from({ length: count }, () => status(path)));
    expect(await all('/readyz', 400)).toContain(429);
    expect(new Set(await all('/healthz', 50))).toEqual(new Set([200]));
    expect(await status('/readyz', { authorization: `Bearer ${flooded.token}` })).toBe(200);
    await flooded.close();
  });

  test('the rate limit lets a burst through, refuses the next, and recovers', () => {
    let now = 0;
    const limit = new RateLimit(10, 3, () => now);
    expect([limit.take(), limit.take(), limit.take(), limit.take()]).toEqual([true, true, true, false]);
    now = 100;
    expect([limit.take(), limit.take()]).toEqual([true, false]);
  });

  test('each start has its own secrets', () => {
    const [a, b] = [new Access(1), new Access(1)];
    expect(a.token).not.toBe(b.token);
    expect(a.proofOf(`Bearer ${b.token}`, undefined)).toBeNull();
    expect(a.redeem(new URL(`http://h${b.openPath()}`).searchParams.get('once'))).toBeNull();
  });
});

describe('rules 4 and 5: what is served', () => {
  test.each([
    '/%2e%2e/package.json',
    '/assets/%2e%2e/%2e%2e/outside.js',
    '/assets/..%2foutside.js',
    '/%252e%252e/x.js',
    '/..\\outside.js',
    '/a%00.js',
    '/%zz',
  ])('%s is 403', async (path) => {
    expect((await ask(path, bearer())).status).toBe(403);
  });

  test('a link that leads out of the console folder is 403, an unknown file 404', async () => {
    expect((await ask('/assets/link.js', bearer())).status).toBe(403);
    expect((await ask('/assets/none.js', bearer())).status).toBe(404);
  });

  test('every page of the console is the index with a fresh nonce and exactly the policy of the builder', async () => {
    const [one, two] = await Promise.all([ask('/', bearer()), ask('/replication/payroll', bearer())]);
    const nonces = [one, two].map((answer) => /nonce="([^"]+)"/.exec(answer.body)?.[1] ?? '');
    expect(nonces[0]).not.toBe(nonces[1]);
    expect(one.headers['content-security-policy']).toBe(contentSecurityPolicy(nonces[0] ?? ''));
    expect(two.headers['content-security-policy']).toBe(contentSecurityPolicy(nonces[1] ?? ''));
    expect(one.headers['x-content-type-options']).toBe('nosniff');
  });

  test('the policy admits no inline script, no eval and nothing remote', () => {
    const policy = contentSecurityPolicy('n');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  test('the API page loads nothing from elsewhere', async () => {
    const page = await ask('/api', bearer());
    const script = await ask('/api/page.js', bearer());
    expect(page.body + script.body).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'/);
  });
});

describe('what the API answers', () => {
  test('the OpenAPI document is 3.1 and names the declared error once, in components', async () => {
    const document = JSON.parse((await ask('/api/openapi.json', bearer())).body) as {
      openapi: string;
      paths: object;
      components: { schemas: object };
    };
    expect(document.openapi).toMatch(/^3\.1/);
    expect(document.paths).toHaveProperty('/volumes/{volume}/content');
    expect(document.components.schemas).toHaveProperty('Refusal');
  });

  test('numbers in query strings reach the engine as numbers', async () => {
    const answer = await ask('/api/events?limit=7', bearer());
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('limit 7');
  });

  test('bad input is 400, a refusal 409 with its code, an unknown procedure 404', async () => {
    expect((await ask('/api/events?limit=no', bearer())).status).toBe(400);
    expect((await ask('/api/events?limit=7&unknown=1', bearer())).status).toBe(400);
    const refusal = await ask('/api/volumes/nothing', bearer());
    expect(refusal.status).toBe(409);
    expect(JSON.parse(refusal.body)).toMatchObject({
      code: 'REFUSED',
      data: { code: 'volume/not-found', field: 'volume' },
    });
    expect((await ask('/api/no/such/thing', bearer())).status).toBe(404);
  });

  test('a file of the machine cannot be named from here', async () => {
    const answer = await ask(
      '/api/volumes/payroll/import',
      { ...bearer(), 'content-type': 'application/json' },
      'POST',
      '{"path":"/etc/passwd"}',
    );
    expect(answer.status).toBe(409);
    expect(answer.body).toContain('host/path-not-allowed');
    expect(lab.calls.join()).not.toContain('/etc/passwd');
  });

  test('rule 16: a bug inside is told without its inside, and reported to the log', async () => {
    const answer = await ask('/api/jobs', bearer());
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret inside');
    expect(bugs.join()).toContain('secret inside');
  });

  test('content goes up and comes down unchanged; what does not fit is 413', async () => {
    const content = Buffer.from(Array.from({ length: 2_500_001 }, (_, index) => (index * 31) & 0xff));
    const path = '/api/volumes/payroll/content';
    const sent = await ask(path, { ...bearer(), 'content-length': String(content.length) }, 'PUT', content);
    expect(JSON.parse(sent.body)).toEqual({ bytes: content.length });
    const back = await ask(path, bearer());
    expect(back.headers['content-length']).toBe(String(VOLUME_BYTES));
    expect(Buffer.from(back.body, 'latin1').equals(lab.content)).toBe(true);
    expect(lab.content.subarray(0, content.length).equals(content)).toBe(true);
    expect(
      (
        await ask(
          path,
          { ...bearer(), 'content-length': String(VOLUME_BYTES + 1) },
          'PUT',
          Buffer.alloc(VOLUME_BYTES + 1),
        ).catch(() => ({ status: 413 }))
      ).status,
    ).toBe(413);
  });

  test('metrics are Prometheus text with escaped labels; health and readiness need no token', async () => {
    const metrics = await ask('/metrics', bearer());
    expect(metrics.body).toContain('lockstep_mirror_lag_writes{mirror="a\\"b"} 3');
    expect(metrics.body).toContain('process_cpu_seconds_total');
    expect((await ask('/healthz')).body).toBe('ok\n');
    expect((await ask('/readyz')).status).toBe(200);
  });

  test('a browser speaks RPC and follows a stream over its socket', async () => {
    const own = await openHeadless({
      engine,
      listen: { hostname: '127.0.0.1', port: 0 },
      consoleRoot,
      version: '0',
      onBug: () => undefined,
    });
    const cookie = ((await fetch(own.openUrl)).headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const socket = new WebSocket(`${own.url.replace('http', 'ws')}/rpc`, { headers: { cookie, origin: own.url } });
    const client: DoorClient = createORPCClient(new RPCLink({ websocket: socket as unknown as globalThis.WebSocket }));
    expect(await client.host.status({})).toMatchObject({ lab: 'open', host: 'headless' });
    const ids: number[] = [];
    for await (const event of await client.event.follow({})) ids.push(event.id);
    expect(ids).toEqual([3, 4]);
    await expect(client.volume.show({ volume: 'nothing' })).rejects.toSatisfy(
      (error) => refusalIn(error)?.code === 'volume/not-found',
    );
    socket.terminate();
    await own.close();
  });
});

describe('a host without a lab', () => {
  test('says so, refuses what needs one, makes one on request, and then serves it on the same doors', async () => {
    const fresh = smallLab();
    const empty = new Engine({
      directory: join(scratch, 'fresh'),
      host: 'headless',
      version: '0',
      openLab: fresh.open,
      onBug: () => undefined,
    });
    expect(await empty.start()).toMatchObject({ lab: 'none' });
    const caller = { actor: 'console', local: false };
    await expect(empty.client(caller).volume.list({})).rejects.toSatisfy(
      (error) => refusalIn(error)?.code === 'lab/not-open',
    );
    await expect(empty.client(caller).host.open({ directory: '/somewhere' })).rejects.toSatisfy(
      (error) => refusalIn(error)?.code === 'host/path-not-allowed',
    );
    await empty.announce({ url: 'http://here' });
    expect(await empty.client(caller).host.create({ demo: 'two-site' })).toMatchObject({ lab: 'open' });
    expect(fresh.announced).toEqual({ url: 'http://here' });
    expect(await empty.client(caller).volume.list({})).toHaveLength(1);
    await expect(empty.client(caller).host.create({})).rejects.toSatisfy(
      (error) => refusalIn(error)?.code === 'lab/already-open',
    );
    await empty.close();
    expect(fresh.closed).toBe(1);
  });

  test('keeps the reason when the lab cannot be opened, and can try again', async () => {
    const directory = join(scratch, 'broken');
    makeLabDirectory(directory);
    const fine = smallLab();
    let broken = true;
    const openLab = (request: Parameters<typeof fine.open>[0]): ReturnType<typeof fine.open> => {
      if (!broken) return fine.open(request);
      const refusal = {
        code: 'lab/newer-format',
        message: 'Format 9.',
        hint: 'Use a newer Lockstep.',
        overridable: false,
      };
      return Promise.reject(Object.assign(new Error('newer'), { refusal }));
    };
    const one = new Engine({ directory, host: 'headless', version: '0', openLab, onBug: () => undefined });
    expect(await one.start()).toMatchObject({ lab: 'failed', error: { code: 'lab/newer-format' } });
    const caller = { actor: 'console', local: false };
    await expect(one.client(caller).lab.info({})).rejects.toSatisfy(
      (error) => refusalIn(error)?.code === 'lab/newer-format',
    );
    broken = false;
    expect(await one.client(caller).host.open({})).toMatchObject({ lab: 'open', error: null });
    await one.close();
  });
});

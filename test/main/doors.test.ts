import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { fc, test as property } from '@fast-check/vitest';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  attachDoor,
  Engine,
  MAX_MESSAGE_BYTES,
  openControlSocket,
  type ControlSocket,
  type DoorClient,
} from '../../src-main/engine/index.ts';
import { openHeadless, type HeadlessHost } from '../../src-main/server/index.ts';
import { makeLabDirectory, smallLab } from './small-lab.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-doors-'));
const lab = smallLab();
const bugs: unknown[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
let engine: Engine;
let control: ControlSocket;
let host: HeadlessHost;

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  makeLabDirectory(join(scratch, 'lab'));
  const onBug = (error: unknown): void => void bugs.push(error);
  engine = new Engine({ directory: join(scratch, 'lab'), host: 'headless', version: '0', openLab: lab.open, onBug });
  await engine.start();
  control = await openControlSocket(engine, join(scratch, 'lab'), { actor: 'cli', local: true });
  host = await openHeadless({
    engine,
    listen: { hostname: '127.0.0.1', port: 0 },
    consoleRoot: scratch,
    version: '0',
    onBug,
  });
});
afterAll(async () => {
  await host.close();
  await control.close();
  process.off('unhandledRejection', onUnhandled);
  rmSync(scratch, { recursive: true, force: true });
});

/** The three shapes garbage takes: no JSON, any JSON, and an envelope of the protocol around any JSON. */
const garbage = fc.oneof(
  fc.string(),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc
    .record({
      i: fc.constantFrom('1', '2', 'x'),
      t: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.string()),
      p: fc.jsonValue(),
    })
    .map((value) => JSON.stringify(value)),
  fc
    .record({
      u: fc.oneof(
        fc.webUrl(),
        fc.string(),
        fc.constant('http://orpc/volume/write'),
        fc.constant('http://orpc/__proto__/x'),
      ),
      b: fc.jsonValue(),
      m: fc.string(),
    })
    .map((p) => JSON.stringify({ i: '7', p })),
);

async function stillAnswers(client: DoorClient): Promise<void> {
  expect((await client.volume.list({})).map((volume) => volume.name)).toEqual(['payroll']);
}

describe('rule 7: garbage on the doors', () => {
  test('the control socket drops any text, and answers the next proper call on the same connection', async () => {
    const socket = new WebSocket(`ws+unix:${control.path}:/rpc`);
    const client: DoorClient = createORPCClient(new RPCLink({ websocket: socket as unknown as globalThis.WebSocket }));
    await stillAnswers(client);
    fc.assert(
      fc.property(garbage, (text) => socket.send(text)),
      { numRuns: 200 },
    );
    await stillAnswers(client);
    socket.terminate();
    expect(unhandled).toEqual([]);
    expect(lab.calls.filter((call) => call.startsWith('volume.write'))).toEqual([]);
  });

  test('a frame over the limit ends its connection and nothing else', async () => {
    const socket = new WebSocket(`ws+unix:${control.path}:/rpc`);
    await new Promise((resolve) => socket.once('open', resolve));
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.send(Buffer.alloc(MAX_MESSAGE_BYTES + 1));
    expect(await closed).toBe(1009);
    await stillAnswers(engine.client({ actor: 'cli', local: true }));
  });

  property.prop([fc.oneof(garbage, fc.uint8Array(), fc.anything())], { numRuns: 200 })(
    'a port takes anything that structured clone can bring',
    (value) => {
      let receive: (data: unknown) => void = () => undefined;
      let closed = 0;
      const channel = {
        send: () => undefined,
        onMessage: (to: typeof receive) => void (receive = to),
        onClose: () => undefined,
        close: () => void (closed += 1),
      };
      attachDoor(engine, channel, { actor: 'console', local: false });
      receive(value);
      expect(closed).toBe(typeof value === 'string' ? 0 : 1);
    },
  );

  test('no garbage of the property above became an unhandled rejection or an exception of the engine', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
    expect(bugs).toEqual([]);
  });

  test('HTTP answers any JSON body with 4xx', async () => {
    const headers = { authorization: `Bearer ${host.token}`, 'content-type': 'application/json' };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.jsonValue().map((value) => JSON.stringify(value)),
          fc.string(),
        ),
        async (body) => {
          const response = await fetch(`${host.url}/api/faults`, { method: 'POST', headers, body });
          expect(response.status).toBeGreaterThanOrEqual(400);
          expect(response.status).toBeLessThan(500);
        },
      ),
      { numRuns: 60 },
    );
    expect(lab.calls.filter((call) => call.startsWith('fault'))).toEqual([]);
  });

  test('an unknown procedure is refused on the socket', async () => {
    const socket = new WebSocket(`ws+unix:${control.path}:/rpc`);
    const client = createORPCClient(
      new RPCLink({ websocket: socket as unknown as globalThis.WebSocket }),
    ) as unknown as { no: { such(input: object): Promise<unknown> } };
    await expect(client.no.such({})).rejects.toMatchObject({ status: 404 });
    socket.terminate();
  });
});

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Engine, EXIT_BUG } from '../../src-main/engine/index.ts';
import { openRealLab } from '../../src-main/engine/lab.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-net-'));
const directory = join(scratch, 'lab');
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const host = `
import { Engine, spreadNet } from '${join(import.meta.dirname, '../../src-main/engine/index.ts')}';
import { openRealLab } from '${join(import.meta.dirname, '../../src-main/engine/lab.ts')}';
const onBug = (error, path) => process.stderr.write(path.join('.') + ': ' + error.message + '\\n');
const engine = new Engine({ directory: ${JSON.stringify(directory)}, host: 'headless', version: '0', openLab: openRealLab, onBug });
spreadNet(engine, onBug);
await engine.open({ directory: ${JSON.stringify(directory)}, create: { demo: 'two-site' } });
const client = engine.client({ actor: 'test', local: true });
await client.volume.write({ volume: 'orders', offset: 0, dataBase64: Buffer.alloc(4096, 7).toString('base64') });
void Promise.reject(new Error('nobody catches this'));
void Promise.reject(new Error('nor this'));
setInterval(() => undefined, 1000);
`;

test('a rejection that nobody handles ends the host with its own exit code and an event; what was acknowledged is there', async () => {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', host], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (data: Buffer) => (told += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  expect({ code, told: told.split('\n').slice(0, 2) }).toEqual({
    code: EXIT_BUG,
    told: ['process: nobody catches this', 'process: nor this'],
  });

  const engine = new Engine({
    directory,
    host: 'headless',
    version: '0',
    openLab: openRealLab,
    onBug: () => undefined,
  });
  await engine.open({ directory });
  const client = engine.client({ actor: 'test', local: true });
  const events = (await client.event.list({ limit: 1000 })).events.filter((event) => event.kind === 'host/bug');
  expect(events.map((event) => event.message)).toEqual([expect.stringContaining('nobody catches this')]);
  const { dataBase64 } = await client.volume.read({ volume: 'orders', offset: 0, length: 4096 });
  await engine.close();
  expect(Buffer.from(dataBase64, 'base64').equals(Buffer.alloc(4096, 7))).toBe(true);
});

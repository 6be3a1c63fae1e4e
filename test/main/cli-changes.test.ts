import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { connector } from '../../src-main/cli/connect.ts';
import { runCli } from '../../src-main/cli/program.ts';
import { openRealLab } from '../../src-main/engine/lab.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-cli-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** One command on a real lab, opened for it and closed after it. */
async function lockstep(...args: readonly string[]): Promise<{ code: number; out: unknown; error: unknown }> {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => void (out += text),
    outBytes: () => Promise.resolve(),
    err: (text: string) => void (err += text),
    input: async function* () {},
    ask: () => Promise.resolve(null),
    interactive: false,
    onInterrupt: () => () => undefined,
    env: {},
    cwd: scratch,
  };
  const connect = connector(openRealLab, '1.2.3');
  const all = [...args, '--lab', join(scratch, 'lab'), '--json'];
  const code = await runCli(all, { io, version: '1.2.3', openLab: openRealLab, connect, consoleRoot: scratch });
  const parsed = (text: string): unknown => (text.startsWith('{') ? JSON.parse(text) : text);
  return { code, out: parsed(out), error: (parsed(err) as { error?: unknown }).error ?? err };
}

describe('what was made by the command line goes by it', () => {
  test('previews, names, settings, and deletion from the inside out', async () => {
    await lockstep('lab', 'create', '--empty');
    await lockstep('site', 'create', 'here');
    await lockstep('cluster', 'create', 'here', '--site', 'here');
    await lockstep('server', 'create', 'one', '--cluster', 'here', '--log-half', '1MiB');
    await lockstep('array', 'create', 'shelf', '--cluster', 'here', '--disks', '3', '--disk-size', '16MiB');
    const pool = ['pool', 'create', 'tank', '--array', 'shelf', '--level', 'raid5', '--owner', 'one'];
    const preview = await lockstep(...pool, '--preview');
    expect(preview.out).toMatchObject({ allowed: true, survives: 1, slots: [0, 1, 2] });
    expect((await lockstep(...pool)).out).toMatchObject({ sizeBytes: (preview.out as { usableBytes: number }).usableBytes }); // prettier-ignore
    expect((await lockstep('pool', 'rename', 'tank', 'basin')).out).toMatchObject({ name: 'basin', volumes: [] });
    expect((await lockstep('lab', 'settings', '--set', 'cpIntervalMs=5s')).out).toMatchObject({
      settings: { cpIntervalMs: 5000 },
    });
    expect(await lockstep('lab', 'settings', '--set', 'nonsense=1')).toMatchObject({ code: 2 });
    expect(await lockstep('array', 'delete', 'shelf', '--yes')).toMatchObject({
      code: 1,
      error: { code: 'array/not-empty', details: { holds: ['pool basin'] } },
    });
    expect(await lockstep('pool', 'delete', 'basin')).toMatchObject({
      code: 1,
      error: { code: 'pool/confirmation-required' },
    });
    for (const [noun, name] of [['pool', 'basin'], ['array', 'shelf'], ['server', 'one'], ['cluster', 'here'], ['site', 'here']] as const)
      expect(await lockstep(noun, 'delete', name, '--yes')).toMatchObject({ code: 0, out: { name } }); // prettier-ignore
    expect(await lockstep('lab', 'check')).toMatchObject({ code: 0, out: { verdict: 'clean' } });
  });
});

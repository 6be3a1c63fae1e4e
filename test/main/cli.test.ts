import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { connector } from '../../src-main/cli/connect.ts';
import type { Io } from '../../src-main/cli/io.ts';
import { runCli } from '../../src-main/cli/program.ts';
import { parseDurationMs, parseSize } from '../../src-main/cli/units.ts';
import {
  controlSocketPath,
  Engine,
  openControlSocket,
  refusal,
  refused,
  type LabOpener,
} from '../../src-main/engine/index.ts';
import { makeLabDirectory, smallLab, VOLUME_BYTES } from './small-lab.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-cli-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
function labDirectory(): string {
  const directory = join(scratch, `lab-${count++}`);
  makeLabDirectory(directory);
  return directory;
}

interface Session {
  readonly code: number;
  readonly out: string;
  readonly bytes: Buffer;
  readonly err: string;
}
interface Given {
  readonly openLab?: LabOpener;
  readonly input?: Buffer;
  readonly answer?: string;
  readonly env?: Record<string, string>;
}
async function lockstep(args: readonly string[], given: Given = {}): Promise<Session> {
  let out = '';
  let err = '';
  const bytes: Buffer[] = [];
  const io: Io = {
    out: (text) => void (out += text),
    outBytes: (part) => {
      bytes.push(Buffer.from(part));
      return Promise.resolve();
    },
    err: (text) => void (err += text),
    input: async function* () {
      if (given.input !== undefined) yield given.input;
    },
    ask: () => Promise.resolve(given.answer ?? null),
    interactive: given.answer !== undefined,
    onInterrupt: () => () => undefined,
    env: given.env ?? {},
    cwd: scratch,
  };
  const openLab = given.openLab ?? smallLab().open;
  const code = await runCli(args, {
    io,
    version: '1.2.3',
    openLab,
    connect: connector(openLab, '1.2.3'),
    consoleRoot: scratch,
  });
  return { code, out, err, bytes: Buffer.concat(bytes) };
}
const json = (session: Session): unknown => JSON.parse(session.out) as unknown;
const errorOf = (session: Session): unknown => (JSON.parse(session.err) as { error: unknown }).error;

describe('exit codes and output', () => {
  test('0: --json prints one document and nothing else', async () => {
    const session = await lockstep(['volume', 'list', '--lab', labDirectory(), '--json']);
    expect(session.code).toBe(0);
    expect(json(session)).toMatchObject([
      {
        id: 'v1',
        name: 'payroll',
        sizeBytes: VOLUME_BYTES,
        cluster: 'north',
        site: 'north',
        owner: 'north-1',
        state: 'serving',
        policy: 'availability',
      },
    ]);
    expect(session.out.trim().split('\n')).toHaveLength(1);
    expect(session.err).toBe('');
  });

  test('without --json people get a table', async () => {
    const session = await lockstep(['volume', 'list', '--lab', labDirectory()]);
    expect(session.out).toMatch(/^NAME +SIZE .*\npayroll +3\.0 MiB/);
  });

  test('1: a refusal is printed with its code; as {"error"} on standard error with --json', async () => {
    const lab = labDirectory();
    const forPeople = await lockstep(['volume', 'show', 'nothing', '--lab', lab]);
    expect(forPeople).toMatchObject({
      code: 1,
      out: '',
      err: 'volume/not-found: There is no volume nothing.\nSee the list.\n',
    });
    const forScripts = await lockstep(['volume', 'show', 'nothing', '--lab', lab, '--json']);
    expect(forScripts).toMatchObject({ code: 1, out: '' });
    expect(errorOf(forScripts)).toEqual({
      code: 'volume/not-found',
      message: 'There is no volume nothing.',
      field: 'volume',
      hint: 'See the list.',
      overridable: false,
    });
  });

  test.each([
    [['nonsense']],
    [['volume']],
    [['volume', 'show']],
    [['volume', 'create', 'x', '--size', 'many', '--pool', 'p']],
    [['fault', 'inject', 'meteor']],
    [['fault', 'inject', 'site-loss']],
    [['fault', 'inject', 'clock-jump']],
    [['fault', 'clear']],
    [['lab', 'create']],
    [['lab', 'create', '--demo', 'two-site', '--empty']],
    [['mirror', 'resolve', 'payroll']],
    [['serve', '--listen', '0.0.0.0:80']],
    [['volume', 'list', '--unknown']],
  ])('2: %j is a mistake in usage', async (args) => {
    expect(await lockstep([...args, '--lab', labDirectory()])).toMatchObject({ code: 2, out: '' });
  });

  test('2: no lab named at all', async () => {
    expect((await lockstep(['volume', 'list'])).code).toBe(2);
  });

  test('2: input that the contract refuses names the field', async () => {
    const session = await lockstep([
      'volume',
      'create',
      'Bad_Name',
      '--pool',
      'p',
      '--size',
      '4096',
      '--lab',
      labDirectory(),
      '--json',
    ]);
    expect(session.code).toBe(2);
    expect(errorOf(session)).toMatchObject({
      code: 'input/invalid',
      message: expect.stringContaining('name:') as string,
    });
  });

  test('3: the lab is held by a process that does not answer', async () => {
    const openLab: LabOpener = () =>
      Promise.reject(refused(refusal('lab/locked', 'Process 7 has this lab.', 'End it.')));
    const session = await lockstep(['volume', 'list', '--lab', labDirectory(), '--json'], { openLab });
    expect(session.code).toBe(3);
    expect(errorOf(session)).toMatchObject({ code: 'lab/locked' });
  });

  test('help and version are no failures; every command has help', async () => {
    expect(await lockstep(['--version'])).toMatchObject({ code: 0, out: '1.2.3\n' });
    const help = await lockstep(['--help']);
    expect(help.code).toBe(0);
    const leaves = [...help.out.matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1] ?? '');
    expect(leaves).toEqual(
      expect.arrayContaining([
        'serve',
        'drill',
        'lab',
        'site',
        'cluster',
        'server',
        'link',
        'array',
        'pool',
        'volume',
        'mirror',
        'workload',
        'fault',
        'job',
        'event',
      ]),
    );
    for (const leaf of leaves.filter((name) => name !== 'help'))
      expect(await lockstep([leaf, '--help'])).toMatchObject({ code: 0, err: '' });
  });

  test('LOCKSTEP_LAB names the lab too, and the option wins', async () => {
    const lab = labDirectory();
    expect((await lockstep(['volume', 'list', '--json'], { env: { LOCKSTEP_LAB: lab } })).code).toBe(0);
    expect(
      (await lockstep(['volume', 'list', '--lab', join(scratch, 'no-lab'), '--json'], { env: { LOCKSTEP_LAB: lab } }))
        .code,
    ).toBe(1);
  });

  test('a damaged lab prints its report and exits 1', async () => {
    const session = await lockstep(['lab', 'check', '--lab', labDirectory(), '--json']);
    expect(session.code).toBe(1);
    expect(json(session)).toEqual({
      verdict: 'damaged',
      problems: [{ file: 'arrays/a/disk-0.img', offset: 4096, expected: 'crc 1', found: 'crc 2' }],
    });
  });
});

describe('mirror actions', () => {
  const act = (lab: ReturnType<typeof smallLab>, args: readonly string[], answer?: string): Promise<Session> =>
    lockstep(['mirror', ...args, '--lab', labDirectory()], {
      openLab: lab.open,
      ...(answer === undefined ? {} : { answer }),
    });

  test('R01: failover hands --force and --yes on and prints the refusal', async () => {
    const lab = smallLab();
    const session = await act(lab, ['failover', 'payroll', '--force', '--yes', '--json']);
    expect(session.code).toBe(1);
    expect(errorOf(session)).toMatchObject({ code: 'R01' });
    expect(lab.calls).toContain('mirror.failover force=true confirm=payroll cli');
  });

  test('without --force the engine is told so', async () => {
    const lab = smallLab();
    await act(lab, ['failover', 'payroll']);
    expect(lab.calls).toContain('mirror.failover force=false confirm=undefined cli');
  });

  test('the action waits for its job and prints the finished one; --no-wait prints the accepted one', async () => {
    expect(json(await act(smallLab(), ['resync', 'payroll', '--json']))).toMatchObject({
      kind: 'mirror/resync',
      state: 'done',
      progress: 1,
    });
    expect(json(await act(smallLab(), ['resync', 'payroll', '--json', '--no-wait']))).toMatchObject({
      state: 'running',
    });
  });

  test('a failed job is printed, explained, and exits 1', async () => {
    const session = await act(smallLab(), ['verify', 'payroll', '--json']);
    expect(session.code).toBe(1);
    expect(json(session)).toMatchObject({ state: 'failed' });
    expect(errorOf(session)).toMatchObject({ code: 'mirror/differs' });
  });

  test('a destructive action asks for the name; --yes gives it; a script without it gives none', async () => {
    const calls = async (args: readonly string[], answer?: string): Promise<string[]> => {
      const lab = smallLab();
      await act(lab, ['delete', 'payroll', ...args], answer);
      return lab.calls;
    };
    expect(await calls([], 'payroll')).toEqual(['mirror.delete confirm=payroll cli']);
    expect(await calls([], 'no')).toEqual(['mirror.delete confirm=no cli']);
    expect(await calls(['--yes'])).toEqual(['mirror.delete confirm=payroll cli']);
    expect(await calls([])).toEqual(['mirror.delete confirm=undefined cli']);
  });

  test('--preview shows what would happen and does nothing', async () => {
    const lab = smallLab();
    expect(json(await act(lab, ['delete', 'payroll', '--preview', '--json']))).toMatchObject({
      action: 'delete',
      command: 'lockstep mirror delete payroll',
    });
    expect(lab.calls).toEqual([]);
  });
});

describe('content', () => {
  test('write takes standard input, read gives bytes; larger than one transfer of the contract', async () => {
    const lab = smallLab();
    const directory = labDirectory();
    const content = Buffer.from(Array.from({ length: 2_000_003 }, (_, index) => (index * 7) & 0xff));
    const written = await lockstep(['volume', 'write', 'payroll', '--offset', '4KiB', '--lab', directory, '--json'], {
      openLab: lab.open,
      input: content,
    });
    expect(json(written)).toEqual({ bytes: content.length, sequence: 43 });
    const read = await lockstep(
      ['volume', 'read', 'payroll', '--offset', '4096', '--length', String(content.length), '--lab', directory],
      { openLab: lab.open },
    );
    expect(read.bytes.equals(content)).toBe(true);
    const asJson = await lockstep(
      [
        'volume',
        'read',
        'payroll',
        '--offset',
        '4096',
        '--length',
        String(content.length),
        '--lab',
        directory,
        '--json',
      ],
      { openLab: lab.open },
    );
    expect(json(asJson)).toMatchObject({
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
  });

  test('import hands on an absolute path', async () => {
    const lab = smallLab();
    await lockstep(['volume', 'import', 'payroll', 'image.img', '--lab', labDirectory()], { openLab: lab.open });
    expect(lab.calls).toEqual([`volume.import ${join(scratch, 'image.img')} cli`]);
  });

  test('nothing on standard input is a mistake, not an empty write', async () => {
    expect((await lockstep(['volume', 'write', 'payroll', '--offset', '0', '--lab', labDirectory()])).code).toBe(2);
  });
});

describe('events and faults', () => {
  test('event list is oldest first; follow prints one document a line', async () => {
    const listed = json(await lockstep(['event', 'list', '--lab', labDirectory(), '--json'])) as { id: number }[];
    expect(listed.map((event) => event.id)).toEqual([1, 2]);
    const followed = await lockstep(['event', 'follow', '--lab', labDirectory(), '--json']);
    expect(
      followed.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: number }).id),
    ).toEqual([3, 4]);
  });

  test('each fault takes its own parameters', async () => {
    const lab = smallLab();
    const inject = (...args: string[]): Promise<Session> =>
      lockstep(['fault', 'inject', ...args, '--lab', labDirectory()], { openLab: lab.open });
    await inject('site-loss', 'north');
    await inject('link-latency', 'north-south', '--ms', '20');
    await inject('link-bandwidth', 'north-south', '--bandwidth', '1MiB');
    await inject('clock-jump', '--seconds', '-3600');
    await inject('lab-power-loss');
    expect(lab.calls).toEqual([
      'fault.inject {"kind":"site-loss","site":"north"} cli',
      'fault.inject {"kind":"link-latency","link":"north-south","latencyMs":20} cli',
      'fault.inject {"kind":"link-bandwidth","link":"north-south","bytesPerSecond":1048576} cli',
      'fault.inject {"kind":"clock-jump","seconds":-3600} cli',
      'fault.inject {"kind":"lab-power-loss"} cli',
    ]);
  });
});

describe('whom it talks to', () => {
  test('a running host over its control socket; the lab is not opened a second time', async () => {
    const lab = smallLab();
    const directory = labDirectory();
    const engine = new Engine({ directory, host: 'headless', version: '0', openLab: lab.open, onBug: () => undefined });
    await engine.start();
    const socket = await openControlSocket(engine, directory, { actor: 'cli', local: true });
    const never: LabOpener = () => Promise.reject(new Error('opened twice'));
    expect((await lockstep(['volume', 'list', '--lab', directory, '--json'], { openLab: never })).code).toBe(0);
    expect(
      (await lockstep(['mirror', 'resync', 'payroll', '--lab', directory, '--json'], { openLab: never })).code,
    ).toBe(0);
    await socket.close();
    await engine.close();
  });

  test('without one it serves the lab for the duration of the command, over a socket left by a crash too', async () => {
    const lab = smallLab();
    const directory = labDirectory();
    writeFileSync(controlSocketPath(directory), '');
    expect((await lockstep(['volume', 'list', '--lab', directory, '--json'], { openLab: lab.open })).code).toBe(0);
    expect(lab.closed).toBe(1);
    expect(lab.announced).toHaveProperty('socket');
  });

  test('lab create makes the lab and says what is in it; a second one is refused', async () => {
    const lab = smallLab();
    const directory = join(scratch, 'new-lab');
    const created = await lockstep(['lab', 'create', '--lab', directory, '--demo', 'two-site', '--json'], {
      openLab: lab.open,
    });
    expect(json(created)).toEqual({ lab: directory, sites: [], volumes: ['payroll'] });
    const again = await lockstep(['lab', 'create', '--lab', directory, '--empty', '--json'], { openLab: lab.open });
    expect(again.code).toBe(1);
    expect(errorOf(again)).toMatchObject({ code: 'lab/exists' });
  });

  test('a directory whose socket path would be too long gets a short one, the same for host and command', () => {
    const long = join(scratch, 'x'.repeat(120));
    makeLabDirectory(long);
    const path = controlSocketPath(long);
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
    expect(controlSocketPath(long)).toBe(path);
    // The owner may have had another runtime directory; a socket of another directory is a copied lab's, and not used.
    const announced = `/run/elsewhere/${basename(path)}`;
    writeFileSync(join(long, 'lab.lock'), JSON.stringify({ pid: 1, socket: announced }));
    expect(controlSocketPath(long)).toBe(announced);
    writeFileSync(join(long, 'lab.lock'), JSON.stringify({ pid: 1, socket: '/other/lab/control.sock' }));
    expect(controlSocketPath(long)).toBe(path);
  });
});

describe('units', () => {
  test.each([
    ['4096', 4096],
    ['64MiB', 64 * 2 ** 20],
    ['1G', 2 ** 30],
    ['1GB', 1e9],
    ['1.5k', 1536],
  ])('size %s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));
  test.each(['', 'G', '-1', '1X', '0.3', '1e99T', '0x10'])('"%s" is no size', (text) =>
    expect(() => parseSize(text)).toThrow(/a size is/),
  );
  test.each([
    ['10s', 10_000],
    ['500ms', 500],
    ['2m', 120_000],
    ['3', 3000],
  ])('duration %s is %d ms', (text, ms) => expect(parseDurationMs(text)).toBe(ms));
});

test('the completion script names the commands', async () => {
  const { out } = await lockstep(['completion', 'bash']);
  expect(out).toContain('reverse-resync');
  expect(out).toMatch(/^_lockstep\(\)/);
});

test('package.json names what the launchers are', () => {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of [
    'start',
    'test',
    'build',
    'lockstep',
    'simulate',
    'bench',
    'lint',
    'types',
    'layers',
    'test:unit',
    'test:sim',
    'test:crash',
    'test:e2e',
    'test:e2e:desktop',
    'test:e2e:headless',
  ]) {
    expect(scripts).toHaveProperty([name]);
  }
});

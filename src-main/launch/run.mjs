// Helpers of the launchers. They run on the system's Node (>= 20), before anything is installed: `node:` imports only.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');
const bin = join(root, 'node_modules', '.bin');
const stampFile = join(root, 'node_modules', '.lockstep-installed');

const atLeast = (version, major, minor) => {
  const [a = 0, b = 0] = version.replace(/^v/, '').split('.').map(Number);
  return a > major || (a === major && b >= minor);
};

/** The Node to run Lockstep on, as `{ path, flags }`; or `{ refusal }`, one sentence, where there is none. */
export function lockstepNode() {
  const carried = join(bin, process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(carried)) return { path: carried, flags: ['--disable-warning=ExperimentalWarning'] };
  if (atLeast(process.version, 22, 14)) {
    // Type stripping needs no flag from 22.18 and 23.6 on.
    const strips =
      atLeast(process.version, 23, 6) || (process.version.startsWith('v22.') && atLeast(process.version, 22, 18));
    const flags = ['--disable-warning=ExperimentalWarning', ...(strips ? [] : ['--experimental-strip-types'])];
    return { path: process.execPath, flags };
  }
  return {
    refusal: `Lockstep needs Node 22.14 or newer; this is ${process.version}, and no Node came with the installed packages.`,
  };
}

/**
 * Where Node keeps what it made of our sources: stripping types and compiling were most of every start. Inside the
 * checkout, since whoever can write there can change the sources anyway.
 */
export const codeCache = join(root, 'node_modules', '.cache', 'lockstep-code');

/** PATH with the checkout's own tools (and its Node) first. */
export const environment = (extra = {}) => ({
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
  ...extra,
});

/**
 * Runs a program to its end with our standard streams; SIGINT, SIGTERM and SIGHUP are handed on. Resolves to the exit
 * code (128 + signal number after a signal).
 */
export function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: 'inherit',
      env: environment(options.env),
      ...(options.spawn ?? {}),
    });
    options.onChild?.(child);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const forward = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    const done = (code) => {
      for (const signal of signals) process.off(signal, forward);
      resolve(code);
    };
    child.once('error', (error) => {
      process.stderr.write(`${program}: ${error.message}\n`);
      done(127);
    });
    child.once('close', (code, signal) => {
      const number = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1;
      done(code ?? 128 + number);
    });
  });
}

export const has = (program) =>
  spawnSync(process.platform === 'win32' ? 'where' : 'which', [program], { stdio: 'ignore', env: environment() })
    .status === 0;

const lockfileHash = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');

export function writeInstallStamp() {
  if (existsSync(join(root, 'package-lock.json'))) writeFileSync(stampFile, lockfileHash());
}

/** `npm ci` when what is installed is not what package-lock.json says. Resolves to an exit code. */
export async function install() {
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockfileHash()) return 0;
  process.stderr.write('Installing packages (once, about a minute) ...\n');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-fund', '--no-audit'];
  const code = npm?.endsWith('.js')
    ? await run(process.execPath, [npm, ...args])
    : await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args);
  if (code === 0) writeInstallStamp();
  return code;
}

function newestMs(path) {
  if (!existsSync(path)) return 0;
  const own = statSync(path);
  if (!own.isDirectory()) return own.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), own.mtimeMs);
}

/** Builds the console and the desktop host when a source is newer than the last build. Resolves to an exit code. */
export async function build({ force = false } = {}) {
  const stamp = join(root, 'out', '.built');
  const sources = ['src-main', 'src-renderer', 'src-engine', 'electron.vite.config.ts', 'package.json'];
  const newest = Math.max(...sources.map((source) => newestMs(join(root, source))));
  if (!force && existsSync(stamp) && statSync(stamp).mtimeMs > newest) return 0;
  process.stderr.write('Building ...\n');
  const node = lockstepNode();
  if (node.refusal) return fail(node.refusal);
  const startedAt = new Date();
  const code = await run(node.path, [
    join(root, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js'),
    'build',
    '--logLevel',
    'warn',
  ]);
  if (code === 0) {
    mkdirSync(join(root, 'out'), { recursive: true });
    writeFileSync(stamp, startedAt.toISOString());
  }
  return code;
}

export function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  return 1;
}

/** Installs Debian packages where we may; resolves to whether they are there afterwards. */
export async function debianPackages(packages) {
  if (!has('apt-get') || process.getuid?.() !== 0) return false;
  process.stderr.write(`Installing ${packages.join(', ')} ...\n`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = { env, spawn: { stdio: ['ignore', 'ignore', 'inherit'] } };
  await run('apt-get', ['update', '-qq'], quiet);
  return (await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet)) === 0;
}

/**
 * The Electron to run the desktop on: `{ path }`, or `{ reason }` why there is none. With `fetch` the pinned release is
 * downloaded when it is missing, which fails at once offline.
 */
export function electron({ fetch = false } = {}) {
  const executable =
    { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' }[process.platform] ?? 'electron';
  const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(root, 'node_modules', 'electron', 'dist');
  const path = process.env.LOCKSTEP_ELECTRON ?? join(dist, executable);
  if (!existsSync(path) && fetch) {
    spawnSync(lockstepNode().path ?? process.execPath, [join(root, 'node_modules', 'electron', 'install.js')], {
      stdio: 'ignore',
      timeout: 300_000,
    });
  }
  if (!existsSync(path)) return { reason: "Electron's runtime is not here and could not be fetched" };
  // Finds missing system libraries before a window is promised.
  const version = spawnSync(path, ['--no-sandbox', '--version'], {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '' },
  });
  if (version.status !== 0) {
    return {
      reason: `Electron does not run here: ${(version.stderr || version.error?.message || 'no answer').trim().split('\n').at(-1)}`,
    };
  }
  return { path };
}

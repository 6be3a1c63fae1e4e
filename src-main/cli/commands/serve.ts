import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import pino from 'pino';
import { Engine, messageOf, openControlSocket, refusal, spreadNet } from '../../engine/index.ts';
import { openHeadless, parseListen } from '../../server/index.ts';
import { CLI_CALLER } from '../connect.ts';
import type { CliOptions } from '../program.ts';
import { Run } from '../context.ts';
import { CommandFailure, EXIT } from '../io.ts';

/** The headless host in the foreground. */
export function addServe(program: Command, options: CliOptions): void {
  program
    .command('serve')
    .description('serve a lab and its console on this machine; the first line on standard output is JSON')
    .option('--listen <address>', 'loopback address and port', '127.0.0.1:0')
    .option('--open', 'open the console in the browser')
    .action(async (own: { listen: string; open?: boolean }, command: Command) => {
      const run = new Run(options, command);
      await serve(run, options, own);
    });
}

async function serve(run: Run, options: CliOptions, own: { listen: string; open?: boolean }): Promise<void> {
  const listen = parseListen(own.listen);
  if ('refusal' in listen)
    throw new CommandFailure(refusal('host/listen', listen.refusal, 'For instance: --listen 127.0.0.1:0'), EXIT.usage);
  const { directory } = run;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const log = pino({ base: null }, pino.destination(2));
  const onBug = (error: unknown, path: readonly string[]): void => {
    log.error({ path: path.join('.'), stack: error instanceof Error ? error.stack : undefined }, messageOf(error));
  };
  const engine = new Engine({ directory, host: 'headless', version: options.version, openLab: options.openLab, onBug });
  const liftNet = spreadNet(engine, onBug);
  const status = await engine.start();
  if (status.error !== null) throw new CommandFailure(status.error);
  const socket = await openControlSocket(engine, directory, CLI_CALLER);
  const host = await openHeadless({
    engine,
    listen,
    consoleRoot: options.consoleRoot,
    version: options.version,
    onBug,
  });
  await engine.announce({ socket: socket.path, url: host.url });
  const tokenFile = join(directory, 'host.token');
  writeFileSync(tokenFile, `${host.token}\n`, { mode: 0o600 });

  run.io.out(
    `${JSON.stringify({ url: host.url, openUrl: host.openUrl, token: host.token, pid: process.pid, lab: directory })}\n`,
  );
  if (own.open === true) openBrowser(host.openUrl);
  await untilInterrupted(run);
  // Doors first, then the lab: nothing new may begin while it takes its last consistency points.
  await host.close();
  await socket.close();
  await engine.close();
  liftNet();
  rmSync(tokenFile, { force: true });
}

function untilInterrupted(run: Run): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    run.io.onInterrupt(() => {
      // A second signal means now: the lab recovers from its files.
      if (asked) process.exit(130);
      asked = true;
      resolve();
    });
  });
}

function openBrowser(url: string): void {
  const [program, ...args] = { darwin: ['open'], win32: ['explorer.exe'] }[process.platform as string] ?? ['xdg-open'];
  const child = spawn(program ?? 'xdg-open', [...args, url], { stdio: 'ignore', detached: true });
  child.once('error', () => process.stderr.write(`No browser could be opened; use ${url}\n`));
  child.unref();
}

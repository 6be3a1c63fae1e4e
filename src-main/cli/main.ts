import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { packageVersion } from '../engine/index.ts';
import { openRealLab } from '../engine/lab.ts';
import { connector } from './connect.ts';
import type { Io } from './io.ts';
import { runCli } from './program.ts';

const root = join(import.meta.dirname, '..', '..');
const version = packageVersion(root);

const io: Io = {
  out: (text) => process.stdout.write(text),
  outBytes: (bytes) =>
    new Promise((resolve, reject) => process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()))),
  err: (text) => process.stderr.write(text),
  input: () => process.stdin,
  ask: async (question) => {
    if (!process.stdin.isTTY) return null;
    const reader = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await reader.question(question);
    } finally {
      reader.close();
    }
  },
  interactive: process.stderr.isTTY,
  onInterrupt: (act) => {
    process.on('SIGINT', act);
    process.on('SIGTERM', act);
    return () => {
      process.off('SIGINT', act);
      process.off('SIGTERM', act);
    };
  },
  env: process.env,
  cwd: process.cwd(),
};

// A reader that has seen enough (`lockstep event list | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const code = await runCli(process.argv.slice(2), {
  io,
  version,
  connect: connector(openRealLab, version),
  openLab: openRealLab,
  consoleRoot: join(root, 'out', 'renderer'),
});
// What a lab leaves behind (sockets, timers) must not keep a finished command alive; its files are closed by now.
process.stdout.write('', () => process.exit(code));

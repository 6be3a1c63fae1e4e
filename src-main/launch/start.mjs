// `npm start`: installs and builds what is missing, then opens the desktop, or the headless host where there can be no
// window, saying why. Arguments: --lab DIR, --headless, --open.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build, codeCache, electron, fail, install, lockstepNode, root, run } from './run.mjs';

const args = process.argv.slice(2);
const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const lab = value('--lab') ?? process.env.LOCKSTEP_LAB ?? join(homedir(), 'Lockstep', 'demo');

/** Why there can be no window; undefined when there can. */
function whyNoDesktop() {
  if (args.includes('--headless')) return 'asked for with --headless';
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
    return 'there is no display';
  if (process.getuid?.() === 0 && process.env.LOCKSTEP_ELECTRON === undefined) return 'a desktop is not run as root';
  return electron({ fetch: true }).reason;
}

async function headless(reason) {
  process.stdout.write(`Headless host: ${reason}.\n`);
  const node = lockstepNode();
  if (node.refusal) return fail(node.refusal);
  const serve = [
    join(root, 'src-main', 'cli', 'main.ts'),
    'serve',
    '--lab',
    lab,
    ...(args.includes('--open') ? ['--open'] : []),
  ];
  return run(node.path, [...node.flags, ...serve], {
    spawn: { stdio: ['ignore', 'pipe', 'inherit'] },
    env: { NODE_COMPILE_CACHE: codeCache },
    onChild(child) {
      createInterface({ input: child.stdout }).once('line', (line) => {
        const ready = JSON.parse(line);
        process.stdout.write(
          `Lab ${ready.lab}\nOpen this in a browser (it works once): ${ready.openUrl}\nStop with Ctrl-C.\n`,
        );
      });
    },
  });
}

async function main() {
  const installed = await install();
  if (installed !== 0) return installed;
  const built = await build();
  if (built !== 0) return built;
  const reason = whyNoDesktop();
  if (reason !== undefined) return headless(reason);
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return run(electron().path, [...sandbox, root], { env: { LOCKSTEP_LAB: lab } });
}

process.exitCode = await main();

// `npm run test:e2e`: the same specs against the headless host in Chromium and the desktop host in Electron. Says which
// host could not be run and why; ends with Playwright's own summary. Arguments: --host headless|desktop, rest to Playwright.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, debianPackages, electron, fail, has, install, lockstepNode, root, run } from './run.mjs';

const chromiumPath = () =>
  process.env.LOCKSTEP_CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

export async function endToEnd(args, { json } = {}) {
  if (!existsSync(join(root, 'playwright.config.ts'))) return fail('e2e: there is no playwright.config.ts');
  const rest = [...args];
  const hostAt = rest.indexOf('--host');
  const only = hostAt < 0 ? undefined : rest.splice(hostAt, 2)[1];
  const built = await build();
  if (built !== 0) return built;

  const projects = [];
  if (only !== 'desktop') {
    if (chromiumPath() === undefined) await debianPackages(['chromium']);
    if (chromiumPath() === undefined) {
      // The headless host can be run wherever there is a browser: its absence is a failure, not a footnote.
      return fail('headless: not run (no Chromium found; set LOCKSTEP_CHROMIUM to one)');
    }
    projects.push('headless');
  }
  const needsDisplay = process.platform === 'linux' && !process.env.DISPLAY;
  if (only !== 'headless') {
    const found = electron();
    if (found.reason) process.stdout.write(`desktop: not run (${found.reason})\n`);
    else {
      if (needsDisplay && !has('xvfb-run')) await debianPackages(['xvfb', 'xauth']);
      if (needsDisplay && !has('xvfb-run')) process.stdout.write('desktop: not run (no display and no xvfb-run)\n');
      else projects.push('desktop');
    }
    if (only === 'desktop' && projects.length === 0) return 1;
  }

  const node = lockstepNode();
  if (node.refusal) return fail(node.refusal);
  const playwright = [
    join(root, 'node_modules', '@playwright', 'test', 'cli.js'),
    'test',
    ...projects.map((p) => `--project=${p}`),
  ];
  const command = [node.path, ...playwright, ...(json ? ['--reporter=json,list'] : []), ...rest];
  if (projects.includes('desktop') && needsDisplay)
    command.unshift('xvfb-run', '-a', '--server-args=-screen 0 1920x1080x24');
  const env = { LOCKSTEP_CHROMIUM: chromiumPath() ?? '', ...(json ? { PLAYWRIGHT_JSON_OUTPUT_NAME: json } : {}) };
  return run(command[0], command.slice(1), { env });
}

if (process.argv[1] === import.meta.filename) {
  const installed = await install();
  process.exitCode = installed === 0 ? await endToEnd(process.argv.slice(2)) : installed;
}

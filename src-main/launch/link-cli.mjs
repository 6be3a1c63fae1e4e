// The `postinstall`: npm does not link a package's own `bin`; this does, so that `./node_modules/.bin/lockstep` exists in
// a checkout. It also notes which lockfile is installed now, so that `npm start` and `npm test` need not install again.
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, writeInstallStamp } from './run.mjs';

const bin = join(root, 'node_modules', '.bin');
const launcher = join(root, 'src-main', 'launch', 'lockstep.mjs');
if (existsSync(join(root, 'node_modules')) && existsSync(launcher)) {
  mkdirSync(bin, { recursive: true });
  const link = join(bin, 'lockstep');
  rmSync(link, { force: true });
  if (process.platform === 'win32') writeFileSync(`${link}.cmd`, `@node "${launcher}" %*\r\n`);
  else {
    chmodSync(launcher, 0o755);
    symlinkSync(join('..', '..', 'src-main', 'launch', 'lockstep.mjs'), link);
  }
  writeInstallStamp();
}

// `npm run build`: the console, the preload and the desktop host into out/.
import { build, install } from './run.mjs';

const installed = await install();
process.exitCode = installed === 0 ? await build({ force: true }) : installed;

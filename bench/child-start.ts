/** Run by the scenario `start` in a process of its own: opens a server that its parent made, reads a block, says how long that took. */
import module from 'node:module';

const [directory, dataBytes, logHalfBytes, volumeId, codeCache] = process.argv.slice(2);
if (directory === undefined || volumeId === undefined || codeCache === undefined) throw new Error('started by the benchmark only');
// As the launcher does it.
module.enableCompileCache(codeCache);
const { soloSite } = await import('./site.ts');
const site = soloSite(directory, { dataBytes: Number(dataBytes), settings: { logHalfBytes: Number(logHalfBytes) } });
const openMs = performance.now();
await site.open();
await site.up.hostVolume(volumeId).read(0, 4096);
const servedMs = performance.now();
await site.up.hostVolume(volumeId).write(0, new Uint8Array(4096));
// `performance.now()` counts from the start of the process.
process.stdout.write(JSON.stringify({ execToFirstReadMs: servedMs, bootMs: servedMs - openMs, firstWriteMs: performance.now() - servedMs, rssBytes: process.memoryUsage().rss, volumes: site.up.volumes().length }));
module.flushCompileCache();
process.exit(0);

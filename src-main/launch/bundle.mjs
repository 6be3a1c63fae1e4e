// What the built console weighs, and that it loads nothing from elsewhere. Part of the test command, after the build:
// the JavaScript of the first paint (document, what it preloads, and the Overview page with all it imports) stays within
// its budget compressed, and no built file names a foreign address other than names of XML and links in error texts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fail, root } from './run.mjs';

const FIRST_PAINT_KB = 350;
const renderer = join(root, 'out', 'renderer');
const assets = join(renderer, 'assets');

/** Never fetched: XML namespaces, names of JSON Schema dialects, bases of relative URLs, and links printed in error messages of libraries. */
const NOT_LOADED = [
  /^http:\/\/www\.w3\.org\//,
  /^https?:\/\/json-schema\.org\/draft/,
  /^http:\/\/(localhost|orpc)\b/,
  /^https:\/\/github\.com\/ungap\/url-search-params/,
  /^https:\/\/reactflow\.dev(\/|$)/,
  /^https:\/\/(react\.dev|reactrouter\.com|react\.i18next\.com|www\.i18next\.com|mantine\.dev)\//,
];
/** Things that load: never with a foreign address, whatever the host. */
const LOADS =
  /(?:\b(?:src|href)=["']?|url\(["']?|\bimport\(["'`]|\bfrom["'`]|@import\s+["']?)(?:https?:)?\/\/[^"'`)\s>]+/g;

/** The files that must be there before the first page is drawn, by following static imports. */
function firstPaint() {
  const html = readFileSync(join(renderer, 'index.html'), 'utf8');
  const start = [...html.matchAll(/assets\/([\w.-]+\.js)/g)].map((match) => match[1]);
  const page = readdirSync(assets).filter((name) => /^OverviewPage-[\w-]+\.js$/.test(name));
  if (page.length === 0) throw new Error('bundle: the page that is seen first was not found; has it been renamed?');
  const seen = new Set();
  const queue = [...start, ...page];
  while (queue.length > 0) {
    const name = queue.pop();
    if (seen.has(name) || !existsSync(join(assets, name))) continue;
    seen.add(name);
    const text = readFileSync(join(assets, name), 'utf8');
    for (const match of text.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([\w.-]+\.js)["']/g)) queue.push(match[1]);
  }
  return [...seen];
}

export function checkBundle() {
  if (!existsSync(join(renderer, 'index.html'))) return fail('bundle: the console is not built (npm run build)');
  const first = firstPaint();
  const bytes = first.reduce((sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length, 0);
  const kilobytes = bytes / 1000;
  process.stdout.write(
    `first paint: ${kilobytes.toFixed(1)} kB of JavaScript compressed in ${first.length} files, at most ${FIRST_PAINT_KB}\n`,
  );
  const foreign = ['index.html', ...readdirSync(assets).map((name) => join('assets', name))].flatMap((name) => {
    const text = readFileSync(join(renderer, name), 'utf8');
    const named = [...text.matchAll(/https?:\/\/[\w.-]+[\w./-]*/g)].map((match) => match[0]);
    return [
      ...named.filter((url) => !NOT_LOADED.some((allowed) => allowed.test(url))),
      ...[...text.matchAll(LOADS)].map((match) => match[0]),
    ].map((what) => `${name}: ${what}`);
  });
  for (const line of foreign) process.stderr.write(`bundle: foreign address in ${line}\n`);
  const tooBig = kilobytes > FIRST_PAINT_KB;
  if (tooBig) process.stderr.write('bundle: the first paint is over its budget\n');
  return { code: tooBig || foreign.length > 0 ? 1 : 0, note: `first paint ${kilobytes.toFixed(0)} kB compressed` };
}

if (process.argv[1] === import.meta.filename) {
  const outcome = checkBundle();
  process.exitCode = typeof outcome === 'number' ? outcome : outcome.code;
}

// `npm test`: lint, types, layers, unit, simulation, crash, bench, build, e2e; one after the other, because an install or a build
// under a running test gives false failures. `npm test -- --grep X` runs the tests whose names match X and nothing else.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, fail, install, lockstepNode, root, run } from './run.mjs';
import { checkBundle } from './bundle.mjs';
import { endToEnd } from './e2e.mjs';

const args = process.argv.slice(2);
const grepAt = args.indexOf('--grep');
const grep = grepAt < 0 ? undefined : args[grepAt + 1];
const scratch = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
const totals = { passed: 0, failed: 0 };
const rows = [];
/** Full names of tests that said themselves that they cannot run here, and why. */
const notRun = [];

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function countVitest(file) {
  const report = readJson(file);
  const passed = report?.numPassedTests ?? 0;
  // A file that does not load has no tests to count, and is a failure all the same.
  const unloadable = (report?.testResults ?? []).filter(
    (r) => r.status === 'failed' && r.assertionResults.length === 0,
  ).length;
  const failed = (report?.numFailedTests ?? 0) + unloadable;
  totals.passed += passed;
  totals.failed += failed;
  const skipped = (report?.testResults ?? []).flatMap((r) =>
    r.assertionResults
      .filter((test) => ['skipped', 'pending', 'todo'].includes(test.status))
      .map((test) => test.fullName),
  );
  // A choice by name leaves everything else out: that is no news.
  if (grep === undefined) notRun.push(...skipped);
  return `${passed} passed, ${failed} failed${grep === undefined && skipped.length > 0 ? `, ${skipped.length} not run` : ''}`;
}

function countPlaywright(file) {
  const stats = readJson(file)?.stats;
  const passed = (stats?.expected ?? 0) + (stats?.flaky ?? 0);
  const failed = stats?.unexpected ?? 0;
  totals.passed += passed;
  totals.failed += failed;
  return `${passed} passed, ${failed} failed${stats?.flaky ? `, ${stats.flaky} of them only on retry` : ''}`;
}

const hasTests = (folder) =>
  existsSync(join(root, folder)) &&
  readdirSync(join(root, folder), { recursive: true }).some((f) => /\.(test|spec)\.tsx?$/.test(String(f)));

async function step(name, work) {
  process.stdout.write(`\n=== ${name}\n`);
  const startedAt = performance.now();
  const outcome = await work();
  const { code, note = '' } = typeof outcome === 'number' ? { code: outcome } : outcome;
  rows.push({ name, code, note, seconds: (performance.now() - startedAt) / 1000 });
}

const node = { path: process.execPath };
const tool = (script, toolArgs, env) =>
  run(node.path, [join(root, 'node_modules', ...script.split('/')), ...toolArgs], { env });

async function vitest(label, projects, extra = []) {
  const file = join(scratch, `${label}.json`);
  const code = await tool('vitest/vitest.mjs', [
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...extra,
  ]);
  return { code, note: countVitest(file) };
}

async function playwright(extra) {
  const file = join(scratch, 'playwright.json');
  const code = await endToEnd(extra, { json: file });
  return { code, note: countPlaywright(file) };
}

const noTests = (folder) => {
  process.stdout.write(`no tests in ${folder}\n`);
  return { code: 0, note: `not run (no tests in ${folder})` };
};

async function main() {
  const installed = await install();
  if (installed !== 0) return installed;
  const found = lockstepNode();
  if (found.refusal) return fail(found.refusal);
  node.path = found.path;

  if (grep !== undefined) {
    await step('vitest', () =>
      vitest('vitest', ['node', 'renderer', 'simulation', 'crash'], ['-t', grep, '--passWithNoTests']),
    );
    if (hasTests('e2e')) await step('e2e', () => playwright(['--grep', grep, '--pass-with-no-tests']));
  } else {
    await step('lint', () => tool('eslint/bin/eslint.js', ['.', '--max-warnings', '0']));
    await step('types', () => tool('typescript/bin/tsc', ['-p', '.', '--noEmit']));
    await step('layers', () => tool('dependency-cruiser/bin/dependency-cruiser.mjs', layers));
    await step('unit', () => vitest('unit', ['node', 'renderer']));
    await step('simulation (short)', () =>
      hasTests('test/simulation') ? vitest('simulation', ['simulation']) : noTests('test/simulation'),
    );
    await step('crash (short)', () => (hasTests('test/crash') ? vitest('crash', ['crash']) : noTests('test/crash')));
    // Shows that the benchmark runs and finds what it copied right; its figures mean nothing at this size.
    await step('bench (tiny)', () =>
      run(node.path, [...found.flags, join(root, 'bench', 'run.ts'), '--tiny', '--json', join(scratch, 'bench.json')]),
    );
    await step('build', () => build({ force: true }));
    await step('bundle', () => checkBundle());
    await step('e2e', () => (hasTests('e2e') ? playwright([]) : noTests('e2e')));
  }

  process.stdout.write(`\nNode ${process.version} started it, ${node.path} ran it, ${availableParallelism()} cores\n`);
  for (const { name, code, note, seconds } of rows) {
    process.stdout.write(
      `${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(20)} ${seconds.toFixed(1).padStart(6)} s  ${note}\n`,
    );
  }
  for (const name of notRun) process.stdout.write(`not run: ${name}\n`);
  const broken = rows.filter((row) => row.code !== 0);
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
  return broken.length === 0 && totals.failed === 0 ? 0 : 1;
}

const layers = [
  '--config',
  '.dependency-cruiser.cjs',
  '--output-type',
  'err-long',
  'src-engine',
  'src-main',
  'src-renderer',
];
process.exitCode = await main();
rmSync(scratch, { recursive: true, force: true });

/**
 * `npm run simulate -- [--seed N] [--seeds K] [--scenario NAME] [--minutes M] [--planted BUG] [--verbose] [--watch VOLUME:CELL]`
 *
 * `--seed N` alone replays that seed; with `--seeds K` it runs N..N+K-1; `--minutes M` goes on until the time is over.
 * Exit code 1 when a seed found a violation, or when a campaign of 1,000 seeds or more missed a required mark.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { PLANTED_BUGS, type PlantedBug } from '../../src-engine/runtime/index.ts';
import { runSeed, type SeedOptions } from './campaign.ts';
import { DIRECTED } from './directed/index.ts';
import { missingMarks, REQUIRED_MARKS } from './marks.ts';
import { PROFILES } from './nemesis.ts';

const TRACE_TAIL = 40;
const SEEDS_THAT_MUST_COVER = 1000;
const SEEDS_PER_TURN = 8;

interface SeedReport {
  readonly seed: number;
  readonly violation: string | null;
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly marks: readonly (readonly [string, number])[];
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' }, seeds: { type: 'string' }, scenario: { type: 'string' }, minutes: { type: 'string' },
    planted: { type: 'string' }, verbose: { type: 'boolean', default: false }, watch: { type: 'string' }, child: { type: 'boolean', default: false },
  },
});

function numberOf(text: string | undefined, name: string, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) fail(`--${name} takes a number, not ${text}`);
  return value;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function seedOptions(): SeedOptions {
  const { scenario, planted, watch } = values;
  const sequence = DIRECTED.find((name) => name === scenario);
  const profile = PROFILES.find((name) => name === scenario);
  if (scenario !== undefined && sequence === undefined && profile === undefined) fail(`no scenario ${scenario}; there are ${[...PROFILES, ...DIRECTED].join(', ')}`);
  if (planted !== undefined && !(PLANTED_BUGS as readonly string[]).includes(planted)) fail(`no planted bug ${planted}; there are ${PLANTED_BUGS.join(', ')}`);
  const [volume, cell] = watch?.split(':') ?? [];
  return {
    verbose: values.verbose,
    ...(profile === undefined ? {} : { profile }),
    ...(sequence === undefined ? {} : { directed: sequence }),
    ...(planted === undefined ? {} : { planted: new Set([planted as PlantedBug]) }),
    ...(volume === undefined || cell === undefined ? {} : { watch: { volume, cell: Number(cell) } }),
  };
}

async function runOne(seed: number, options: SeedOptions): Promise<SeedReport> {
  const { violation, trace, virtualMs, marks } = await runSeed(seed, options);
  return { seed, violation, trace: violation === null ? [] : trace.slice(-TRACE_TAIL), virtualMs, marks: [...marks] };
}

const marks = new Map<string, number>();
let seedsRun = 0;
let virtualMs = 0;
let violations = 0;

function take(report: SeedReport): void {
  seedsRun++;
  virtualMs += report.virtualMs;
  for (const [mark, count] of report.marks) marks.set(mark, (marks.get(mark) ?? 0) + count);
  if (report.violation === null) return;
  violations++;
  const extra = [values.scenario === undefined ? '' : ` --scenario ${values.scenario}`, values.planted === undefined ? '' : ` --planted ${values.planted}`].join('');
  process.stdout.write(`\nseed ${String(report.seed)}: ${report.violation}\n${report.trace.map((line) => `  ${line}`).join('\n')}\nreplay: npm run -s simulate -- --seed ${String(report.seed)}${extra}\n\n`);
}

/** Children take seeds by turns, so that one slow seed holds up nobody. */
async function runInChildren(next: () => number | null): Promise<void> {
  const work = async (): Promise<void> => {
    const child = fork(new URL(import.meta.url), [...process.argv.slice(2), '--child'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const give = (): void => {
      const batch: number[] = [];
      for (let seed = next(); seed !== null; seed = batch.length < SEEDS_PER_TURN ? next() : null) batch.push(seed);
      if (batch.length === 0) child.disconnect();
      else child.send(batch);
    };
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: SeedReport | 'done') => {
        if (message === 'done') give();
        else take(message);
      });
      child.on('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`a child ended with ${String(code)}`));
      });
      give();
    });
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, work));
}

function serveAsChild(options: SeedOptions): void {
  process.on('message', (batch: readonly number[]) => {
    void (async () => {
      for (const seed of batch) process.send?.(await runOne(seed, options));
      process.send?.('done');
    })();
  });
}

async function main(): Promise<void> {
  const options = seedOptions();
  if (values.child) return serveAsChild(options);
  const minutes = numberOf(values.minutes, 'minutes', 0);
  const first = numberOf(values.seed, 'seed', 1);
  const count = numberOf(values.seeds, 'seeds', values.seed !== undefined && minutes === 0 ? 1 : minutes > 0 ? Number.POSITIVE_INFINITY : 100);
  const untilMs = minutes > 0 ? Date.now() + minutes * 60_000 : Number.POSITIVE_INFINITY;
  let given = 0;
  const next = (): number | null => (given >= count || Date.now() >= untilMs ? null : first + given++);
  if (count > SEEDS_PER_TURN) await runInChildren(next);
  else for (let seed = next(); seed !== null; seed = next()) take(await runOne(seed, options));
  const missing = missingMarks(marks);
  if (seedsRun > 1 && missing.length > 0) process.stdout.write(`marks not reached: ${missing.join(', ')}\n`);
  process.stdout.write(`${String(seedsRun)} seeds, ${(virtualMs / 3_600_000).toFixed(2)} virtual hours, ${String(REQUIRED_MARKS.length - missing.length)} marks of ${String(REQUIRED_MARKS.length)}, ${String(violations)} violations\n`);
  process.exit(violations > 0 || (seedsRun >= SEEDS_THAT_MUST_COVER && missing.length > 0) ? 1 : 0);
}

await main();

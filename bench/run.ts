/**
 * The benchmark: `npm run bench -- [--tiny] [--only NAME[,NAME]] [--check] [--rounds N] [--dir DIRECTORY] [--json FILE]`.
 * Every figure is a ratio between things measured in this run, in turns, or a bound with a unit; see docs/performance.md.
 */
import fs from 'node:fs';
import os from 'node:os';
import nodePath from 'node:path';
import { parseArgs } from 'node:util';
import { number, rowOf, table, valueOf, verdictOf, type Figure, type Scale, type Scenario } from './figure.ts';
import { consistencyPoint } from './scenarios/consistency-point.ts';
import { failover } from './scenarios/failover.ts';
import { fullSync } from './scenarios/full-sync.ts';
import { memory } from './scenarios/memory.ts';
import { parity } from './scenarios/parity.ts';
import { reads } from './scenarios/read.ts';
import { resync } from './scenarios/resync.ts';
import { sequential } from './scenarios/sequential.ts';
import { start } from './scenarios/start.ts';
import { writes } from './scenarios/write.ts';
import { stallFigure } from './stalls.ts';

const SCENARIOS: readonly Scenario[] = [writes, sequential, reads, fullSync, resync, failover, consistencyPoint, start, memory, parity];
const TMPFS_MAGIC = 0x0102_1994;

const { values } = parseArgs({
  options: {
    tiny: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    dir: { type: 'string' },
    json: { type: 'string' },
  },
});

const names = values.only?.split(',') ?? SCENARIOS.map((scenario) => scenario.name);
const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
const rounds = Number(values.rounds ?? (values.tiny ? 1 : 5));
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`usage: npm run bench -- [--tiny] [--check] [--only NAME[,NAME]] [--rounds N] [--dir DIRECTORY] [--json FILE]\nnames: ${SCENARIOS.map((s) => s.name).join(', ')}\n`);
  process.exit(2);
}
const scale: Scale = { tiny: values.tiny, rounds, roundMs: values.tiny ? 50 : 1000 };
const base = fs.mkdtempSync(nodePath.join(values.dir ?? os.tmpdir(), 'lockstep-bench-'));
if (fs.statfsSync(base).type === TMPFS_MAGIC) process.stderr.write('warning: the directory is in memory (tmpfs): every sync is free and the ratios mean nothing; use --dir\n');

// What a run leaves behind is some gigabytes: also when it is stopped.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    fs.rmSync(base, { recursive: true, force: true });
    process.exit(130);
  });
}

const figures: (Figure & { readonly scenario: string })[] = [];
try {
  for (const scenario of SCENARIOS.filter((each) => names.includes(each.name))) {
    const directory = nodePath.join(base, scenario.name);
    fs.mkdirSync(directory);
    const startMs = performance.now();
    const measured = await scenario.run(directory, scale);
    process.stderr.write(`${scenario.name}: ${number((performance.now() - startMs) / 1000)} s\n`);
    figures.push(...measured.map((figure) => ({ ...figure, scenario: scenario.name })));
    fs.rmSync(directory, { recursive: true, force: true });
  }
  const stalls = await stallFigure();
  if (stalls !== null) figures.push({ ...stalls, scenario: 'stall' });
} finally {
  fs.rmSync(base, { recursive: true, force: true });
}

process.stdout.write(`${table(figures.map(rowOf))}\n`);
const under = figures.filter((figure) => verdictOf(figure) === 'UNDER FLOOR');
const met = figures.filter((figure) => verdictOf(figure) === 'goal met');
const machine = { node: process.version, cpus: os.cpus().length, cpu: os.cpus()[0]?.model ?? 'unknown', loadAverage: os.loadavg(), kernel: os.release() };
const json = {
  format: 1, takenAt: new Date().toISOString(), machine, tiny: scale.tiny, rounds: scale.rounds,
  figures: figures.map((figure) => ({ ...figure, median: valueOf(figure), verdict: verdictOf(figure) })),
};
const jsonPath = values.json ?? nodePath.join(os.tmpdir(), 'lockstep-bench.json');
fs.writeFileSync(jsonPath, `${JSON.stringify(json, null, 2)}\n`);
process.stdout.write(`\n${String(figures.length)} figures: ${String(met.length)} met their goal, ${String(under.length)} under their floor; load ${machine.loadAverage.map((load) => load.toFixed(1)).join(' ')} on ${String(machine.cpus)} processors; written to ${jsonPath}\n`);
if (scale.tiny) process.stdout.write('a tiny run shows only that the benchmark works; its figures mean nothing\n');
process.exit(values.check && under.length > 0 ? 1 : 0);

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Drill, DrillReport } from '../../../src-engine/contract/index.ts';
import { isLab, refusal, type DoorClient } from '../../engine/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { CommandFailure } from '../io.ts';
import { formatBytes, parseCount } from '../units.ts';

const POLL_MS = 250;

interface DrillOptions {
  readonly keep?: boolean;
  readonly seed?: number;
}

/** The main job in a terminal: crash the primary's site under load, fail over, come back, and prove what was kept. */
export function addDrill(program: Command, options: CliOptions): void {
  program
    .command('drill')
    .description('lose a site under load, fail over, resync back, fail back, and prove that nothing was lost')
    .option('--keep', 'keep the lab that was made for the drill')
    .option('--seed <n>', 'seed of the workload', parseCount)
    .action(async (own: DrillOptions, command: Command) => {
      const run = new Run(options, command);
      const named = run.options.lab ?? run.io.env['LOCKSTEP_LAB'];
      const scratch = named === undefined ? await mkdtemp(join(tmpdir(), 'lockstep-drill-')) : null;
      const directory = scratch === null ? resolve(run.io.cwd, named ?? '') : join(scratch, 'lab');
      try {
        await drill(run, options, directory, own);
      } finally {
        if (scratch !== null && own.keep !== true) await rm(scratch, { recursive: true, force: true });
        else if (scratch !== null) run.say(`The lab is kept in ${directory}`);
      }
    });
}

async function drill(run: Run, options: CliOptions, directory: string, own: DrillOptions): Promise<void> {
  run.say(`Lab ${directory}`);
  const connection = await options.connect({
    directory,
    ...(isLab(directory) ? {} : { create: { demo: 'two-site' as const } }),
  });
  let started: Drill | undefined;
  let interrupted = false;
  const release = run.io.onInterrupt(() => {
    interrupted = true;
  });
  try {
    started = await connection.client.drill.start(given({ seed: own.seed }));
    const last = await watch(run, connection.client, started, () => interrupted);
    if (last.report === null) {
      throw new CommandFailure(
        last.error ??
          refusal('drill/failed', `The drill ended as ${last.state} without a report.`, 'See: lockstep event list'),
      );
    }
    const { report } = last;
    run.print(report, () => reportText(report));
    if (report.verdict !== 'pass')
      throw new CommandFailure(
        last.error ?? refusal('drill/failed', 'The drill did not pass.', 'The report says what was lost.'),
      );
  } finally {
    release();
    await connection.close();
  }
}

/** Shows each step as it changes, until the drill ends. An interrupt ends the drill and cleans up. */
async function watch(run: Run, client: DoorClient, started: Drill, interrupted: () => boolean): Promise<Drill> {
  const shown = new Map<string, string>();
  let present = started;
  let cancelled = false;
  for (;;) {
    for (const step of present.steps) {
      const line =
        step.state === 'running'
          ? `... ${step.title}`
          : step.state === 'done'
            ? ` ok ${step.title}${factsOf(step)}`
            : step.state === 'failed'
              ? `FAILED ${step.title}${factsOf(step)}`
              : null;
      if (line === null || shown.get(step.id) === line) continue;
      shown.set(step.id, line);
      run.say(line);
    }
    if (present.state !== 'running' && present.state !== 'waiting') return present;
    if (interrupted() && !cancelled) {
      cancelled = true;
      run.say('Ending the drill and cleaning up ...');
      present = await client.drill.cancel({ drill: started.id });
      continue;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    present = (await client.drill.status({ drill: started.id })) ?? present;
  }
}

const factsOf = (step: Drill['steps'][number]): string =>
  step.facts.length === 0 ? '' : `: ${step.facts.map((fact) => `${fact.label} ${fact.value}`).join(', ')}`;

function reportText(report: DrillReport): string {
  return [
    `Verdict: ${report.verdict}`,
    `Acknowledged writes ${report.acknowledgedWrites}; lost ${report.lostWrites}, torn ${report.tornWrites}, RPO ${report.rpoWrites} writes, RTO ${report.rtoMs.toFixed(0)} ms`,
    `Crash in consistency point ${report.crash.cp}, phase ${report.crash.phase}`,
    `Failover: ${report.failover.replayedRecords} records replayed in ${report.failover.ms.toFixed(0)} ms`,
    `Reverse resync: ${report.reverseResync.regionsDiffering} regions differed, ${formatBytes(report.reverseResync.bytesCopied)} of ${formatBytes(report.reverseResync.bytesVolume)} copied in ${report.reverseResync.ms.toFixed(0)} ms`,
    `Checksums ${report.checksums.source === report.checksums.destination ? 'equal' : 'DIFFER'}: ${report.checksums.source}`,
    `Seed ${report.seed}`,
  ].join('\n');
}

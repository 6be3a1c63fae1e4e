import { Option, type Command } from 'commander';
import type { Profile } from '../../../src-engine/contract/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { table } from '../io.ts';
import { parseCount, parseNumber } from '../units.ts';

interface StartOptions {
  readonly volume: string;
  readonly profile?: Profile;
  readonly queueDepth?: number;
  readonly rate?: number;
  readonly readPercent?: number;
}

export function addWorkloads(program: Command, options: CliOptions): void {
  const workload = program.command('workload').description('verified load on volumes');
  workload
    .command('start')
    .description('start a verified workload; returns when it runs')
    .requiredOption('--volume <volume>')
    .addOption(new Option('--profile <profile>').choices(['sequential', 'random', 'mixed', 'hot-spot']))
    .option('--queue-depth <n>', 'operations in flight', parseCount)
    .option('--rate <n>', 'operations a second', parseNumber)
    .option('--read-percent <n>', 'share of reads', parseCount)
    .action(async (own: StartOptions, command: Command) => {
      const run = new Run(options, command);
      const input = given({
        volume: own.volume,
        profile: own.profile,
        queueDepth: own.queueDepth,
        ratePerSecond: own.rate,
        readPercent: own.readPercent,
      });
      await run.with(async (client, connection) => {
        const started = await client.workload.start(input);
        if (connection.own)
          run.say('No host serves this lab: the workload ends with this command. Run "lockstep serve" first.');
        run.print(started);
      });
    });
  workload
    .command('stop')
    .description('stop one workload, or all')
    .argument('[workload]')
    .action(async (id: string | undefined, _own, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.workload.stop(given({ workload: id }))));
    });
  workload
    .command('list')
    .description('all workloads, in order of creation')
    .action(async (_own, command: Command) => {
      const run = new Run(options, command);
      const items = await run.with((client) => client.workload.list({}));
      run.print(items, () =>
        table(
          ['id', 'volume', 'profile', 'state', 'acknowledged', 'verified', 'failed', 'ops/s'],
          items.map((w) => [
            w.id,
            w.volume,
            w.profile,
            w.state,
            w.acknowledgedWrites,
            w.verifiedReads,
            w.failedOperations,
            Math.round(w.operationsPerSecond),
          ]),
        ),
      );
    });
  workload
    .command('audit')
    .description('read back every acknowledged write; without argument of all ledgers')
    .argument('[workload]')
    .option('--volume <volume>')
    .action(async (id: string | undefined, own: { volume?: string }, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.workload.audit(given({ workload: id, volume: own.volume }))));
    });
}

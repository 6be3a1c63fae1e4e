import { Argument, type Command } from 'commander';
import { FAULT_KINDS, type FaultKind, type FaultSpec } from '../../../src-engine/contract/index.ts';
import { refusal } from '../../engine/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { CommandFailure, EXIT, table } from '../io.ts';
import { parseNumber, parseSize } from '../units.ts';

interface InjectOptions {
  readonly ms?: number;
  readonly bandwidth?: number;
  readonly seconds?: number;
}

const usage = (message: string): CommandFailure =>
  new CommandFailure(refusal('cli/usage', message, 'See: lockstep fault inject --help'), EXIT.usage);

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw usage(`${what} is missing.`);
  return value;
}

function specOf(kind: FaultKind, target: string | undefined, own: InjectOptions): FaultSpec {
  switch (kind) {
    case 'server-crash':
      return { kind, server: need(target, 'The server') };
    case 'site-loss':
      return { kind, site: need(target, 'The site') };
    case 'link-cut':
      return { kind, link: need(target, 'The link') };
    case 'link-latency':
      return { kind, link: need(target, 'The link'), latencyMs: need(own.ms, '--ms') };
    case 'link-bandwidth':
      return { kind, link: need(target, 'The link'), bytesPerSecond: need(own.bandwidth, '--bandwidth') };
    case 'lab-power-loss':
      if (target !== undefined) throw usage('lab-power-loss takes no target.');
      return { kind };
    case 'clock-jump':
      if (target !== undefined) throw usage('clock-jump takes no target.');
      return { kind, seconds: need(own.seconds, '--seconds') };
  }
}

export function addFaults(program: Command, options: CliOptions): void {
  const fault = program.command('fault').description('break things, and heal them');
  fault
    .command('inject')
    .description('break something; returns when it is broken')
    .addArgument(new Argument('<kind>', 'what happens').choices(FAULT_KINDS))
    .argument('[target]', 'server, site or link')
    .option('--ms <n>', 'latency, for link-latency', parseNumber)
    .option('--bandwidth <rate>', 'bytes a second, for link-bandwidth', parseSize)
    .option('--seconds <n>', 'for clock-jump; may be negative', parseNumber)
    .action(async (kind: FaultKind, target: string | undefined, own: InjectOptions, command: Command) => {
      const run = new Run(options, command);
      const spec = specOf(kind, target, own);
      await run.with(async (client) => {
        const confirm = run.options.yes === true ? (target ?? (await client.lab.info({})).name) : undefined;
        run.print(await client.fault.inject(given({ fault: spec, confirm })));
      });
    });
  fault
    .command('list')
    .description('what is broken now')
    .action(async (_own, command: Command) => {
      const run = new Run(options, command);
      const items = await run.with((client) => client.fault.list({}));
      run.print(items, () =>
        table(
          ['id', 'kind', 'subject', 'since', 'what'],
          items.map((f) => [f.id, f.kind, f.subject, f.injectedAt, f.message]),
        ),
      );
    });
  fault
    .command('clear')
    .description('heal one fault, or all')
    .argument('[fault]')
    .option('--all', 'everything')
    .action(async (id: string | undefined, own: { all?: boolean }, command: Command) => {
      const run = new Run(options, command);
      if ((id === undefined) === (own.all !== true))
        throw new CommandFailure(
          refusal('cli/usage', 'Say one fault or --all.', 'See: lockstep fault list'),
          EXIT.usage,
        );
      run.print(await run.with((client) => client.fault.clear(given({ fault: id }))));
    });
}

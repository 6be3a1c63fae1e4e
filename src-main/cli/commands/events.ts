import { Option, type Command } from 'commander';
import { SEVERITIES, type LabEvent, type Severity } from '../../../src-engine/contract/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { refusal } from '../../engine/index.ts';
import { CommandFailure, EXIT, table } from '../io.ts';
import { parseCount } from '../units.ts';

interface FilterOptions {
  readonly after?: number;
  readonly limit?: number;
  readonly severity?: Severity;
  readonly subject?: string;
  readonly kind?: string;
  readonly open?: boolean;
}

const line = (event: LabEvent): string =>
  `${event.id}  ${event.at}  ${event.severity.padEnd(8)} ${event.kind}  ${event.subject}  ${event.message}${event.acknowledged === undefined ? '' : `  (acknowledged by ${event.acknowledged.by})`}`;

export function addEvents(program: Command, options: CliOptions): void {
  const event = program.command('event').description('what happened');
  const filtered = (name: string, about: string): Command =>
    event
      .command(name)
      .description(about)
      .option('--after <id>', 'only later ones', parseCount)
      .addOption(new Option('--severity <severity>', 'this severe or more').choices(SEVERITIES))
      .option('--subject <subject>', 'such as mirror/payroll, or mirror')
      .option('--kind <kind>', 'such as fault/injected, or fault')
      .option('--open', 'only alerts that nobody acknowledged');

  filtered('list', 'a page of events, oldest first')
    .option('--limit <n>', 'at most so many (100)', parseCount)
    .action(async (own: FilterOptions, command: Command) => {
      const run = new Run(options, command);
      const input = given({
        after: own.after,
        severity: own.severity,
        subject: own.subject,
        kind: own.kind,
        open: own.open,
        limit: own.limit ?? 100,
      });
      const page = await run.with((client) => client.event.list(input));
      const events = page.events.toSorted((a, b) => a.id - b.id);
      run.print(events, () => events.map(line).join('\n'));
    });
  filtered('follow', 'events as they happen, one a line, until interrupted').action(
    async (own: FilterOptions, command: Command) => {
      const run = new Run(options, command);
      await run.with(async (client) => {
        const stop = new AbortController();
        const release = run.io.onInterrupt(() => stop.abort());
        try {
          const input = given({
            after: own.after,
            severity: own.severity,
            subject: own.subject,
            kind: own.kind,
            open: own.open,
          });
          for await (const item of await client.event.follow(input, { signal: stop.signal })) {
            run.io.out(`${run.options.json === true ? JSON.stringify(item) : line(item)}\n`);
          }
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        } finally {
          release();
        }
      });
    },
  );
  event
    .command('ack')
    .description('acknowledge alerts (events of severity warning or more)')
    .argument('[ids...]', 'ids of events', (text: string, before: number[] | undefined) => [
      ...(before ?? []),
      parseCount(text),
    ])
    .option('--all', 'all that there are now')
    .action(async (ids: number[] | undefined, own: { all?: boolean }, command: Command) => {
      const run = new Run(options, command);
      if ((ids === undefined || ids.length === 0) !== (own.all === true))
        throw new CommandFailure(
          refusal('cli/usage', 'Name the ids of alerts, or say --all.', 'List them with: lockstep event list --open'),
          EXIT.usage,
        );
      const answer = await run.with(async (client) => {
        if (own.all !== true) return client.event.acknowledge({ events: ids ?? [] });
        const { lastId } = await client.event.list({ limit: 1 });
        return lastId === 0 ? { acknowledged: 0 } : client.event.acknowledge({ through: lastId });
      });
      run.print(answer, () => `${answer.acknowledged} acknowledged`);
    });
  program
    .command('metrics')
    .description('all counters and gauges now')
    .action(async (_own, command: Command) => {
      const run = new Run(options, command);
      const snapshot = await run.with((client) => client.metrics.snapshot({}));
      run.print(snapshot, () =>
        table(
          ['metric', 'labels', 'value'],
          snapshot.families.flatMap((f) =>
            f.samples.map((s) => [
              f.name,
              Object.entries(s.labels)
                .map(([k, v]) => `${k}=${v}`)
                .join(' '),
              s.value,
            ]),
          ),
        ),
      );
    });
}

import type { Command } from 'commander';
import type { CliOptions } from '../program.ts';
import { jobText, Run } from '../context.ts';
import { table } from '../io.ts';

export function addJobs(program: Command, options: CliOptions): void {
  const job = program.command('job').description('long work');
  job
    .command('list')
    .description('jobs, in order of creation')
    .action(async (_own, command: Command) => {
      const run = new Run(options, command);
      const items = await run.with((client) => client.job.list({}));
      run.print(items, () =>
        table(
          ['id', 'kind', 'subject', 'state', 'progress', 'phase'],
          items.map((j) => [
            j.id,
            j.kind,
            j.subject,
            j.state,
            j.progress === null ? null : `${Math.round(j.progress * 100)} %`,
            j.phase,
          ]),
        ),
      );
    });
  const one = (name: string, about: string): Command => job.command(name).description(about).argument('<job>');
  one('show', 'one job').action(async (id: string, _own, command: Command) => {
    const run = new Run(options, command);
    const found = await run.with((client) => client.job.show({ job: id }));
    run.print(found, () => jobText(found));
  });
  one('wait', 'wait until it is finished').action(async (id: string, _own, command: Command) => {
    const run = new Run(options, command);
    await run.with(async (client) => run.finish(client, await client.job.show({ job: id })));
  });
  for (const [name, about] of [
    ['cancel', 'cancel it'],
    ['pause', 'pause it'],
    ['resume', 'let it go on'],
  ] as const) {
    one(name, about).action(async (id: string, _own, command: Command) => {
      const run = new Run(options, command);
      const changed = await run.with((client) => client.job[name]({ job: id }));
      run.print(changed, () => jobText(changed));
    });
  }
}

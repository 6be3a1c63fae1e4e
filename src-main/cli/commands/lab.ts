import type { Command } from 'commander';
import { Option } from 'commander';
import type { CheckReport } from '../../../src-engine/contract/index.ts';
import { refusal } from '../../engine/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { CommandFailure, EXIT, table } from '../io.ts';
import { formatBytes } from '../units.ts';

export function addLab(program: Command, options: CliOptions): void {
  const lab = program.command('lab').description('create, inspect and check a lab');

  lab
    .command('create')
    .description('make a new lab in the directory')
    .addOption(new Option('--demo <name>', 'with the two-site demo in it').choices(['two-site']))
    .option('--empty', 'with nothing in it')
    .option('--name <name>', 'name of the lab')
    .action(async (own: { demo?: 'two-site'; empty?: boolean; name?: string }, command: Command) => {
      const run = new Run(options, command);
      if ((own.demo !== undefined) === (own.empty === true)) {
        throw new CommandFailure(
          refusal('cli/usage', 'Say either --demo two-site or --empty.', 'See: lockstep lab create --help'),
          EXIT.usage,
        );
      }
      const connection = await options.connect({
        directory: run.directory,
        create: given({ demo: own.demo, name: own.name }),
      });
      try {
        const [sites, volumes] = await Promise.all([
          connection.client.site.list({}),
          connection.client.volume.list({}),
        ]);
        run.print({
          lab: run.directory,
          sites: sites.map((site) => site.name),
          volumes: volumes.map((volume) => volume.name),
        });
      } finally {
        await connection.close();
      }
    });

  lab
    .command('info')
    .description('what the lab is')
    .action(async (_own, command: Command) => {
      const run = new Run(options, command);
      await run.with(async (client) => run.print(await client.lab.info({})));
    });

  lab
    .command('check')
    .description('check every persistent structure')
    .option('--repair', 'put right what redundancy gives back; without it nothing is changed')
    .action(async (own: { repair?: boolean }, command: Command) => {
      const run = new Run(options, command);
      const look = (): Promise<CheckReport> => run.with((client) => client.lab.check({}), true);
      const report = own.repair === true ? await repair(run, look) : await look();
      run.print(report, () => {
        const checked =
          report.checked === undefined
            ? ''
            : ` (${report.checked.files} files, ${report.checked.blocks} blocks, ${formatBytes(report.checked.bytes)})`;
        const rows = report.problems.map((problem) => [
          problem.file,
          problem.offset,
          problem.expected,
          problem.found,
          problem.action ?? '',
        ]);
        return `${report.verdict}${checked}${rows.length === 0 ? '' : `\n${table(['file', 'offset', 'expected', 'found', 'action'], rows)}`}`;
      });
      if (report.verdict === 'damaged') {
        const first = report.problems[0];
        throw new CommandFailure(
          refusal(
            'lab/damaged',
            `${report.problems.length} problems${first === undefined ? '' : `; the first is in ${first.file}`}.`,
            'The report on standard output lists them all.',
          ),
        );
      }
    });
}

/** Says what it is about to do, to a person who may still say no; then does it. */
async function repair(run: Run, look: () => Promise<CheckReport>): Promise<CheckReport> {
  const found = await look();
  if (found.verdict === 'clean') return found;
  run.say(
    [
      `${found.problems.length} problems were found. Repairing opens the lab, which replays its logs, and then`,
      '- writes blocks and parity that do not match their checksums anew, from the other disks of their group;',
      '- writes damaged copies of the topology anew.',
      'What no redundancy gives back stays as it is and is reported:',
      ...found.problems.map((problem) => `  ${problem.file}: expected ${problem.expected}, found ${problem.found}`),
    ].join('\n'),
  );
  if (run.io.interactive && run.options.json !== true && run.options.yes !== true) {
    const answer = await run.io.ask('Type "repair" to go on: ');
    if (answer !== 'repair')
      throw new CommandFailure(
        refusal('lab/confirmation-required', 'Nothing was repaired.', 'Type repair, or say --yes.'),
      );
  }
  return run.with((client) => client.lab.check({ repair: true }));
}

import { ORPCError } from '@orpc/client';
import { Command, CommanderError } from 'commander';
import { messageOf, refusal, refusalIn, type LabOpener } from '../engine/index.ts';
import type { Refusal } from '../../src-engine/contract/index.ts';
import { addChanges } from './commands/changes.ts';
import { addCompletion } from './commands/completion.ts';
import { addDrill } from './commands/drill.ts';
import { addEvents } from './commands/events.ts';
import { addFaults } from './commands/faults.ts';
import { addJobs } from './commands/jobs.ts';
import { addLab } from './commands/lab.ts';
import { addMirrors } from './commands/mirrors.ts';
import { addServe } from './commands/serve.ts';
import { addSettings } from './commands/settings.ts';
import { addTopology } from './commands/topology.ts';
import { addVolumes } from './commands/volumes.ts';
import { addWorkloads } from './commands/workloads.ts';
import type { Connect } from './connect.ts';
import type { CliDependencies } from './context.ts';
import { CommandFailure, EXIT, type Io } from './io.ts';

export interface CliOptions extends CliDependencies {
  readonly io: Io;
  readonly connect: Connect;
  readonly version: string;
  readonly openLab: LabOpener;
  readonly consoleRoot: string;
}

/** Every leaf takes the common options, before or after its own. */
function addCommonOptions(command: Command): void {
  if (command.commands.length > 0) {
    for (const child of command.commands) addCommonOptions(child);
    return;
  }
  command
    .option('--lab <dir>', 'directory of the lab (or LOCKSTEP_LAB)')
    .option('--json', 'one JSON document on standard output, nothing else')
    .option('-y, --yes', 'answer the typed confirmation')
    .option('--wait', 'wait for jobs (the default)', true)
    .option('--no-wait', 'return when the job is accepted');
}

export function buildProgram(options: CliOptions): Command {
  const program = new Command('lockstep')
    .description('A laboratory for storage replication')
    .version(options.version)
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeOut: (text) => options.io.out(text), writeErr: (text) => options.io.err(text) })
    .addHelpText('after', '\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 cannot reach the engine.');
  program.commandsGroup('Run:');
  addServe(program, options);
  addDrill(program, options);
  addLab(program, options);
  program.commandsGroup('What there is:');
  addTopology(program, options);
  addVolumes(program, options);
  program.commandsGroup('Replication:');
  addMirrors(program, options);
  program.commandsGroup('Trying it out:');
  addWorkloads(program, options);
  addFaults(program, options);
  program.commandsGroup('Watching:');
  addJobs(program, options);
  addEvents(program, options);
  addChanges(program, options);
  addSettings(program, options);
  addCompletion(program, options.io);
  addCommonOptions(program);
  inheritSettings(program);
  return program;
}

/** Sub-commands made with `command()` copy these, but groups were added before all were set. */
function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child);
  }
}

/** Runs one command line; resolves to the exit code. Throws nothing. */
export async function runCli(argv: readonly string[], options: CliOptions): Promise<number> {
  const json = argv.includes('--json');
  try {
    await buildProgram(options).parseAsync(argv, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its sentence itself, except where it was a success (help, version).
      return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    }
    const { data, exitCode } = explain(error);
    if (json) options.io.err(`${JSON.stringify({ error: data })}\n`);
    else options.io.err(`${data.code}: ${data.message}${data.hint === '' ? '' : `\n${data.hint}`}\n`);
    return exitCode;
  }
}

function explain(error: unknown): { data: Refusal; exitCode: number } {
  if (error instanceof CommandFailure) return { data: error.refusal, exitCode: error.exitCode };
  const inside = refusalIn(error);
  if (inside !== null) return { data: inside, exitCode: EXIT.refused };
  if (error instanceof ORPCError && error.code === 'BAD_REQUEST')
    return { data: badInput(error.data), exitCode: EXIT.usage };
  if (isLostConnection(error)) {
    return {
      data: refusal(
        'host/unreachable',
        'The host went away during the command.',
        'See whether it still runs, then try again.',
      ),
      exitCode: EXIT.unreachable,
    };
  }
  return {
    data: refusal('host/failed', messageOf(error), 'This is a bug in Lockstep; the log of the host says more.'),
    exitCode: EXIT.refused,
  };
}

function badInput(data: unknown): Refusal {
  const issues: unknown[] =
    typeof data === 'object' && data !== null && 'issues' in data && Array.isArray(data.issues) ? data.issues : [];
  const sentences = (issues as { path?: readonly PropertyKey[]; message?: string }[]).map(
    (issue) => `${(issue.path ?? []).map(String).join('.') || 'input'}: ${issue.message ?? 'invalid'}`,
  );
  return refusal(
    'input/invalid',
    sentences.length === 0 ? 'The input is not valid.' : sentences.join('; '),
    'See --help for what is accepted.',
  );
}

const isLostConnection = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'AbortError' || /ECONNRESET|EPIPE|was closed|not open|\[?(Client)?Peer/i.test(error.message));

import { InvalidArgumentError, type Command } from 'commander';
import { labSettingsSchema, type LabSettingName } from '../../../src-engine/contract/index.ts';
import type { CliOptions } from '../program.ts';
import { Run } from '../context.ts';
import { table } from '../io.ts';
import { parseCount, parseDurationMs, parseSize } from '../units.ts';

type Value = number | string | null;
type Setting = readonly [LabSettingName, Value];

/** `lab settings [--set NAME=VALUE]...`: a duration such as 10s, a size such as 1MiB, a word, or `default`. */
export function addSettings(program: Command, options: CliOptions): void {
  const lab = program.commands.find((command) => command.name() === 'lab');
  if (lab === undefined) throw new Error('no command group lab');
  lab
    .command('settings')
    .description('what is set of the lab, or set it')
    .option(
      '--set <name=value>',
      'set one, "default" for its default; may be repeated',
      (text: string, before: readonly Setting[]) => [...before, parse(text)],
      [],
    )
    .action(async (own: { set: readonly Setting[] }, command: Command) => {
      const run = new Run(options, command);
      const settings = Object.fromEntries(own.set);
      const view = await run.with((client) =>
        own.set.length === 0 ? client.lab.settings({}) : client.lab.set({ settings }),
      );
      run.print(view, () =>
        table(
          ['setting', 'value', 'default', 'from', 'to'],
          NAMES.map((name) => [
            name,
            view.settings[name],
            view.defaults[name],
            view.bounds[name]?.minimum ?? '',
            view.bounds[name]?.maximum ?? '',
          ]),
        ),
      );
    });
}

const NAMES = Object.keys(labSettingsSchema.shape) as LabSettingName[];

function parse(text: string): Setting {
  const at = text.indexOf('=');
  const name = NAMES.find((one) => one === text.slice(0, at));
  if (at < 1 || name === undefined)
    throw new InvalidArgumentError(`NAME=VALUE is wanted; the names are ${NAMES.join(', ')}`);
  return [name, parseValue(name, text.slice(at + 1))];
}

function parseValue(name: LabSettingName, text: string): Value {
  if (text === 'default') return null;
  if (name.endsWith('Ms')) return /^\d+$/.test(text) ? Number(text) : parseDurationMs(text);
  if (name.endsWith('BytesPerSecond')) return text === 'unlimited' ? 0 : parseSize(text);
  return name === 'keepEvents' ? parseCount(text) : text;
}

import { Option, type Command } from 'commander';
import {
  MIRROR_ACTIONS,
  type Job,
  type Mirror,
  type MirrorAction,
  type MirrorPreview,
  type SideName,
} from '../../../src-engine/contract/index.ts';
import type { DoorClient } from '../../engine/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { table } from '../io.ts';
import { printPreview } from '../preview.ts';
import { formatBytes } from '../units.ts';

const ABOUT: Readonly<Record<MirrorAction, string>> = {
  establish: 'full sync of the destination',
  resync: 'copy what differs; also lifts a fracture made by an administrator',
  fracture: 'stop mirroring and track changes',
  pause: 'pause the running sync',
  resume: 'resume the paused sync',
  switchover: 'swap roles; needs both sides',
  failover: 'promote the destination of a lost source',
  'reverse-resync': 'bring the old source up to date from the acting one',
  failback: 'swap roles back to where they belong',
  'overwrite-primary': 'overwrite the primary from the secondary',
  rollback: 'roll the copy back to its safety snapshot',
  resolve: 'resolve a split brain; the loser is kept as a snapshot',
  verify: 'compare both images',
  delete: 'delete the relationship; both volumes stay',
};

interface ActionOptions {
  readonly force?: boolean;
  readonly keep?: SideName;
  readonly preview?: boolean;
}

export function addMirrors(program: Command, options: CliOptions): void {
  const mirror = program.command('mirror').description('mirrors: state and actions');
  mirror
    .command('list')
    .description('all mirrors, in order of creation')
    .action(async (_own, command: Command) => {
      const run = new Run(options, command);
      const items = await run.with((client) => client.mirror.list({}));
      run.print(items, () =>
        table(
          ['name', 'state', 'condition', 'direction', 'acting', 'source', 'destination', 'lag'],
          items.map((m) => [
            m.name,
            m.imageState,
            m.conditions[0]?.code,
            m.direction,
            m.acting,
            side(m.source),
            side(m.destination),
            `${m.lag.writes} writes, ${formatBytes(m.lag.bytes)}`,
          ]),
        ),
      );
    });
  mirror
    .command('show')
    .description('one mirror')
    .argument('<mirror>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      const item = await run.with((client) => client.mirror.show({ mirror: name }));
      run.print(item, () => showText(item));
    });
  mirror
    .command('create')
    .description('pair two volumes of equal size')
    .argument('<name>')
    .requiredOption('--source <volume>')
    .requiredOption('--destination <volume>')
    .addOption(new Option('--policy <policy>', 'what a lost link means for writes').choices(['availability', 'strict']))
    .addOption(new Option('--recovery <how>', 'what happens when the link is back').choices(['auto', 'manual']))
    .option('--assume-equal', 'copy nothing: both volumes are equal already (verify tells whether they are)')
    .option('--preview', 'say what it would do, and do nothing')
    .action(
      async (
        name: string,
        own: {
          source: string;
          destination: string;
          policy?: Mirror['policy'];
          recovery?: Mirror['recovery'];
          assumeEqual?: boolean;
          preview?: boolean;
        },
        command: Command,
      ) => {
        const run = new Run(options, command);
        if (own.preview === true) {
          const { preview: _preview, ...asked } = own;
          return printPreview(run, await run.with((client) => client.mirror.previewCreate({ name, ...asked })));
        }
        const input = given({
          name,
          source: own.source,
          destination: own.destination,
          policy: own.policy,
          recovery: own.recovery,
          assumeEqual: own.assumeEqual,
          confirm:
            own.assumeEqual === true
              ? await run.confirmation(name, 'Nothing will be compared; a difference stays until a verify finds it.')
              : undefined,
        });
        run.print(await run.with((client) => client.mirror.create(input)));
      },
    );
  mirror
    .command('history')
    .description('state changes, newest first')
    .argument('<mirror>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      const items = await run.with((client) => client.mirror.history({ mirror: name }));
      run.print(items, () =>
        table(
          ['at', 'from', 'to', 'conditions', 'what'],
          items.map((h) => [h.at, h.from, h.to, h.conditions.join(','), h.message]),
        ),
      );
    });
  for (const action of MIRROR_ACTIONS) addAction(mirror, action, options);
}

const side = (one: Mirror['source']): string => `${one.volume}@${one.site}`;

function addAction(mirror: Command, action: MirrorAction, options: CliOptions): void {
  const command = mirror
    .command(action)
    .description(ABOUT[action])
    .argument('<mirror>')
    .option('--preview', 'say what would happen, and do nothing');
  if (action === 'failover') command.option('--force', 'always required: failover is for a lost source');
  if (action === 'resolve')
    command.addOption(
      new Option('--keep <side>', 'whose content survives').choices(['source', 'destination']).makeOptionMandatory(),
    );
  command.action(async (name: string, own: ActionOptions, self: Command) => {
    const run = new Run(options, self);
    await run.with((client) => act(run, client, name, action, own));
  });
}

async function act(
  run: Run,
  client: DoorClient,
  name: string,
  action: MirrorAction,
  own: ActionOptions,
): Promise<void> {
  const preview = await client.mirror.preview(given({ mirror: name, action, keep: own.keep }));
  if (own.preview === true) return run.print(preview, () => previewText(preview));
  const { id, name: fullName } = await client.mirror.show({ mirror: name });
  const wanted = preview.needsConfirmation || preview.refusal?.overridable === true;
  // `--yes` always hands the name over: whatever the state became meanwhile, the person has said yes.
  const ask = wanted || run.options.yes === true;
  const confirm = ask ? await run.confirmation(fullName, previewText(preview)) : undefined;
  await run.finish(client, await call(client, action, given({ mirror: id, confirm }), own));
}

function call(
  client: DoorClient,
  action: MirrorAction,
  input: { mirror: string; confirm?: string },
  own: ActionOptions,
): Promise<Job> {
  switch (action) {
    case 'failover':
      return client.mirror.failover({ ...input, force: own.force === true });
    case 'resolve':
      return client.mirror.resolve({ ...input, keep: own.keep ?? 'source' });
    case 'establish':
    case 'resync':
    case 'fracture':
    case 'pause':
    case 'resume':
    case 'switchover':
    case 'reverse-resync':
    case 'failback':
    case 'overwrite-primary':
    case 'rollback':
    case 'verify':
    case 'delete':
      return client.mirror[action](input);
  }
}

function previewText(preview: MirrorPreview): string {
  const lines =
    preview.refusal === null ? [] : [`${preview.refusal.code}: ${preview.refusal.message} ${preview.refusal.hint}`];
  lines.push(...preview.steps.map((step, index) => `${index + 1}. ${step}`));
  if (preview.winner !== null) lines.push(`Stays: ${side(preview.winner)}`);
  if (preview.overwritten !== null)
    lines.push(
      `Is overwritten: ${side(preview.overwritten)}, ${preview.overwritten.regions} regions, ${formatBytes(preview.overwritten.bytes)}`,
    );
  if (preview.loss !== null) lines.push(`Lost: ${preview.loss.text}`);
  if (preview.lastSafe !== null)
    lines.push(`Last safe write: sequence ${preview.lastSafe.sequence} of consistency point ${preview.lastSafe.cp}`);
  if (preview.kept !== null) lines.push(`Kept: ${preview.kept}`);
  if (preview.expectedSeconds !== null) lines.push(`Takes about ${Math.ceil(preview.expectedSeconds)} s`);
  return lines.join('\n');
}

function showText(mirror: Mirror): string {
  const rows = mirror.actions.map(({ action, allowed, refusal }) => [
    action,
    allowed ? 'yes' : 'no',
    refusal === undefined ? '' : `${refusal.code} ${refusal.message}`,
  ]);
  return [
    `${mirror.name}: ${mirror.imageState} (${mirror.conditions.map((c) => (c.cause === '' ? c.code : `${c.code}: ${c.cause}`)).join(', ') || 'no condition'})`,
    `${side(mirror.source)} -> ${side(mirror.destination)}, ${mirror.direction}, acting: ${mirror.acting ?? 'none'}, policy ${mirror.policy}, ${mirror.connection}`,
    `lag ${mirror.lag.writes} writes, ${formatBytes(mirror.lag.bytes)}, ${mirror.lag.seconds.toFixed(1)} s; fracture log ${mirror.fractureLog.dirty} of ${mirror.fractureLog.regions} regions`,
    table(['action', 'allowed', 'reason'], rows),
  ].join('\n');
}

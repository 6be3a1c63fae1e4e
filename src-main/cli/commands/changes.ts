import type { Command } from 'commander';
import type { DoorClient } from '../../engine/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';

interface Changeable {
  readonly noun: string;
  readonly show: (client: DoorClient, ref: string) => Promise<{ readonly id: string; readonly name: string }>;
  readonly rename: (client: DoorClient, ref: string, name: string) => Promise<object>;
  /** Absent where the noun has its own command for it. */
  readonly delete?: {
    readonly what: string;
    readonly run: (client: DoorClient, ref: string, confirm: string | undefined) => Promise<object>;
  };
}

const NOUNS: readonly Changeable[] = [
  {
    noun: 'site',
    show: (client, site) => client.site.show({ site }),
    rename: (client, site, name) => client.site.rename({ site, name }),
    delete: {
      what: 'It has to be empty.',
      run: (client, site, confirm) => client.site.delete(given({ site, confirm })),
    },
  },
  {
    noun: 'cluster',
    show: (client, cluster) => client.cluster.show({ cluster }),
    rename: (client, cluster, name) => client.cluster.rename({ cluster, name }),
    delete: {
      what: 'It has to be empty.',
      run: (client, cluster, confirm) => client.cluster.delete(given({ cluster, confirm })),
    },
  },
  {
    noun: 'server',
    show: (client, server) => client.server.show({ server }),
    rename: (client, server, name) => client.server.rename({ server, name }),
    delete: {
      what: 'Its log goes with it.',
      run: (client, server, confirm) => client.server.delete(given({ server, confirm })),
    },
  },
  {
    noun: 'link',
    show: (client, link) => client.link.show({ link }),
    rename: (client, link, name) => client.link.rename({ link, name }),
    delete: {
      what: 'Mirrors that need it lose their connection.',
      run: (client, link, confirm) => client.link.delete(given({ link, confirm })),
    },
  },
  {
    noun: 'array',
    show: (client, array) => client.array.show({ array }),
    rename: (client, array, name) => client.array.rename({ array, name }),
    delete: {
      what: 'Its image files are removed; its server restarts.',
      run: (client, array, confirm) => client.array.delete(given({ array, confirm })),
    },
  },
  {
    noun: 'pool',
    show: (client, pool) => client.pool.show({ pool }),
    rename: (client, pool, name) => client.pool.rename({ pool, name }),
    delete: {
      what: 'What its disks hold is gone; its slots become unused.',
      run: (client, pool, confirm) => client.pool.delete(given({ pool, confirm })),
    },
  },
  {
    noun: 'volume',
    show: (client, volume) => client.volume.show({ volume }),
    rename: (client, volume, name) => client.volume.rename({ volume, name }),
  },
  {
    noun: 'mirror',
    show: (client, mirror) => client.mirror.show({ mirror }),
    rename: (client, mirror, name) => client.mirror.rename({ mirror, name }),
  },
];

/** `<noun> rename NAME NEW-NAME` and `<noun> delete NAME`, for everything that has them; after all groups are there. */
export function addChanges(program: Command, options: CliOptions): void {
  for (const { noun, show, rename, delete: deletion } of NOUNS) {
    const group = program.commands.find((command) => command.name() === noun);
    if (group === undefined) throw new Error(`no command group ${noun}`);
    group
      .command('rename')
      .description(`give a ${noun} another name; its id and content stay`)
      .argument('<name>', 'name or id')
      .argument('<new-name>')
      .action(async (name: string, to: string, _own, command: Command) => {
        const run = new Run(options, command);
        run.print(await run.with((client) => rename(client, name, to)));
      });
    if (deletion === undefined) continue;
    group
      .command('delete')
      .description(`delete a ${noun}; refused while something is in it`)
      .argument('<name>', 'name or id')
      .action(async (name: string, _own, command: Command) => {
        const run = new Run(options, command);
        await run.with(async (client) => {
          const before = await show(client, name);
          const confirm = await run.confirmation(before.name, `${before.name} will be gone. ${deletion.what}`);
          run.print(await deletion.run(client, before.id, confirm));
        });
      });
  }
}

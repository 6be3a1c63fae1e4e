import { Option, type Command } from 'commander';
import type { Cluster, Link, Pool, Server, Site, StorageArray } from '../../../src-engine/contract/index.ts';
import type { DoorClient } from '../../engine/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { table, type Cell } from '../io.ts';
import { printPreview } from '../preview.ts';
import { formatBytes, parseCount, parseDurationMs, parseSize } from '../units.ts';

interface Noun {
  readonly name: string;
  readonly about: string;
  list(client: DoorClient): Promise<readonly object[]>;
  show(client: DoorClient, ref: string): Promise<object>;
  readonly columns: readonly string[];
  row(item: never): readonly Cell[];
}

interface Items {
  readonly site: Site;
  readonly cluster: Cluster;
  readonly server: Server;
  readonly link: Link;
  readonly array: StorageArray;
  readonly pool: Pool;
}
type Item<K extends keyof Items> = Items[K];

const NOUNS: readonly Noun[] = [
  {
    name: 'site',
    about: 'failure domains',
    list: (client) => client.site.list({}),
    show: (client, site) => client.site.show({ site }),
    columns: ['name', 'state', 'servers', 'arrays', 'used', 'size'],
    row: (site: Item<'site'>) => [
      site.name,
      site.state,
      site.servers.join(','),
      site.arrays.join(','),
      formatBytes(site.usedBytes),
      formatBytes(site.sizeBytes),
    ],
  },
  {
    name: 'cluster',
    about: 'servers of one site that share arrays',
    list: (client) => client.cluster.list({}),
    show: (client, cluster) => client.cluster.show({ cluster }),
    columns: ['name', 'site', 'health', 'servers', 'arrays'],
    row: (cluster: Item<'cluster'>) => [
      cluster.name,
      cluster.site,
      cluster.health,
      cluster.servers.join(','),
      cluster.arrays.join(','),
    ],
  },
  {
    name: 'server',
    about: 'storage servers',
    list: (client) => client.server.list({}),
    show: (client, server) => client.server.show({ server }),
    columns: ['name', 'site', 'state', 'health', 'heartbeat', 'cp', 'log'],
    row: (server: Item<'server'>) => [
      server.name,
      server.site,
      server.state,
      server.health,
      server.heartbeatAgeMs === null ? null : `${server.heartbeatAgeMs} ms`,
      server.cp.committed,
      server.nvlog.halves
        .map((half) => `${Math.round((100 * half.usedBytes) / Math.max(1, half.sizeBytes))}% ${half.state}`)
        .join(', '),
    ],
  },
  {
    name: 'link',
    about: 'connections between sites',
    list: (client) => client.link.list({}),
    show: (client, link) => client.link.show({ link }),
    columns: ['name', 'sites', 'state', 'latency', 'bandwidth'],
    row: (link: Item<'link'>) => [
      link.name,
      link.sites.join(' - '),
      link.state,
      `${link.latencyMs} ms`,
      link.bandwidthBytesPerSecond === null ? 'unlimited' : `${formatBytes(link.bandwidthBytesPerSecond)}/s`,
    ],
  },
  {
    name: 'array',
    about: 'shelves of disks',
    list: (client) => client.array.list({}),
    show: (client, array) => client.array.show({ array }),
    columns: ['name', 'site', 'health', 'disks', 'pools'],
    row: (array: Item<'array'>) => [array.name, array.site, array.health, array.disks.length, array.pools.join(',')],
  },
  {
    name: 'pool',
    about: 'disks bound by a RAID level',
    list: (client) => client.pool.list({}),
    show: (client, pool) => client.pool.show({ pool }),
    columns: ['name', 'site', 'level', 'health', 'owner', 'used', 'free', 'size'],
    row: (pool: Item<'pool'>) => [
      pool.name,
      pool.site,
      pool.level,
      pool.health,
      pool.owner,
      formatBytes(pool.usedBytes),
      formatBytes(pool.freeBytes),
      formatBytes(pool.sizeBytes),
    ],
  },
];

/** `site|cluster|server|link|array|pool list|show|create|...` */
export function addTopology(program: Command, options: CliOptions): void {
  const groups = new Map<string, Command>();
  for (const noun of NOUNS) {
    const group = program.command(noun.name).description(noun.about);
    groups.set(noun.name, group);
    group
      .command('list')
      .description(`all ${noun.name}s, in order of creation`)
      .action(async (_own, command: Command) => {
        const run = new Run(options, command);
        const items = await run.with((client) => noun.list(client));
        run.print(items, () =>
          table(
            noun.columns,
            items.map((item) => noun.row(item as never)),
          ),
        );
      });
    group
      .command('show')
      .description(`one ${noun.name}`)
      .argument('<name>', 'name or id')
      .action(async (name: string, _own, command: Command) => {
        const run = new Run(options, command);
        run.print(await run.with((client) => noun.show(client, name)));
      });
  }
  const group = (name: string): Command => groups.get(name) ?? program;
  addCreate(group, options);
  addPower(group('server'), options);

  group('link')
    .command('set')
    .description('set the quality of a link')
    .argument('<link>')
    .option('--latency <duration>', 'one way, such as 10ms', parseDurationMs)
    .option('--bandwidth <rate>', 'bytes a second and direction, such as 100MiB, or "unlimited"', parseBandwidth)
    .action(async (link: string, own: { latency?: number; bandwidth?: number | null }, command: Command) => {
      const run = new Run(options, command);
      run.print(
        await run.with((client) =>
          client.link.set(given({ link, latencyMs: own.latency, bandwidthBytesPerSecond: own.bandwidth })),
        ),
      );
    });
}

interface ArrayOptions {
  readonly cluster: string;
  readonly disks: number;
  readonly diskSize: number;
  readonly preview?: boolean;
}

const parseBandwidth = (text: string): number | null => (text === 'unlimited' ? null : parseSize(text));

function addCreate(group: (name: string) => Command, options: CliOptions): void {
  group('site')
    .command('create')
    .description('a new site')
    .argument('<name>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.site.create({ name })));
    });
  group('cluster')
    .command('create')
    .description('a new cluster')
    .argument('<name>')
    .requiredOption('--site <site>')
    .action(async (name: string, own: { site: string }, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.cluster.create({ name, site: own.site })));
    });
  group('server')
    .command('create')
    .description('a new server')
    .argument('<name>')
    .requiredOption('--cluster <cluster>')
    .option('--log-half <size>', 'size of one half of its NVLOG', parseSize)
    .action(async (name: string, own: { cluster: string; logHalf?: number }, command: Command) => {
      const run = new Run(options, command);
      run.print(
        await run.with((client) =>
          client.server.create(given({ name, cluster: own.cluster, nvlogHalfBytes: own.logHalf })),
        ),
      );
    });
  group('link')
    .command('create')
    .description('a new link between two sites')
    .argument('<name>')
    .argument('<siteA>')
    .argument('<siteB>')
    .option('--latency <duration>', 'one way', parseDurationMs)
    .option('--bandwidth <rate>', 'bytes a second and direction, or "unlimited"', parseBandwidth)
    .action(
      async (
        name: string,
        a: string,
        b: string,
        own: { latency?: number; bandwidth?: number | null },
        command: Command,
      ) => {
        const run = new Run(options, command);
        const input = given({ name, latencyMs: own.latency, bandwidthBytesPerSecond: own.bandwidth });
        run.print(await run.with((client) => client.link.create({ ...input, sites: [a, b] })));
      },
    );
  group('array')
    .command('create')
    .description('a new array with its disks')
    .argument('<name>')
    .requiredOption('--cluster <cluster>')
    .requiredOption('--disks <count>', 'how many disks', parseCount)
    .requiredOption('--disk-size <size>', 'size of each', parseSize)
    .option('--preview', 'say what it would give, and do nothing')
    .action(async (name: string, own: ArrayOptions, command: Command) => {
      const run = new Run(options, command);
      if (own.preview === true) {
        const { cluster, disks, diskSize: diskSizeBytes } = own;
        return printPreview(
          run,
          await run.with((client) => client.array.preview({ name, cluster, disks, diskSizeBytes })),
        );
      }
      run.print(
        await run.with((client) =>
          client.array.create({ name, cluster: own.cluster, disks: own.disks, diskSizeBytes: own.diskSize }),
        ),
      );
    });
  group('pool')
    .command('create')
    .description('bind disks of an array into a pool')
    .argument('<name>')
    .requiredOption('--array <array>')
    .requiredOption('--owner <server>', 'the server that serves it')
    .addOption(
      new Option('--level <level>', 'RAID level')
        .choices(['raid0', 'raid1', 'raid10', 'raid5', 'raid6'])
        .makeOptionMandatory(),
    )
    .option('--slots <list>', 'slots such as 0,1,2; all unused ones when absent', (text: string) =>
      text.split(',').map(parseCount),
    )
    .option('--preview', 'say what it would give, and do nothing')
    .action(
      async (
        name: string,
        own: {
          array: string;
          owner: string;
          level: 'raid0' | 'raid1' | 'raid10' | 'raid5' | 'raid6';
          slots?: number[];
          preview?: boolean;
        },
        command: Command,
      ) => {
        const run = new Run(options, command);
        const input = given({ name, array: own.array, owner: own.owner, level: own.level, slots: own.slots });
        if (own.preview === true) return printPreview(run, await run.with((client) => client.pool.preview(input)));
        run.print(await run.with((client) => client.pool.create(input)));
      },
    );
}

function addPower(server: Command, options: CliOptions): void {
  server
    .command('power-off')
    .description('shut a server down gracefully')
    .argument('<server>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      await run.with(async (client) => {
        const before = await client.server.show({ server: name });
        const confirm = await run.confirmation(
          before.name,
          `${before.name} serves ${before.volumes} volumes; they stop.`,
        );
        run.print(await client.server.powerOff(given({ server: before.id, confirm })));
      });
    });
  server
    .command('power-on')
    .description('start a server')
    .argument('<server>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.server.powerOn({ server: name })));
    });
  server
    .command('skip-peer-wait')
    .description('serve now, without waiting longer for the absent peer')
    .argument('<server>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      await run.with(async (client) => {
        const before = await client.server.show({ server: name });
        const confirm = await run.confirmation(
          before.name,
          'The peer may have accepted writes meanwhile; then both copies will have changed.',
        );
        run.print(await client.server.skipPeerWait(given({ server: before.id, confirm })));
      });
    });
}

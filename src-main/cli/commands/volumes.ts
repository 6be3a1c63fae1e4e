import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { LIMITS } from '../../../src-engine/contract/index.ts';
import { refusal, type DoorClient } from '../../engine/index.ts';
import type { CliOptions } from '../program.ts';
import { given, Run } from '../context.ts';
import { CommandFailure, EXIT, table } from '../io.ts';
import { printPreview } from '../preview.ts';
import { formatBytes, parseCount, parseSize } from '../units.ts';

export function addVolumes(program: Command, options: CliOptions): void {
  const volume = program.command('volume').description('volumes and their content');
  volume
    .command('list')
    .description('all volumes, in order of creation')
    .action(async (_own, command: Command) => {
      const run = new Run(options, command);
      const items = await run.with((client) => client.volume.list({}));
      run.print(items, () =>
        table(
          ['name', 'size', 'used', 'site', 'owner', 'state', 'policy', 'mirror'],
          items.map((v) => [
            v.name,
            formatBytes(v.sizeBytes),
            formatBytes(v.usedBytes),
            v.site,
            v.owner,
            v.state,
            v.policy,
            v.mirror,
          ]),
        ),
      );
    });
  volume
    .command('show')
    .description('one volume')
    .argument('<volume>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.volume.show({ volume: name })));
    });
  volume
    .command('create')
    .description('a new volume')
    .argument('<name>')
    .requiredOption('--pool <pool>')
    .requiredOption('--size <size>', 'such as 64MiB; a multiple of 4096', parseSize)
    .action(async (name: string, own: { pool: string; size: number }, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.volume.create({ name, pool: own.pool, sizeBytes: own.size })));
    });
  volume
    .command('grow')
    .description('make a volume larger')
    .argument('<volume>')
    .requiredOption('--size <size>', 'the new size', parseSize)
    .option('--preview', 'say what it would do, and do nothing')
    .action(async (name: string, own: { size: number; preview?: boolean }, command: Command) => {
      const run = new Run(options, command);
      if (own.preview === true) {
        const input = { volume: name, action: 'grow', sizeBytes: own.size } as const;
        return printPreview(run, await run.with((client) => client.volume.preview(input)));
      }
      run.print(await run.with((client) => client.volume.grow({ volume: name, sizeBytes: own.size })));
    });
  volume
    .command('delete')
    .description('delete a volume and its content')
    .argument('<volume>')
    .option('--preview', 'say what it would do, and do nothing')
    .action(async (name: string, own: { preview?: boolean }, command: Command) => {
      const run = new Run(options, command);
      if (own.preview === true) {
        const input = { volume: name, action: 'delete' } as const;
        return printPreview(run, await run.with((client) => client.volume.preview(input)));
      }
      await run.with(async (client) => {
        const before = await client.volume.show({ volume: name });
        const confirm = await run.confirmation(
          before.name,
          `${formatBytes(before.usedBytes)} of content will be gone.`,
        );
        run.print(await client.volume.delete(given({ volume: before.id, confirm })));
      });
    });
  volume
    .command('acknowledge')
    .description('accept the loss of unflushed writes: the volume serves again with what is left')
    .argument('<volume>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      await run.with(async (client) => {
        const before = await client.volume.show({ volume: name });
        const confirm = await run.confirmation(before.name, before.cause ?? 'Nothing is known to be lost.');
        run.print(await client.volume.acknowledge(given({ volume: before.id, confirm })));
      });
    });
  volume
    .command('checksum')
    .description('SHA-256 of the content as a host would read it')
    .argument('<volume>')
    .action(async (name: string, _own, command: Command) => {
      const run = new Run(options, command);
      run.print(await run.with((client) => client.volume.checksum({ volume: name })));
    });
  volume
    .command('map')
    .description('what is mapped, dirty, fractured and shared, from the start of the volume to its end')
    .argument('<volume>')
    .option('--cells <count>', 'at most so many cells, up to 1024', parseCount)
    .action(async (name: string, own: { cells?: number }, command: Command) => {
      const run = new Run(options, command);
      const map = await run.with((client) => client.volume.map(given({ volume: name, cells: own.cells ?? 64 })));
      run.print(map, () => {
        const { mappedBytes, dirtyBytes, fracturedBytes, sharedBytes } = map.totals;
        return [
          `${map.volume}: ${formatBytes(map.sizeBytes)} in cells of ${formatBytes(map.cellBytes)} at consistency point ${map.cp}${map.exact ? '' : ', coarse'}`,
          `mapped    ${bar(map.mapped)} ${formatBytes(mappedBytes)}`,
          `dirty     ${bar(map.dirty)} ${formatBytes(dirtyBytes)}`,
          `fractured ${bar(map.fractured)} ${formatBytes(fracturedBytes)}`,
          `shared    ${bar(map.shared)} ${formatBytes(sharedBytes)}`,
        ].join('\n');
      });
    });
  addTransfer(volume, options);
}

/** One character a cell: a dot for nothing, then one to nine ninths. */
const bar = (shares: readonly number[]): string =>
  shares.map((share) => (share === 0 ? '.' : String(Math.max(1, Math.round(share * 9))))).join('');

function addTransfer(volume: Command, options: CliOptions): void {
  volume
    .command('import')
    .description('fill a volume from a file')
    .argument('<volume>')
    .argument('<file>')
    .action(async (name: string, file: string, _own, command: Command) => {
      const run = new Run(options, command);
      await run.with(async (client) =>
        run.finish(client, await client.volume.import({ volume: name, path: resolve(run.io.cwd, file) })),
      );
    });
  volume
    .command('export')
    .description('write the content to a file')
    .argument('<volume>')
    .argument('<file>')
    .option('--overwrite', 'replace the file if it exists')
    .action(async (name: string, file: string, own: { overwrite?: boolean }, command: Command) => {
      const run = new Run(options, command);
      await run.with(async (client) =>
        run.finish(
          client,
          await client.volume.export(
            given({ volume: name, path: resolve(run.io.cwd, file), overwrite: own.overwrite }),
          ),
        ),
      );
    });
  volume
    .command('read')
    .description('bytes to standard output (with --json: their length and SHA-256, and up to 4 MiB as base64)')
    .argument('<volume>')
    .requiredOption('--offset <size>', 'first byte', parseSize)
    .requiredOption('--length <size>', 'how many bytes', parseSize)
    .action(async (name: string, own: { offset: number; length: number }, command: Command) => {
      const run = new Run(options, command);
      await run.with((client) => read(run, client, name, own.offset, own.length));
    });
  volume
    .command('write')
    .description('bytes from standard input')
    .argument('<volume>')
    .requiredOption('--offset <size>', 'first byte', parseSize)
    .action(async (name: string, own: { offset: number }, command: Command) => {
      const run = new Run(options, command);
      await run.with((client) => write(run, client, name, own.offset));
    });
}

async function read(run: Run, client: DoorClient, volume: string, offset: number, length: number): Promise<void> {
  if (length === 0)
    throw new CommandFailure(refusal('cli/usage', 'A length of 0 reads nothing.', 'Say --length N.'), EXIT.usage);
  const asJson = run.options.json === true;
  const hash = createHash('sha256');
  let stand = { cp: 0, sequence: 0 };
  let first = '';
  for (let done = 0; done < length;) {
    const part = Math.min(LIMITS.transferBytes, length - done);
    const answer = await client.volume.read({ volume, offset: offset + done, length: part });
    const bytes = Buffer.from(answer.dataBase64, 'base64');
    stand = { cp: answer.cp, sequence: answer.sequence };
    if (!asJson) await run.io.outBytes(bytes);
    else {
      hash.update(bytes);
      if (length <= LIMITS.transferBytes) first = answer.dataBase64;
    }
    done += part;
  }
  if (asJson)
    run.print({ bytes: length, sha256: hash.digest('hex'), ...(first === '' ? {} : { dataBase64: first }), ...stand });
}

async function write(run: Run, client: DoorClient, volume: string, offset: number): Promise<void> {
  let bytes = 0;
  let sequence = 0;
  let held: Buffer = Buffer.alloc(0);
  const send = async (part: Buffer): Promise<void> => {
    const answer = await client.volume.write({ volume, offset: offset + bytes, dataBase64: part.toString('base64') });
    bytes += part.length;
    sequence = answer.sequence;
  };
  for await (const piece of run.io.input()) {
    held = Buffer.concat([held, piece]);
    for (; held.length >= LIMITS.transferBytes; held = held.subarray(LIMITS.transferBytes))
      await send(held.subarray(0, LIMITS.transferBytes));
  }
  if (held.length > 0) await send(held);
  if (bytes === 0)
    throw new CommandFailure(
      refusal('cli/usage', 'Standard input was empty.', 'Pipe the bytes to be written into this command.'),
      EXIT.usage,
    );
  run.print({ bytes, sequence });
}

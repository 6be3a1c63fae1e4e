/** A two-site lab with small volumes and small logs: consistency points follow each other, starts are quick. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DoorClient } from '../../src-main/engine/index.ts';
import { startHost, type Host } from './host.ts';

export const MIB = 2 ** 20;
export const VOLUME_BYTES = 16 * MIB;
export const VOLUMES = ['ledger', 'orders'] as const;

export function temporaryDirectory(prefix = 'lockstep-crash-'): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), prefix));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Sizes {
  readonly volumeBytes: number;
  readonly diskBytes: number;
  readonly logHalfBytes: number;
}

const USUAL: Sizes = { volumeBytes: VOLUME_BYTES, diskBytes: 32 * MIB, logHalfBytes: 4 * MIB };

/** Built through the contract, by a host that goes on running. */
export async function createSmallLab(directory: string, sizes: Sizes = USUAL): Promise<Host> {
  const host = await startHost(directory);
  try {
    await furnish(host.client, sizes);
    return host;
  } catch (error) {
    await host.kill();
    throw error;
  }
}

async function furnish(client: DoorClient, sizes: Sizes): Promise<void> {
  await client.host.create({ name: 'crash' });
  for (const [site, level, disks] of [
    ['north', 'raid6', 6],
    ['south', 'raid5', 4],
  ] as const) {
    await client.site.create({ name: site });
    await client.cluster.create({ name: site, site });
    await client.array.create({ name: `${site}-array`, cluster: site, disks, diskSizeBytes: sizes.diskBytes });
    await client.server.create({ name: `${site}-1`, cluster: site, nvlogHalfBytes: sizes.logHalfBytes });
    await client.pool.create({ name: `${site}-pool`, array: `${site}-array`, level, owner: `${site}-1` });
  }
  await client.link.create({ name: 'north-south', sites: ['north', 'south'] });
  for (const name of VOLUMES) {
    await client.volume.create({ name, pool: 'north-pool', sizeBytes: sizes.volumeBytes });
    await client.volume.create({ name: `${name}-copy`, pool: 'south-pool', sizeBytes: sizes.volumeBytes });
    await client.mirror.create({ name, source: name, destination: `${name}-copy` });
  }
  await synchronized(client);
}

/** Waits until every mirror rests at Synchronized, active; fails after `timeoutMs`. */
export async function synchronized(client: DoorClient, timeoutMs = 60_000): Promise<void> {
  await until(async () => {
    const mirrors = await client.mirror.list({});
    const apart = mirrors.filter(
      (one) => one.imageState !== 'Synchronized' || one.conditions.some(({ code }) => code !== 'Active'),
    );
    return apart.length === 0
      ? null
      : apart.map((one) => `${one.name} ${one.imageState} ${one.conditions.map((c) => c.code).join('+')}`).join(', ');
  }, timeoutMs);
}

/** Asks until the answer is null; fails with the last answer. */
export async function until(missing: () => Promise<string | null>, timeoutMs = 20_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const what = await missing();
    if (what === null) return;
    if (performance.now() > end) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Storage servers on real files in this process, joined by a `LinkNetwork` without latency: no HTTP, no host process. */
import { mkdirSync } from 'node:fs';
import nodePath from 'node:path';
import { Shelf } from '../src-engine/disk/index.ts';
import { DEFAULT_SERVER_SETTINGS, StorageServer, type HostVolume, type ServerEvent, type ServerSettings } from '../src-engine/lab/server/index.ts';
import { incarnate, LinkNetwork, type Incarnation, type Runtime } from '../src-engine/runtime/index.ts';
import { createNodeRuntime, nodeStorage } from '../src-engine/runtime/node/index.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const BLOCK = 4 * KIB;

export interface SiteSpec {
  readonly id: string;
  readonly level: 'raid0' | 'raid5' | 'raid6';
  readonly disks: number;
  readonly diskBytes: number;
}

/** No consistency point but the ones that a scenario asks for, or that a half-full log forces. */
export const NEVER_MS = 2 ** 30;

export class Site {
  readonly id: string;
  readonly events: ServerEvent[] = [];
  readonly #directory: string;
  readonly #network: LinkNetwork;
  readonly #spec: SiteSpec;
  readonly #settings: ServerSettings;
  readonly #runtime: Runtime;
  #life: { readonly incarnation: Incarnation; readonly server: StorageServer } | null = null;

  constructor(directory: string, network: LinkNetwork, spec: SiteSpec, settings: Partial<ServerSettings>) {
    this.id = spec.id;
    this.#directory = nodePath.join(directory, spec.id);
    this.#network = network;
    this.#spec = spec;
    this.#settings = { ...DEFAULT_SERVER_SETTINGS, ...settings };
    this.#runtime = createNodeRuntime();
    mkdirSync(this.#directory, { recursive: true });
  }

  get up(): StorageServer {
    if (this.#life === null) throw new Error(`${this.id} is down`);
    return this.#life.server;
  }

  get poolId(): string {
    return `pool-${this.id}`;
  }

  /** Makes the array and the pool, then serves. */
  async create(): Promise<void> {
    const { disks, diskBytes, level } = this.#spec;
    await this.#boot(false);
    const slots = Array.from({ length: disks }, (_, slot) => slot);
    await this.up.createPool({ id: this.poolId, name: this.poolId, arrayId: this.#arrayId, groups: [{ level, slots, unitBlocks: 16 }] });
    if (diskBytes % BLOCK !== 0) throw new Error('a disk is a multiple of 4 KiB');
  }

  /** Opens what `create` made. */
  open(): Promise<void> {
    return this.#boot(true);
  }

  get #arrayId(): string {
    return `array-${this.id}`;
  }

  async #boot(made: boolean): Promise<void> {
    const incarnation = incarnate({ ...this.#runtime, network: this.#network.endpoint(this.id) });
    const arrayStorage = incarnation.wrapStorage(nodeStorage(nodePath.join(this.#directory, 'array')));
    const disks = Array.from({ length: this.#spec.disks }, (_, slot) => ({ slot, sizeBytes: this.#spec.diskBytes }));
    const shelf = made ? await Shelf.open(arrayStorage) : await Shelf.create(arrayStorage, { arrayId: this.#arrayId, disks });
    const server = new StorageServer({
      id: this.id, name: this.id, site: this.id, runtime: incarnation.runtime,
      logStorage: incarnation.wrapStorage(nodeStorage(nodePath.join(this.#directory, 'server'))),
      shelves: new Map([[this.#arrayId, shelf]]),
      pools: made ? [{ poolId: this.poolId, arrayId: this.#arrayId }] : [],
      settings: this.#settings, nameOf: (id) => id, report: (event) => { this.events.push(event); },
    });
    this.#life = { incarnation, server };
    await server.boot();
    const { state } = server.status();
    if (state.kind === 'refused') throw new Error(`${this.id} does not serve: ${state.message}`);
  }

  /** The power is gone; resolves when the files are at rest. */
  async crash(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    this.#network.detach(this.id);
    life.incarnation.revoke();
    await life.incarnation.drained();
  }

  async shutdown(): Promise<void> {
    await this.#life?.server.shutdown();
    await this.crash();
  }

  async volume(id: string, sizeBytes: number): Promise<HostVolume> {
    await this.up.createVolume({ id, name: id, poolId: this.poolId, sizeBytes });
    return this.up.hostVolume(id);
  }
}

export interface Pair {
  readonly network: LinkNetwork;
  readonly north: Site;
  readonly south: Site;
  close(): Promise<void>;
}

/** Source on RAID-6 of six disks, destination on RAID-5 of four, as in the drill. Disks are sparse files. */
export async function makePair(directory: string, options: { readonly settings?: Partial<ServerSettings>; readonly dataBytes: number }): Promise<Pair> {
  const { clock, random } = createNodeRuntime();
  const network = new LinkNetwork(clock, random);
  const north = new Site(directory, network, { id: 'north', level: 'raid6', disks: 6, diskBytes: diskBytes(options.dataBytes, 4) }, options.settings ?? {});
  const south = new Site(directory, network, { id: 'south', level: 'raid5', disks: 4, diskBytes: diskBytes(options.dataBytes, 3) }, options.settings ?? {});
  await north.create();
  await south.create();
  return {
    network, north, south,
    close: async () => {
      await north.crash();
      await south.crash();
    },
  };
}

export async function makeSingle(directory: string, options: { readonly id?: string; readonly settings?: Partial<ServerSettings>; readonly dataBytes: number }): Promise<Site> {
  const site = soloSite(directory, options);
  await site.create();
  return site;
}

/** The site without opening or making anything: a child process opens what its parent made. */
export function soloSite(directory: string, options: { readonly id?: string; readonly settings?: Partial<ServerSettings>; readonly dataBytes: number }): Site {
  const { clock, random } = createNodeRuntime();
  const network = new LinkNetwork(clock, random);
  return new Site(directory, network, { id: options.id ?? 'solo', level: 'raid5', disks: 4, diskBytes: diskBytes(options.dataBytes, 3) }, options.settings ?? {});
}

/** Twice the room that the data need, so that no consistency point works in a nearly full pool. */
function diskBytes(dataBytes: number, dataDisks: number): number {
  return Math.ceil((2 * dataBytes) / dataDisks / MIB) * MIB + 64 * MIB;
}

/** Mirrors `volumeId` at north to `peerVolumeId` at south; resolves when they are synchronized, with the time of the sync alone. */
export async function mirror(pair: Pair, volumeId: string, peerVolumeId: string): Promise<{ readonly ms: number; readonly bytesCopied: number }> {
  const startedMs = performance.now();
  const outcome = await pair.north.up.createRelationship({
    id: `m-${volumeId}-${peerVolumeId}`, name: `m-${volumeId}-${peerVolumeId}`, volumeId, peerServerId: 'south', peerVolumeId, policy: 'availability', recovery: 'manual',
  });
  if (outcome.kind === 'refused') throw new Error(outcome.refusal.message);
  if (outcome.kind !== 'running') throw new Error('a full sync runs');
  const result = await outcome.finished;
  return { ms: performance.now() - startedMs, bytesCopied: Number(result['bytesCopied']) };
}

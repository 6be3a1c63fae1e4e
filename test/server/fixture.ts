import { Shelf } from '../../src-engine/disk/index.ts';
import { createSimulatedWorld, type SimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';
import type { PlantedBug, Runtime, Session } from '../../src-engine/runtime/index.ts';
import { DEFAULT_SERVER_SETTINGS, StorageServer, type CpPhase, type CpSummary, type ServerEvent, type ServerSettings } from '../../src-engine/lab/server/index.ts';

export const MIB = 1024 * 1024;

export interface SiteSpec {
  readonly id: string;
  readonly level: 'raid0' | 'raid1' | 'raid10' | 'raid5' | 'raid6';
  readonly disks: number;
  readonly diskBytes: number;
}

/** A server of the simulated world with its array, which outlives its crashes. */
export class SimulatedSite {
  readonly id: string;
  readonly events: ServerEvent[] = [];
  onCpPhase: ((phase: CpPhase, cp: CpSummary) => void) | null = null;
  /** Sees every frame that this server sends, as its parts. */
  onSent: ((parts: readonly Uint8Array[]) => void) | null = null;
  /** Sees every frame that reaches this server, before the server does. */
  onReceived: ((frame: Uint8Array) => void) | null = null;
  server: StorageServer | null = null;
  /** The array as opened at the last start: its findings. */
  shelf: Shelf | null = null;
  private readonly world: SimulatedWorld;
  private readonly spec: SiteSpec;
  private readonly settings: ServerSettings;
  private made = false;

  constructor(world: SimulatedWorld, spec: SiteSpec, settings: Partial<ServerSettings>) {
    this.world = world;
    this.id = spec.id;
    this.spec = spec;
    this.settings = { ...DEFAULT_SERVER_SETTINGS, logHalfBytes: 2 * MIB, cpIntervalMs: 1000, peerWaitMs: 5000, mirrorTimeoutMs: 2000, strictTimeoutMs: 3000, ...settings };
  }

  get up(): StorageServer {
    if (this.server === null) throw new Error(`${this.id} is down`);
    return this.server;
  }

  async boot(): Promise<StorageServer> {
    const handle = this.world.server(this.id);
    const { runtime, storageOf } = handle.boot();
    const arrayStorage = storageOf(`array-${this.id}`);
    const shelf = this.made
      ? await Shelf.open(arrayStorage)
      : await Shelf.create(arrayStorage, { arrayId: `array-${this.id}`, disks: Array.from({ length: this.spec.disks }, (_, slot) => ({ slot, sizeBytes: this.spec.diskBytes })) });
    this.shelf = shelf;
    const server = new StorageServer({
      id: this.id, name: this.id, site: this.id, runtime: this.tapped(runtime), logStorage: storageOf(`server-${this.id}`),
      shelves: new Map([[`array-${this.id}`, shelf]]),
      pools: this.made ? [{ poolId: `pool-${this.id}`, arrayId: `array-${this.id}` }] : [],
      settings: this.settings, nameOf: (id) => id, report: (event) => { this.events.push(event); },
      onCpPhase: (phase, cp) => { this.onCpPhase?.(phase, cp); },
    });
    this.server = server;
    await server.boot();
    if (!this.made) {
      await server.createPool({ id: `pool-${this.id}`, name: `pool-${this.id}`, arrayId: `array-${this.id}`, groups: [{ level: this.spec.level, slots: Array.from({ length: this.spec.disks }, (_, i) => i), unitBlocks: 16 }] });
      this.made = true;
    }
    return server;
  }

  private tapped(runtime: Runtime): Runtime {
    const received = (frame: Uint8Array): void => { this.onReceived?.(frame); };
    const tap = (session: Session): Session => ({
      peer: session.peer,
      get bufferedBytes() { return session.bufferedBytes; },
      release: (frame) => { session.release(frame); },
      close: () => { session.close(); },
      send: (parts) => {
        this.onSent?.(parts);
        session.send(parts);
      },
      get onFrame() { return session.onFrame; },
      set onFrame(next) {
        session.onFrame = (frame) => {
          received(frame);
          next(frame);
        };
      },
      get onClose() { return session.onClose; },
      set onClose(next) { session.onClose = next; },
    });
    const { network } = runtime;
    return {
      ...runtime,
      network: {
        listen: (onSession) => network.listen((session) => { onSession(tap(session)); }),
        dial: async (address) => tap(await network.dial(address)),
      },
    };
  }

  /** `keep`: the process dies, the machine's cache lives on. */
  crash(unsynced: 'lose' | 'keep' = 'lose'): void {
    this.server = null;
    this.world.server(this.id).crash({ unsynced });
  }
}

export interface Pair {
  readonly world: SimulatedWorld;
  readonly north: SimulatedSite;
  readonly south: SimulatedSite;
}

/** Two sites with one volume each (`v` at north, `w` at south), mirrored as `m`; returns before the initial sync ended. */
export async function makePair(options: { readonly seed: number; readonly volumeBytes?: number; readonly policy?: 'availability' | 'strict'; readonly recovery?: 'automatic' | 'manual'; readonly settings?: Partial<ServerSettings>; readonly planted?: ReadonlySet<PlantedBug>; readonly assumeEqual?: boolean; readonly before?: (pair: Pair) => Promise<void> }): Promise<Pair> {
  const world = createSimulatedWorld({ seed: options.seed, ...(options.planted === undefined ? {} : { planted: options.planted }) });
  const settings = options.settings ?? {};
  const north = new SimulatedSite(world, { id: 'north', level: 'raid6', disks: 6, diskBytes: 16 * MIB }, settings);
  const south = new SimulatedSite(world, { id: 'south', level: 'raid5', disks: 4, diskBytes: 24 * MIB }, settings);
  await world.settle(north.boot());
  await world.settle(south.boot());
  const sizeBytes = options.volumeBytes ?? 4 * MIB;
  await world.settle(north.up.createVolume({ id: 'v', name: 'v', poolId: 'pool-north', sizeBytes }));
  await world.settle(south.up.createVolume({ id: 'w', name: 'w', poolId: 'pool-south', sizeBytes }));
  await options.before?.({ world, north, south });
  const outcome = await world.settle(north.up.createRelationship({ id: 'm', name: 'm', volumeId: 'v', peerServerId: 'south', peerVolumeId: 'w', policy: options.policy ?? 'availability', recovery: options.recovery ?? 'automatic', assumeEqual: options.assumeEqual === true }));
  if (outcome.kind === 'refused') throw new Error(outcome.refusal.message);
  if (outcome.kind === 'running') outcome.finished.catch(() => undefined);
  return { world, north, south };
}

/** Two sources with one destination: `v` at north and `x` at west, mirrored to `w` and `y` at south as `m` and `n`. */
export async function makeTrio(options: { readonly seed: number; readonly volumeBytes?: number; readonly settings?: Partial<ServerSettings> }): Promise<Pair & { readonly west: SimulatedSite }> {
  const pair = await makePair(options);
  const { world, south } = pair;
  const west = new SimulatedSite(world, { id: 'west', level: 'raid1', disks: 2, diskBytes: 24 * MIB }, options.settings ?? {});
  await world.settle(west.boot());
  const sizeBytes = options.volumeBytes ?? 4 * MIB;
  await world.settle(west.up.createVolume({ id: 'x', name: 'x', poolId: 'pool-west', sizeBytes }));
  await world.settle(south.up.createVolume({ id: 'y', name: 'y', poolId: 'pool-south', sizeBytes }));
  const outcome = await world.settle(west.up.createRelationship({ id: 'n', name: 'n', volumeId: 'x', peerServerId: 'south', peerVolumeId: 'y', policy: 'availability', recovery: 'automatic' }));
  if (outcome.kind !== 'running') throw new Error('the second relationship starts');
  await world.settle(outcome.finished);
  return { ...pair, west };
}

export function imageState(site: SimulatedSite): string {
  return site.up.relationships()[0]?.imageState ?? 'none';
}

/** The content of a volume as a promotion now would give it. */
export async function contentOf(site: SimulatedSite, volumeId: string): Promise<Uint8Array> {
  const view = await site.up.frozenView(volumeId);
  const bytes = (await view.read(0, view.sizeBytes)).slice();
  await view.close();
  return bytes;
}

import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { Shelf } from '../../src-engine/disk/index.ts';
import { Pool, type VolumeRecord } from '../../src-engine/pool/index.ts';
import { createSimulatedWorld, type SimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';
import type { PlantedBug } from '../../src-engine/runtime/index.ts';
import { CP_PHASES, type ActionOutcome, type CpPhase, type CpSummary, type RelationshipStatus, type ServerEvent, type ServerSettings } from '../../src-engine/lab/server/index.ts';
import { contentOf, imageState, makePair, SimulatedSite, type Pair } from '../server/fixture.ts';

export const BLOCK = 4096;
export const REGION = 65536;
export { contentOf, imageState, SimulatedSite };

export interface SceneOptions {
  readonly seed: number;
  readonly volumeBytes?: number;
  readonly policy?: 'availability' | 'strict';
  readonly recovery?: 'automatic' | 'manual';
  readonly settings?: Partial<ServerSettings>;
  readonly planted?: readonly PlantedBug[];
}

/** A request that may or may not be answered. */
export interface Request {
  state: 'pending' | 'acknowledged' | 'failed';
  error: string;
}

/**
 * A mirrored pair (`v` at north, `w` at south, mirror `m`) and what its hosts were told: `expected` is every acknowledged
 * write. The link has 1 ms of latency, so that messages and disk writes really overlap.
 */
export class Scene {
  readonly world: SimulatedWorld;
  readonly north: SimulatedSite;
  readonly south: SimulatedSite;
  readonly expected: Uint8Array;

  constructor(pair: Pair, sizeBytes: number) {
    this.world = pair.world;
    this.north = pair.north;
    this.south = pair.south;
    this.expected = new Uint8Array(sizeBytes);
  }

  // --- given -------------------------------------------------------------------------------------------------------

  link(up: boolean | { readonly aToB: boolean; readonly bToA: boolean }): void {
    this.world.links.setLink('north', 'south', { latencyMs: 1, up });
  }

  async run(ms: number): Promise<void> {
    await this.world.run({ untilMs: this.world.nowMs + ms });
  }

  async until(what: string, predicate: () => boolean, limitMs = 60_000): Promise<void> {
    expect(await this.world.runUntil(predicate, limitMs), what).toBe(true);
  }

  synchronized(): Promise<void> {
    const done = (site: SimulatedSite): boolean => site.server !== null && imageState(site) === 'Synchronized' && rel(site).resync === null && rel(site).connected;
    return this.until('both sides say Synchronized', () => done(this.north) && done(this.south), 120_000);
  }

  volumeOf(site: SimulatedSite): ReturnType<SimulatedSite['up']['hostVolume']> {
    return site.up.hostVolume(site === this.north ? 'v' : 'w');
  }

  /** One write that must be acknowledged. */
  async write(site: SimulatedSite, offset: number, fill: number, length = BLOCK): Promise<void> {
    await this.world.settle(this.volumeOf(site).write(offset, new Uint8Array(length).fill(fill)));
    this.expected.fill(fill, offset, offset + length);
  }

  /** `count` writes of one block, each in its own region, all in flight at once. */
  async burst(site: SimulatedSite, count: number, fill: number): Promise<void> {
    const regions = this.expected.length / REGION;
    const writes = Array.from({ length: count }, (_, i) => {
      const offset = (i % regions) * REGION + Math.floor(i / regions) * BLOCK;
      return this.volumeOf(site).write(offset, new Uint8Array(BLOCK).fill(fill + (i % 7))).then(() => { this.expected.fill(fill + (i % 7), offset, offset + BLOCK); });
    });
    await this.world.settle(Promise.all(writes));
  }

  /** A write nobody waits for. */
  start(site: SimulatedSite, offset: number, fill: number, length = BLOCK): Request {
    const request: Request = { state: 'pending', error: '' };
    this.volumeOf(site).write(offset, new Uint8Array(length).fill(fill)).then(
      () => {
        request.state = 'acknowledged';
        this.expected.fill(fill, offset, offset + length);
      },
      (error: unknown) => {
        request.state = 'failed';
        request.error = error instanceof Error ? error.message : String(error);
      },
    );
    return request;
  }

  cp(site: SimulatedSite): Promise<CpSummary> {
    return this.world.settle(site.up.consistencyPoint('admin'));
  }

  /** Asks for a consistency point and crashes `victim` when the one at `site` enters `phase`, between two events. */
  async crashAtPhase(site: SimulatedSite, phase: CpPhase, victim: SimulatedSite): Promise<void> {
    let reached = false;
    site.onCpPhase = (now) => {
      if (now !== phase || reached) return;
      reached = true;
      this.world.schedule(0, `crash ${victim.id} at ${phase}`, () => { victim.crash(); });
    };
    site.up.consistencyPoint('admin').catch(() => undefined);
    await this.until(`the consistency point reached ${phase}`, () => victim.server === null, 10_000);
    site.onCpPhase = null;
  }

  // --- when --------------------------------------------------------------------------------------------------------

  async act(site: SimulatedSite, action: string, more: { readonly keep?: 'source' | 'destination'; readonly force?: boolean } = {}): Promise<ActionOutcome> {
    return this.world.settle(site.up.act('m', action, { confirmed: true, force: action === 'failover', ...more }));
  }

  /** An action that must be accepted; waits for its end. */
  async done(site: SimulatedSite, action: string, more: { readonly keep?: 'source' | 'destination'; readonly force?: boolean } = {}): Promise<Record<string, unknown>> {
    const outcome = await this.act(site, action, more);
    if (outcome.kind === 'refused') throw new Error(`${action} was refused: ${outcome.refusal.code} ${outcome.refusal.message}`);
    return outcome.kind === 'done' ? outcome.result : this.world.settle(outcome.finished);
  }

  /** An action that must be refused: its code. */
  async refused(site: SimulatedSite, action: string): Promise<string> {
    const outcome = await this.act(site, action);
    expect(outcome.kind, `${action} is refused`).toBe('refused');
    return outcome.kind === 'refused' ? outcome.refusal.code : '';
  }

  /** The other side has noticed the loss; then it is promoted. */
  async failover(site: SimulatedSite): Promise<void> {
    await this.until('the survivor noticed the loss', () => !rel(site).connected, 30_000);
    await this.done(site, 'failover');
  }

  allowed(site: SimulatedSite, action: string): boolean {
    return rel(site).actions.some((a) => a.action === action && a.allowed);
  }

  async untilAllowed(site: SimulatedSite, action: string): Promise<void> {
    await this.until(`${action} is offered`, () => this.allowed(site, action), 30_000);
  }

  // --- then --------------------------------------------------------------------------------------------------------

  content(site: SimulatedSite): Promise<Uint8Array> {
    return this.world.settle(contentOf(site, site === this.north ? 'v' : 'w'));
  }

  /** What a promotion (or the primary's hosts) would see is every acknowledged write and nothing else. */
  async expectContent(site: SimulatedSite, expected = this.expected): Promise<void> {
    const found = await this.content(site);
    expect(firstDifference(found, expected), `${site.id} holds every acknowledged write and nothing else (first differing byte)`).toBe(-1);
  }

  async expectBothEqual(): Promise<void> {
    await this.expectContent(this.north);
    await this.expectContent(this.south);
    expect(await this.world.settle(this.north.up.check()), 'north: pool and parity are sound').toEqual([]);
    expect(await this.world.settle(this.south.up.check()), 'south: pool and parity are sound').toEqual([]);
  }
}

export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return Buffer.compare(a, b) === 0 ? -1 : a.findIndex((byte, i) => byte !== b[i]);
}

/** The relationship `m` as a site sees it. */
export function rel(site: SimulatedSite): RelationshipStatus {
  const found = site.up.relationships().find((r) => r.id === 'm');
  if (found === undefined) throw new Error(`${site.id} has no mirror m`);
  return found;
}

export function eventsOf(site: SimulatedSite, kind: string): readonly ServerEvent[] {
  return site.events.filter((event) => event.kind === kind);
}

/** A synchronized pair with some content on both sides, already in the images. */
export async function makeScene(options: SceneOptions): Promise<Scene> {
  const sizeBytes = options.volumeBytes ?? 2 * 1024 * 1024;
  const { planted, ...rest } = options;
  const pair = await makePair({ ...rest, volumeBytes: sizeBytes, settings: { cpIntervalMs: 1_000_000, ...options.settings }, ...(planted === undefined ? {} : { planted: new Set(planted) }) });
  const scene = new Scene(pair, sizeBytes);
  scene.link(true);
  await scene.synchronized();
  await scene.burst(scene.north, 8, 1);
  await scene.cp(scene.north);
  return scene;
}

/** Puts bytes into a file of a domain from outside, durably. */
export async function patch(world: SimulatedWorld, domain: string, path: string, at: number, bytes: Uint8Array): Promise<void> {
  const file = await world.settle(world.storage(domain).storage.open(path));
  await world.settle(file.commit([bytes], at));
}

/** All files of a domain as they are now, and how to bring them back. */
export function backup(world: SimulatedWorld, domain: string, prefix = ''): () => Promise<void> {
  const disk = world.storage(domain);
  const files = disk.paths(prefix).map((path) => ({ path, bytes: disk.peek(path) }));
  return async () => {
    for (const { path, bytes } of files) {
      if (disk.paths(path).includes(path)) await world.settle(disk.storage.remove(path));
      const file = await world.settle(disk.storage.open(path, { create: true, size: bytes.length }));
      await world.settle(file.commit([bytes], 0));
    }
  };
}

/** The files of an array's disks, byte for byte. */
export function diskImages(world: SimulatedWorld, arrayId: string): ReadonlyMap<string, Uint8Array> {
  const disk = world.storage(arrayId);
  return new Map(disk.paths('disk-').map((path) => [path, disk.peek(path)]));
}

export function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function hashes(files: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...files].map(([path, bytes]) => [path, hash(bytes)]));
}

const NOTHING = new Uint8Array(REGION);

/** Works on the volume as it is on disk now, in a copy of the array opened by a pool of its own: log and memory play no part. */
async function onCopy<T>(world: SimulatedWorld, siteId: string, volumeId: string, work: (pool: Pool, record: VolumeRecord) => Promise<T>): Promise<T> {
  const copy = createSimulatedWorld({ seed: 1 });
  const from = world.storage(`array-${siteId}`);
  const { runtime, storageOf } = copy.server('reader').boot();
  const storage = storageOf('copy');
  return copy.settle((async () => {
    for (const path of from.paths()) {
      const bytes = from.peek(path);
      const file = await storage.open(path, { create: true, size: bytes.length });
      for (let at = 0; at < bytes.length; at += REGION) {
        const part = bytes.subarray(at, at + REGION);
        if (Buffer.compare(part, NOTHING.subarray(0, part.length)) !== 0) await file.commit([part], at);
      }
      await file.close();
    }
    const shelf = await Shelf.open(storage);
    const poolId = `pool-${siteId}`;
    const epoch = shelf.epoch(poolId) + 1;
    await shelf.raiseEpoch(poolId, epoch);
    const opened = await Pool.open({ runtime, handle: shelf.handle({ poolId, serverId: 'reader', epoch }) }, { poolId });
    if (opened.kind === 'refused') throw new Error(opened.message);
    return work(opened.pool, opened.pool.volume(volumeId));
  })());
}

async function readRoot(pool: Pool, record: VolumeRecord, root: VolumeRecord['root']): Promise<Uint8Array> {
  const bytes = new Uint8Array(record.sizeBlocks * BLOCK);
  await pool.read(root, 0, record.sizeBlocks, bytes);
  return bytes;
}

/** What is reachable from the root on disk. */
export function rootContent(world: SimulatedWorld, siteId: string, volumeId: string): Promise<Uint8Array> {
  return onCopy(world, siteId, volumeId, (pool, record) => readRoot(pool, record, record.root));
}

/** The content of the volume's snapshots on disk, by name. */
export function snapshotsOf(world: SimulatedWorld, siteId: string, volumeId: string): Promise<ReadonlyMap<string, Uint8Array>> {
  return onCopy(world, siteId, volumeId, async (pool, record) => {
    const snapshots = new Map<string, Uint8Array>();
    for (const kept of record.keptRoots) if (kept.purpose === 'snapshot') snapshots.set(kept.name, await readRoot(pool, record, kept.root));
    return snapshots;
  });
}

export { CP_PHASES, makePair };
export type { CpPhase, CpSummary };

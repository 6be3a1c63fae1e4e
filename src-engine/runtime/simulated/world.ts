import { crc32 } from 'node:zlib';
import { incarnate, type Incarnation } from '../incarnation.ts';
import { LinkNetwork } from '../link-network.ts';
import { nodeHash } from '../node/hash.ts';
import {
  assert,
  type Clock,
  type LogLevel,
  type PlantedBug,
  type Runtime,
  type Storage,
  type Timer,
} from '../types.ts';
import { SimulatedDisk, type Origin } from './disk.ts';
import { EventQueue, type SimulatedEvent } from './event-queue.ts';
import { Prng } from './prng.ts';

export interface SimulatedWorldOptions {
  /** Any safe integer; the same seed on the same build and Node version gives the same schedule. */
  readonly seed: number;
  readonly planted?: ReadonlySet<PlantedBug>;
  /** How long a peer takes to notice a cut link or a dead server; default 1000. */
  readonly closeDetectMs?: number;
}

export interface SimulatedLogLine {
  readonly atMs: number;
  readonly serverId: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

export interface SimulatedBoot {
  readonly runtime: Runtime;
  storageOf(domain: string): Storage;
}

const WALL_START_MS = Date.UTC(2030, 0, 1);
const RECENT_EVENTS = 200;
const LOG_LINES = 2000;

export function createSimulatedWorld(options: SimulatedWorldOptions): SimulatedWorld {
  return new SimulatedWorld(options);
}

/**
 * A world on a seeded virtual clock. It advances only inside `run`, `runUntil`, `settle` and `step`: one event, then all
 * microtasks by one real macrotask turn, then the next event. An exception from an event (a broken assertion) leaves
 * through these calls.
 */
export class SimulatedWorld {
  readonly seed: number;
  /** The world's own clock and random numbers, for the harness; servers have theirs. */
  readonly clock: Clock;
  readonly random: Prng;
  readonly links: LinkNetwork;
  /** How often each coverage mark was reached, by all servers. */
  readonly marks = new Map<string, number>();
  /** The newest log lines of all servers, at most 2,000. */
  readonly log: SimulatedLogLine[] = [];
  /** Called after every event and its microtasks; throw to stop the world (checkers). */
  readonly afterEach: (() => void)[] = [];
  readonly #planted: ReadonlySet<PlantedBug>;
  readonly #events = new EventQueue();
  readonly #disks = new Map<string, SimulatedDisk>();
  readonly #servers = new Map<string, SimulatedServer>();
  readonly #recent: string[] = [];
  #nowMs = 0;
  #origins: Origin = 0;
  #fingerprint = 0;
  #steps = 0;
  #driving = false;

  constructor(options: SimulatedWorldOptions) {
    this.seed = options.seed;
    this.#planted = options.planted ?? new Set();
    this.random = new Prng(options.seed);
    this.clock = this.#clockOf('world', () => 0);
    const { closeDetectMs } = options;
    this.links = new LinkNetwork(this.clock, this.random.fork(), closeDetectMs === undefined ? {} : { closeDetectMs });
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events so far. */
  get steps(): number {
    return this.#steps;
  }

  /** A CRC over the moment and name of every event so far: two runs with the same value took the same way. */
  get fingerprint(): number {
    return this.#fingerprint;
  }

  /** The newest events, oldest first; for failure reports. */
  get recentEvents(): readonly string[] {
    return this.#recent;
  }

  /** The failure domain of that name, made at first use. */
  storage(domainName: string): SimulatedDisk {
    let disk = this.#disks.get(domainName);
    if (disk === undefined) {
      const world = {
        schedule: (delayMs: number, label: string, run: () => void) => void this.schedule(delayMs, label, run),
      };
      disk = new SimulatedDisk(domainName, world, this.random.fork());
      this.#disks.set(domainName, disk);
    }
    return disk;
  }

  get disks(): readonly SimulatedDisk[] {
    return [...this.#disks.values()];
  }

  server(serverId: string): SimulatedServer {
    let server = this.#servers.get(serverId);
    if (server === undefined) {
      server = new SimulatedServer(serverId, this, (wallOffsetMs) => this.#boot(serverId, wallOffsetMs));
      this.#servers.set(serverId, server);
    }
    return server;
  }

  /** Adds an event. `label` goes into the fingerprint. */
  schedule(delayMs: number, label: string, run: () => void): SimulatedEvent {
    assert(delayMs >= 0 && Number.isFinite(delayMs), `delay is a number of milliseconds: ${delayMs}`);
    return this.#events.push(this.#nowMs + delayMs, label, run);
  }

  /** Takes every event up to and including `untilMs`; afterwards it is that moment. */
  async run(limit: { readonly untilMs: number }): Promise<void> {
    await this.#drive(async () => {
      while (await this.#step(limit.untilMs));
      this.#nowMs = Math.max(this.#nowMs, limit.untilMs);
    });
  }

  /** Runs until `predicate` holds, for at most `limitMs` of virtual time; tells whether it held. */
  async runUntil(predicate: () => boolean, limitMs: number): Promise<boolean> {
    const untilMs = this.#nowMs + limitMs;
    return this.#drive(async () => {
      while (!predicate()) {
        if (await this.#step(untilMs)) continue;
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return predicate();
      }
      return true;
    });
  }

  /**
   * Drives the world until `promise` settles and returns its value or throws its error. Throws when it has not settled
   * after `limitMs` of virtual time (default ten minutes).
   */
  async settle<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    promise.then(
      (value) => (outcome = { value }),
      (error: unknown) => (outcome = { error }),
    );
    await turn();
    const settled = await this.runUntil(() => outcome !== undefined, limitMs);
    if (!settled || outcome === undefined) {
      const newest = this.#recent.slice(-5).join('; ');
      throw new Error(`seed ${this.seed}: not settled after ${limitMs} ms of virtual time (last events: ${newest})`);
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** Takes one event; false when there is none. */
  step(): Promise<boolean> {
    return this.#drive(() => this.#step(Infinity));
  }

  async #step(untilMs: number): Promise<boolean> {
    const next = this.#events.peek();
    if (next === undefined || next.atMs > untilMs) return false;
    this.#events.pop();
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    this.#steps++;
    const line = `${this.#nowMs.toFixed(6)} ${next.label}`;
    this.#fingerprint = crc32(line, this.#fingerprint);
    if (this.#recent.push(line) > RECENT_EVENTS) this.#recent.shift();
    next.run?.();
    await turn();
    for (const check of this.afterEach) check();
    return true;
  }

  async #drive<T>(work: () => Promise<T>): Promise<T> {
    assert(!this.#driving, 'one caller drives the world at a time');
    this.#driving = true;
    try {
      return await work();
    } finally {
      this.#driving = false;
    }
  }

  #clockOf(name: string, wallOffsetMs: () => number): Clock {
    const label = `timer ${name}`;
    const after = (delayMs: number, fire: () => void): Timer => {
      const event = this.schedule(Math.max(0, delayMs), label, fire);
      return { cancel: () => void (event.run = undefined) };
    };
    return {
      nowMs: () => this.#nowMs,
      wallMs: () => Math.floor(WALL_START_MS + this.#nowMs + wallOffsetMs()),
      after,
      sleep: (delayMs) => new Promise<void>((resolve) => void after(delayMs, resolve)),
    };
  }

  #boot(serverId: string, wallOffsetMs: () => number): StartedIncarnation {
    const origin = ++this.#origins;
    const base: Runtime = {
      clock: this.#clockOf(serverId, wallOffsetMs),
      random: this.random.fork(),
      network: this.links.endpoint(serverId),
      hash: nodeHash,
      log: {
        write: (level, message, fields) => {
          this.#fingerprint = crc32(message, this.#fingerprint);
          if (this.log.push({ atMs: this.#nowMs, serverId, level, message, fields }) > LOG_LINES) this.log.shift();
        },
      },
      covered: (mark) => void this.marks.set(mark, (this.marks.get(mark) ?? 0) + 1),
      planted: (bug) => this.#planted.has(bug),
    };
    const incarnation = incarnate(base);
    const boot: SimulatedBoot = {
      runtime: incarnation.runtime,
      storageOf: (domain) => incarnation.wrapStorage(this.storage(domain).view(origin)),
    };
    return { incarnation, boot, origin };
  }
}

interface StartedIncarnation {
  readonly incarnation: Incarnation;
  readonly boot: SimulatedBoot;
  readonly origin: Origin;
}

/** One server of the world: off, or running one incarnation. */
export class SimulatedServer {
  readonly id: string;
  readonly #world: SimulatedWorld;
  readonly #start: (wallOffsetMs: () => number) => StartedIncarnation;
  #running: StartedIncarnation | undefined;
  #wallOffsetMs = 0;

  constructor(id: string, world: SimulatedWorld, start: (wallOffsetMs: () => number) => StartedIncarnation) {
    this.id = id;
    this.#world = world;
    this.#start = start;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Starts a new incarnation; the server must be off. */
  boot(): SimulatedBoot {
    assert(this.#running === undefined, `server ${this.id} is off before it boots`);
    this.#running = this.#start(() => this.#wallOffsetMs);
    return this.#running.boot;
  }

  /**
   * Ends the incarnation at this moment; call it between two events (from the harness or from a world timer). `unsynced: 'lose'`
   * (default) is a power cut: each unsynced 512-byte sector it wrote, on whatever domain, is kept or lost. `'keep'` is the
   * death of a process: what had settled stays in the cache below, what was in flight is torn.
   */
  crash(options: { readonly unsynced?: 'lose' | 'keep' } = {}): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#world.links.detach(this.id);
    running.incarnation.revoke();
    for (const disk of this.#world.disks) {
      if (options.unsynced === 'keep') disk.abandon(running.origin);
      else disk.losePower(running.origin);
    }
  }

  /** The wall clock jumps; the monotonic clock does not notice. */
  jumpWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}

/** One real macrotask turn: every microtask that was due has run when it settles. */
function turn(): Promise<void> {
  return new Promise<void>((resolve) => void setImmediate(resolve));
}

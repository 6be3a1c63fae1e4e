/**
 * One server of the lab through its lives: power on, graceful power off, crash. Each life is an incarnation of its own:
 * after its end nothing of it acts, and whoever waited for it is told that the server is down.
 */
import { Shelf, ShelfRefusedError } from '../disk/index.ts';
import {
  incarnate,
  type Clock,
  type Incarnation,
  type LinkNetwork,
  type Runtime,
  type Storage,
} from '../runtime/index.ts';
import type { Machine } from './machine.ts';
import { Refused, refusal } from './refused.ts';
import type {
  CpPhase,
  CpSummary,
  ServerDependencies,
  ServerEvent,
  ServerSettings,
  StorageServerFace,
} from './server/types.ts';

export type MakeServer = (dependencies: ServerDependencies) => StorageServerFace;

export interface UnitEnvironment {
  readonly machine: Machine;
  readonly clock: Clock;
  readonly network: LinkNetwork;
  readonly makeServer: MakeServer;
  readonly settings: ServerSettings;
  readonly nameOf: (id: string) => string;
  readonly report: (serverId: string, event: ServerEvent) => void;
  readonly changed: () => void;
}

export interface UnitSpec {
  readonly id: string;
  readonly name: string;
  readonly site: string;
  readonly logStorage: Storage;
  readonly logHalfBytes: number;
  /** The arrays it reaches: id and files. Asked at every boot. */
  readonly arrays: () => readonly { readonly id: string; readonly name: string; readonly storage: Storage }[];
  readonly pools: () => readonly { readonly poolId: string; readonly arrayId: string }[];
}

interface Life {
  readonly incarnation: Incarnation;
  face: StorageServerFace | null;
  /** Settles, never rejects, when the life is over. */
  readonly over: Promise<void>;
  readonly end: () => void;
}

export class ServerUnit {
  readonly spec: UnitSpec;
  readonly #environment: UnitEnvironment;
  #life: Life | null = null;
  #state: 'down' | 'booting' | 'up' | 'stopping' = 'down';
  #cause: string | null = 'not started yet';
  #sinceWallMs: number;
  /** The last life's files must be at rest before the next one opens them. */
  #resting: Promise<void> = Promise.resolve();
  #queue: Promise<unknown> = Promise.resolve();
  /** Called at each step of a consistency point of the present life; a drill crashes the server here. */
  onCpPhase: ((phase: CpPhase, cp: CpSummary) => void) | null = null;
  lastUpMs: number | null = null;

  constructor(spec: UnitSpec, environment: UnitEnvironment) {
    this.spec = spec;
    this.#environment = environment;
    this.#sinceWallMs = environment.clock.wallMs();
  }

  get state(): 'down' | 'booting' | 'up' | 'stopping' {
    return this.#state;
  }
  get cause(): string | null {
    return this.#cause;
  }
  get sinceWallMs(): number {
    return this.#sinceWallMs;
  }
  /** The server while it is up, else null. */
  get face(): StorageServerFace | null {
    return this.#state === 'up' ? (this.#life?.face ?? null) : null;
  }
  /** Also while it boots: for what it says about itself. */
  get anyFace(): StorageServerFace | null {
    return this.#life?.face ?? null;
  }

  /** The server, or a refusal that says why it is down. */
  need(): StorageServerFace {
    const face = this.face;
    if (face === null) throw new Refused(this.#downRefusal());
    const { state } = face.status();
    if (state.kind === 'refused') {
      throw new Refused(
        refusal(
          'server/refused',
          `${this.spec.name} does not serve (${state.code}): ${state.message}.`,
          'Put the named file right and power the server off and on; until then the other site can take over.',
          { details: { server: this.spec.name, cause: state.code } },
        ),
      );
    }
    return face;
  }

  /** Passes on what the present life answers; refuses as soon as that life ends. */
  async ask<T>(question: (face: StorageServerFace) => Promise<T> | T): Promise<T> {
    const life = this.#life;
    const face = this.need();
    const ended = Symbol('ended');
    const asked = Promise.resolve(question(face)).catch((error: unknown) => {
      // What a server that stops says of its closed parts is no answer to the question.
      if (this.#life === life && this.#state === 'up') throw error;
      return ended;
    });
    const answer = await Promise.race([asked, life?.over.then(() => ended) ?? ended]);
    if (answer === ended) throw new Refused(this.#downRefusal());
    return answer as T;
  }

  /** Resolves when the present life is over; at once when there is none. */
  async over(): Promise<void> {
    await this.#life?.over;
  }

  powerOn(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#state !== 'down') return;
      await this.#resting;
      const { machine, clock, network } = this.#environment;
      const base: Runtime = { ...machine.runtime, clock, network: network.endpoint(this.spec.id) };
      const incarnation = incarnate(base);
      let end: () => void = () => undefined;
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      const life: Life = { incarnation, face: null, over, end };
      this.#life = life;
      this.#enter('booting', null);
      try {
        await Promise.race([this.#boot(life), over]);
      } catch (error) {
        this.#end(life, `boot failed: ${error instanceof Error ? error.message : String(error)}`);
        throw error;
      }
      if (this.#life === life && life.face !== null) this.#enter('up', null);
    });
  }

  async #boot(life: Life): Promise<void> {
    const shelves = new Map<string, Shelf>();
    const refusedArrays = new Map<string, { readonly code: string; readonly message: string }>();
    for (const array of this.spec.arrays()) {
      const shelf = await Shelf.open(life.incarnation.wrapStorage(array.storage), { arrayId: array.id }).catch(
        (error: unknown) => {
          if (!(error instanceof ShelfRefusedError)) throw error;
          refusedArrays.set(array.id, { code: error.shelfCode, message: `${array.name}: ${error.message}` });
          return null;
        },
      );
      if (shelf === null) continue;
      for (const finding of shelf.findings) {
        this.#environment.report(this.spec.id, {
          kind: 'array/disk-failed',
          severity: 'error',
          subject: array.id,
          message: `${array.name}: ${finding.message}`,
        });
      }
      shelves.set(array.id, shelf);
    }
    const { settings, nameOf, report } = this.#environment;
    life.face = this.#environment.makeServer({
      id: this.spec.id,
      name: this.spec.name,
      site: this.spec.site,
      runtime: life.incarnation.runtime,
      logStorage: life.incarnation.wrapStorage(this.spec.logStorage),
      shelves,
      refusedArrays,
      pools: this.spec.pools(),
      // The lab's own values, as they are whenever they are asked for.
      settings: Object.create(settings, {
        logHalfBytes: { value: this.spec.logHalfBytes, enumerable: true },
      }) as ServerSettings,
      nameOf,
      report: (event) => {
        if (this.#life === life) report(this.spec.id, event);
      },
      onCpPhase: (phase, cp) => {
        if (this.#life === life) this.onCpPhase?.(phase, cp);
      },
    });
    await life.face.boot();
  }

  /** Graceful: a last consistency point, then off. */
  powerOff(cause: string): Promise<void> {
    return this.#inOrder(async () => {
      const life = this.#life;
      if (life === null) return;
      if (this.#state === 'up') {
        this.#enter('stopping', cause);
        await Promise.race([life.face?.shutdown() ?? Promise.resolve(), life.over]);
      }
      if (this.#life === life) this.#end(life, cause);
      await this.#resting;
    });
  }

  /** The power is gone, now, synchronously: whatever is under way never finishes. */
  crash(cause: string): void {
    const life = this.#life;
    if (life !== null) this.#end(life, cause);
    else this.#cause = cause;
  }

  /** Resolves when nothing of ended lives touches files any more. */
  rested(): Promise<void> {
    return this.#resting;
  }

  #end(life: Life, cause: string): void {
    this.#environment.network.detach(this.spec.id);
    life.incarnation.revoke();
    const earlier = this.#resting;
    this.#resting = earlier.then(() => life.incarnation.drained());
    this.#life = null;
    this.lastUpMs = this.#environment.clock.nowMs();
    this.#enter('down', cause);
    life.end();
  }

  #enter(state: 'down' | 'booting' | 'up' | 'stopping', cause: string | null): void {
    this.#state = state;
    this.#cause = cause;
    this.#sinceWallMs = this.#environment.clock.wallMs();
    this.#environment.changed();
  }

  /** Power commands of one server run one after the other; a crash does not wait for them. */
  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(run, run);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  #downRefusal() {
    const why = this.#cause === null ? this.#state : `${this.#state}: ${this.#cause}`;
    return refusal(
      'server/down',
      `${this.spec.name} is not up (${why}).`,
      `Power it on, or clear the fault that holds it down.`,
      { details: { server: this.spec.name } },
    );
  }
}

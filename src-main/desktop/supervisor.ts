import { utilityProcess, type MessagePortMain, type UtilityProcess } from 'electron';
import type { EngineOrder } from '../engine-process.ts';

const RESTART_MS = [0, 500, 1000, 2000, 5000] as const;
/** A life this long counts as healthy: the next crash starts again with the shortest pause. */
const HEALTHY_MS = 60_000;
const STOP_PATIENCE_MS = 30_000;

export interface SupervisorOptions {
  /** Built engine process. */
  readonly entry: string;
  readonly directory: string;
  readonly version: string;
  /** A new process is up: windows connect again by themselves; this is for the title, the log, notifications. */
  readonly onStart: (starts: number) => void;
  readonly onCrash: (reason: string) => void;
}

/** Keeps an engine process running: a dead one is replaced, and recovers from its files (security rule 21). */
export class EngineSupervisor {
  private readonly options: SupervisorOptions;
  private child: UtilityProcess | null = null;
  private directory: string;
  private starts = 0;
  private quickCrashes = 0;
  private lastCrash: string | null = null;
  private stopping = false;
  private waiting: MessagePortMain[] = [];

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.directory = options.directory;
  }

  start(): void {
    this.starts += 1;
    const startedAt = Date.now();
    const child = utilityProcess.fork(this.options.entry, [], { serviceName: 'Lockstep engine', stdio: 'inherit' });
    this.child = child;
    this.send({
      type: 'start',
      directory: this.directory,
      version: this.options.version,
      engineStarts: this.starts,
      lastCrash: this.lastCrash,
    });
    for (const port of this.waiting.splice(0)) this.give(port);
    this.options.onStart(this.starts);
    child.once('exit', (code) => {
      if (this.child === child) this.child = null;
      if (this.stopping) return;
      this.lastCrash = `the engine process ended with code ${code}`;
      this.options.onCrash(this.lastCrash);
      this.quickCrashes = Date.now() - startedAt > HEALTHY_MS ? 0 : this.quickCrashes + 1;
      const pause = RESTART_MS[Math.min(this.quickCrashes, RESTART_MS.length - 1)] ?? 0;
      setTimeout(() => {
        if (!this.stopping) this.start();
      }, pause);
    });
  }

  /** One end of a channel whose other end a window holds. Kept while no process is up. */
  give(port: MessagePortMain): void {
    if (this.child === null) this.waiting.push(port);
    else this.child.postMessage({ type: 'port' } satisfies EngineOrder, [port]);
  }

  /** A person chose another lab. */
  open(directory: string): void {
    this.directory = directory;
    this.send({ type: 'open', directory });
  }

  /** Graceful: resolves when the engine has closed its files and ended, or was given up after 30 s. */
  stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (child === null) return Promise.resolve();
    return new Promise((resolve) => {
      const giveUp = setTimeout(() => {
        child.kill();
        resolve();
      }, STOP_PATIENCE_MS);
      child.once('exit', () => {
        clearTimeout(giveUp);
        resolve();
      });
      this.send({ type: 'stop' });
    });
  }

  private send(order: EngineOrder): void {
    this.child?.postMessage(order);
  }
}

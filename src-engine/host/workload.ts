/**
 * A built-in host: writes stamped blocks to a volume, keeps the ledger, and verifies what it reads back. A request that
 * fails is not repeated under its old sequence: its fate is unknown, which the ledger says by its intent alone.
 */
import type { Clock, Random } from '../runtime/index.ts';
import type { AuditFinding, BlockTarget } from './audit.ts';
import { judge } from './judge.ts';
import type { Ledger } from './ledger.ts';
import { RequestSource, type Request, type WorkloadSettings } from './profile.ts';
import { BLOCK_BYTES, stampBlock } from './stamp.ts';

/** How long a lane rests after a failed request, so that an unreachable volume is asked a few times a second. */
const RETRY_MS = 100;
const NAP_MS = 200;
/** How often a lane looks for a place that no other lane is writing. */
const PLACE_ATTEMPTS = 16;

export type WorkloadState = 'running' | 'paused' | 'stopped' | 'failed';

export interface WorkloadStatus {
  readonly state: WorkloadState;
  /** The newest request failed: the volume does not answer now. The workload goes on trying. */
  readonly stalled: boolean;
  /** 4 KiB blocks acknowledged by this run. */
  readonly acknowledgedWrites: number;
  readonly readBlocks: number;
  /** Reads whose content broke a promise. */
  readonly violations: number;
  readonly failedRequests: number;
  readonly lastError: string | null;
  /** Mean time from issue to acknowledgement over the last writes, milliseconds. */
  readonly latencyMs: number;
}

export interface WorkloadOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly target: BlockTarget;
  readonly settings: WorkloadSettings;
  readonly onViolation?: (finding: AuditFinding) => void;
  readonly onFailed?: (reason: string) => void;
  /** After each acknowledged request; `issuedAtMs` and `atMs` on the monotonic clock. */
  readonly onAcknowledged?: (blocks: number, issuedAtMs: number, atMs: number) => void;
}

export class Workload {
  readonly settings: WorkloadSettings;
  readonly #options: WorkloadOptions;
  readonly #source: RequestSource;
  readonly #run: number;
  readonly #busy = new Set<number>();
  readonly #lanes: Promise<void>[] = [];
  #state: WorkloadState = 'running';
  #stalled = false;
  #acknowledged = 0;
  #read = 0;
  #violations = 0;
  #failed = 0;
  #lastError: string | null = null;
  #latencyMs = 0;
  #nextAtMs: number;
  #active = 0;
  #idleWaiters: (() => void)[] = [];
  #resumeWaiters: (() => void)[] = [];

  /** Starts at once. */
  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.#run = options.ledger.beginRun();
    const volumeBlocks = Math.floor(options.target.sizeBytes / BLOCK_BYTES);
    options.ledger.grow(volumeBlocks);
    this.#source = new RequestSource(options.settings, volumeBlocks, options.random);
    this.#nextAtMs = options.clock.nowMs();
    for (let lane = 0; lane < options.settings.queueDepth; lane += 1) this.#lanes.push(this.#lane());
  }

  status(): WorkloadStatus {
    return {
      state: this.#state,
      stalled: this.#stalled && this.#state === 'running',
      acknowledgedWrites: this.#acknowledged,
      readBlocks: this.#read,
      violations: this.#violations,
      failedRequests: this.#failed,
      lastError: this.#lastError,
      latencyMs: this.#latencyMs,
    };
  }

  /** Resolves when no request is in flight; none is issued until `resume`. */
  async pause(): Promise<void> {
    if (this.#state === 'running') this.#state = 'paused';
    await this.#idle();
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#nextAtMs = this.#options.clock.nowMs();
    this.#wake();
  }

  /** Resolves when every lane has ended and the ledger has everything. */
  async stop(): Promise<void> {
    if (this.#state !== 'failed') this.#state = 'stopped';
    this.#wake();
    await Promise.all(this.#lanes);
    await this.#options.ledger.flushed().catch(() => undefined);
  }

  #wake(): void {
    const waiters = this.#resumeWaiters;
    this.#resumeWaiters = [];
    for (const waiter of waiters) waiter();
  }

  #idle(): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Read through a call, because the state changes across awaits in ways the compiler's narrowing does not see. */
  #current(): WorkloadState {
    return this.#state;
  }

  async #lane(): Promise<void> {
    const { clock, settings } = this.#options;
    for (;;) {
      if (this.#current() === 'paused') await new Promise<void>((resolve) => this.#resumeWaiters.push(resolve));
      if (settings.ratePerSecond !== null && this.#current() === 'running') {
        const atMs = Math.max(this.#nextAtMs, clock.nowMs());
        this.#nextAtMs = atMs + 1000 / settings.ratePerSecond;
        // In short naps, so that a slow workload can be stopped and paused without waiting for its next request.
        while (this.#current() === 'running' && atMs > clock.nowMs())
          await clock.sleep(Math.min(NAP_MS, atMs - clock.nowMs()));
      }
      if (this.#current() === 'paused') continue;
      if (this.#current() !== 'running') return;
      this.#active += 1;
      let rest = false;
      try {
        rest = !(await this.#request());
      } finally {
        this.#active -= 1;
        if (this.#active === 0) {
          const waiters = this.#idleWaiters;
          this.#idleWaiters = [];
          for (const waiter of waiters) waiter();
        }
      }
      if (rest && this.#current() === 'running') await clock.sleep(RETRY_MS);
    }
  }

  /** A request whose blocks no other lane is writing: hosts do not race themselves on one block. */
  #place(): Request | null {
    for (let attempt = 0; attempt < PLACE_ATTEMPTS; attempt += 1) {
      const request = this.#source.next();
      let free = true;
      for (let i = 0; i < request.blocks && free; i += 1) free = !this.#busy.has(request.vbn + i);
      if (free) return request;
    }
    return null;
  }

  /** True when the volume answered. */
  async #request(): Promise<boolean> {
    const request = this.#place();
    if (request === null) return false;
    for (let i = 0; i < request.blocks; i += 1) this.#busy.add(request.vbn + i);
    try {
      if (request.kind === 'read') await this.#verifiedRead(request);
      else await this.#stampedWrite(request);
      this.#stalled = false;
      return true;
    } catch (error) {
      this.#failed += 1;
      this.#stalled = true;
      this.#lastError = error instanceof Error ? error.message : String(error);
      return false;
    } finally {
      for (let i = 0; i < request.blocks; i += 1) this.#busy.delete(request.vbn + i);
    }
  }

  async #stampedWrite(request: Request): Promise<void> {
    const { ledger, target, clock } = this.#options;
    const first = ledger.issue(request.vbn, request.blocks);
    const data = new Uint8Array(request.blocks * BLOCK_BYTES);
    const wallMs = Math.max(0, Math.floor(clock.wallMs()));
    for (let i = 0; i < request.blocks; i += 1) {
      const stamp = { stream: ledger.stream, vbn: request.vbn + i, sequence: first + i, wallMs, run: this.#run };
      stampBlock(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), stamp);
    }
    await this.#inLedger(ledger.flushed());
    const issuedAtMs = clock.nowMs();
    await target.write(request.vbn * BLOCK_BYTES, data);
    await this.#inLedger(ledger.acknowledge(request.vbn, request.blocks, first));
    const atMs = clock.nowMs();
    this.#acknowledged += request.blocks;
    this.#latencyMs += (atMs - issuedAtMs - this.#latencyMs) / 16;
    this.#options.onAcknowledged?.(request.blocks, issuedAtMs, atMs);
  }

  /** A ledger that cannot be written ends the workload: it could no longer say what was promised. */
  async #inLedger(entered: Promise<void>): Promise<void> {
    try {
      await entered;
    } catch (error) {
      if (this.#state !== 'failed') {
        this.#state = 'failed';
        this.#wake();
        this.#options.onFailed?.(
          `the ledger cannot be written: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      throw error;
    }
  }

  async #verifiedRead(request: Request): Promise<void> {
    const { ledger, target } = this.#options;
    const promised: number[] = [];
    for (let i = 0; i < request.blocks; i += 1) promised.push(ledger.acknowledgedSequence(request.vbn + i));
    const bytes = await target.read(request.vbn * BLOCK_BYTES, request.blocks * BLOCK_BYTES);
    for (let i = 0; i < request.blocks; i += 1) {
      const vbn = request.vbn + i;
      if (ledger.issuedSequence(vbn) === 0) continue;
      const verdict = judge(
        bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
        ledger.stream,
        vbn,
        promised[i] ?? 0,
      );
      if (verdict.kind === 'good') continue;
      this.#violations += 1;
      this.#options.onViolation?.({
        kind: verdict.kind,
        vbn,
        promisedSequence: promised[i] ?? 0,
        foundSequence: verdict.sequence,
      });
    }
    this.#read += request.blocks;
  }
}

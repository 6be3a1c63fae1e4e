/**
 * Long work. A job is in the catalog before it starts and after every change of state; what the host's end interrupted
 * is taken up again by its kind's resumer, or failed with the reason. A job is done only when its effect was looked for
 * and found (scenario 76).
 */
import type { Job, JobState, Refusal } from '../contract/index.ts';
import { isFinished } from '../contract/index.ts';
import { assert, type Clock, type Random } from '../runtime/index.ts';
import type { Catalog } from './catalog/index.ts';
import type { EventStream } from './event-stream.ts';
import { instant } from './instant.ts';
import { refusal, refusalOf, refuse } from './refused.ts';

export type JobResult = Record<string, unknown>;
export type JobMemory = Readonly<Record<string, unknown>>;

export interface JobSpec {
  /** `<noun>/<what>` */
  readonly kind: string;
  /** `<noun>/<name>` */
  readonly subject: string;
  /** All that a resumer needs to take the job up again. */
  readonly parameters?: Record<string, unknown>;
  readonly canPause?: boolean;
  readonly canCancel?: boolean;
}

export interface JobControl {
  readonly id: string;
  /** `total` null: the end is not known. Units are bytes where a rate is to be shown. */
  progress(report: {
    readonly phase?: string;
    readonly done?: number;
    readonly total?: number | null;
    readonly bytes?: boolean;
  }): void;
  /** To be called between steps: waits while paused, throws when cancelled. */
  checkpoint(): Promise<void>;
  /** What a resumer is to know: `done` work must be durable before it is remembered. `now` saves it at once. */
  remember(memory: JobMemory, now?: boolean): void;
  /** True when the host ends: what was begun stays, for the next opening. */
  readonly interrupted: boolean;
  readonly signal: AbortSignal;
}

export interface JobWork {
  /** Does the work and returns its result. */
  run(control: JobControl): Promise<JobResult>;
  /** Looks whether the effect is there; the sentence says what is missing. */
  verify(result: JobResult): Promise<string | null>;
  /** Where pausing and cancelling have to reach something beyond `checkpoint`. */
  pause?(): Promise<void>;
  resume?(): Promise<void>;
  cancel?(): Promise<void>;
}

/** Takes an interrupted job up again, or says as a sentence why it cannot be. */
export type Resumer = (job: {
  readonly id: string;
  readonly subject: string;
  readonly parameters: Record<string, unknown>;
  readonly memory: JobMemory;
}) => JobWork | string;

interface StoredJob extends Omit<Job, 'createdAt' | 'endedAt'> {
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  readonly parameters: Record<string, unknown>;
  /** Absent in catalogs of the first format. */
  readonly memory?: JobMemory;
}

interface LiveJob {
  stored: StoredJob;
  readonly work: JobWork;
  readonly abort: AbortController;
  paused: (() => void)[] | null;
  savedAtMs: number;
  rate: { atMs: number; done: number } | null;
  finished: Promise<void>;
}

class JobCancelled extends Error {}

/** Why nothing but a sync, an import or an export goes on after a restart. */
const NOT_RESUMED = 'work of this kind is a single step, which took place or did not';
const SAVE_EVERY_MS = 1_000;
const RATE_WINDOW_MS = 500;

export class Jobs {
  readonly #catalog: Catalog;
  readonly #events: EventStream;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #live = new Map<string, LiveJob>();
  readonly #waiters = new Map<string, (() => void)[]>();
  #changed: (job: Job) => void = () => undefined;
  #closed = false;

  constructor(options: {
    readonly catalog: Catalog;
    readonly events: EventStream;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#catalog = options.catalog;
    this.#events = options.events;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  onChange(changed: (job: Job) => void): void {
    this.#changed = changed;
  }

  start(spec: JobSpec, work: JobWork): Job {
    assert(!this.#closed, 'a closed lab starts no jobs');
    const stored: StoredJob = {
      id: this.#random.id(),
      kind: spec.kind,
      subject: spec.subject,
      state: 'running',
      phase: 'starting',
      progress: null,
      rateBytesPerSecond: null,
      etaSeconds: null,
      canPause: spec.canPause ?? false,
      canCancel: spec.canCancel ?? false,
      createdAtMs: this.#clock.wallMs(),
      endedAtMs: null,
      result: null,
      error: null,
      parameters: spec.parameters ?? {},
      memory: {},
    };
    this.#events.append({
      kind: 'job/started',
      severity: 'info',
      subject: spec.subject,
      message: `${title(spec.kind)} started`,
      details: { job: stored.id },
    });
    return this.#launch(stored, work);
  }

  /** At opening: what was unfinished goes on or fails with a reason. */
  recover(resumers: Readonly<Record<string, Resumer>>): void {
    for (const document of this.#catalog.all('jobs')) {
      const stored = document.body as StoredJob;
      if (isFinished(stored.state)) continue;
      const work = resumers[stored.kind]?.({ ...stored, memory: stored.memory ?? {} }) ?? NOT_RESUMED;
      if (typeof work === 'string') {
        const error = refusal(
          'job/interrupted',
          `The host ended while this ran, and it was not taken up again: ${work}.`,
          `Look at ${stored.subject} to see what it left behind, then start it again.`,
        );
        this.#save({
          ...stored,
          state: 'failed',
          endedAtMs: this.#clock.wallMs(),
          etaSeconds: null,
          rateBytesPerSecond: null,
          error,
        });
        this.#events.append({
          kind: 'job/failed',
          severity: 'error',
          subject: stored.subject,
          message: `${title(stored.kind)} was interrupted by the end of the host and not taken up again: ${work}`,
          details: { job: stored.id },
        });
        continue;
      }
      this.#events.append({
        kind: 'job/resumed',
        severity: 'notice',
        subject: stored.subject,
        message: `${title(stored.kind)} was taken up again after a restart`,
        details: { job: stored.id },
      });
      this.#launch({ ...stored, phase: 'taken up again' }, work);
    }
  }

  list(filter: { readonly state?: JobState | undefined; readonly limit?: number | undefined } = {}): Job[] {
    const jobs = this.#catalog
      .all('jobs')
      .map((document) => this.#present(this.#live.get(document.id)?.stored ?? (document.body as StoredJob)));
    const matching = filter.state === undefined ? jobs : jobs.filter((job) => job.state === filter.state);
    return filter.limit === undefined ? matching : matching.slice(-filter.limit);
  }

  show(id: string): Job {
    return this.#present(this.#stored(id));
  }

  /** Running jobs of a subject. */
  running(subject?: string): Job[] {
    return [...this.#live.values()]
      .map((live) => live.stored)
      .filter((job) => subject === undefined || job.subject === subject)
      .map((job) => this.#present(job));
  }

  /** Refuses while a job rewrites the volume: two of them, or a host beside one, would leave a mixture. */
  refuseWhileImporting(volume: string): void {
    const job = this.running(`volume/${volume}`).find((one) => one.kind === 'volume/import');
    if (job !== undefined)
      refuse(
        'volume/busy',
        `A job (${job.kind}, ${job.id}) rewrites ${volume}; it is ${job.state}.`,
        'Wait for it, resume it, or cancel it.',
        { field: 'volume', details: { job: job.id } },
      );
  }

  /** The finished job, or as it is after `timeoutMs`. */
  async wait(id: string, timeoutMs?: number): Promise<Job> {
    const job = this.show(id);
    if (isFinished(job.state)) return job;
    await new Promise<void>((resolve) => {
      const timer = timeoutMs === undefined ? null : this.#clock.after(timeoutMs, resolve);
      const waiters = this.#waiters.get(id) ?? [];
      waiters.push(() => {
        timer?.cancel();
        resolve();
      });
      this.#waiters.set(id, waiters);
    });
    return this.show(id);
  }

  async cancel(id: string): Promise<Job> {
    const live = this.#running(id, 'cancel', (job) => job.canCancel);
    await live.work.cancel?.();
    live.abort.abort(new JobCancelled('cancelled'));
    this.#wake(live);
    await live.finished;
    return this.show(id);
  }

  async pause(id: string): Promise<Job> {
    const live = this.#running(id, 'pause', (job) => job.canPause);
    if (live.paused === null) {
      await live.work.pause?.();
      live.paused = [];
      this.#update(live, { state: 'paused', rateBytesPerSecond: null, etaSeconds: null }, true);
    }
    return this.show(id);
  }

  async resume(id: string): Promise<Job> {
    const live = this.#running(id, 'resume', (job) => job.canPause);
    if (live.paused !== null) {
      await live.work.resume?.();
      live.rate = null;
      this.#update(live, { state: 'running' }, true);
      this.#wake(live);
    }
    return this.show(id);
  }

  /** The host ends: jobs stay unfinished in the catalog and are recovered at the next opening. */
  close(): void {
    for (const live of this.#live.values()) this.#save(live.stored);
    this.#closed = true;
    for (const live of this.#live.values()) {
      live.abort.abort(new JobCancelled('the host ends'));
      this.#wake(live);
    }
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter();
    this.#waiters.clear();
  }

  #launch(stored: StoredJob, work: JobWork): Job {
    const live: LiveJob = {
      stored,
      work,
      abort: new AbortController(),
      paused: stored.state === 'paused' ? [] : null,
      savedAtMs: this.#clock.nowMs(),
      rate: null,
      finished: Promise.resolve(),
    };
    this.#live.set(stored.id, live);
    this.#save(stored);
    live.finished = this.#run(live);
    return this.#present(live.stored);
  }

  async #run(live: LiveJob): Promise<void> {
    const outcome = await this.#outcome(live);
    if (this.#closed) return;
    this.#live.delete(live.stored.id);
    live.stored = { ...live.stored, ...outcome, endedAtMs: this.#clock.wallMs(), etaSeconds: null };
    this.#save(live.stored);
    const { id, kind, subject, state, error } = live.stored;
    const message =
      state === 'done'
        ? `${title(kind)} finished`
        : state === 'cancelled'
          ? `${title(kind)} was cancelled`
          : `${title(kind)} failed: ${error?.message ?? ''}`;
    this.#events.append({
      kind: `job/${state}`,
      severity: state === 'failed' ? 'error' : 'info',
      subject,
      message,
      details: { job: id, ...(error === null ? {} : { code: error.code }) },
    });
    const waiters = this.#waiters.get(id) ?? [];
    this.#waiters.delete(id);
    for (const waiter of waiters) waiter();
  }

  async #outcome(
    live: LiveJob,
  ): Promise<{ state: JobState; result: JobResult | null; error: Refusal | null; progress: number | null }> {
    const { progress } = live.stored;
    try {
      const result = await live.work.run(this.#control(live));
      const missing = await live.work.verify(result);
      if (missing !== null) {
        const error = refusal(
          'job/effect-absent',
          `Every step succeeded, but ${missing}.`,
          'Nothing is assumed done; look at the subject and start the job again.',
        );
        return { state: 'failed', result, error, progress: live.stored.progress };
      }
      return { state: 'done', result, error: null, progress: 1 };
    } catch (error) {
      if (live.abort.signal.aborted) return { state: 'cancelled', result: null, error: null, progress };
      return { state: 'failed', result: null, error: refusalOf(error, 'job/failed'), progress: live.stored.progress };
    }
  }

  #control(live: LiveJob): JobControl {
    const isClosed = (): boolean => this.#closed;
    return {
      get interrupted() {
        return isClosed();
      },
      remember: (memory, now = false) =>
        this.#update(live, { memory }, now || this.#clock.nowMs() - live.savedAtMs >= SAVE_EVERY_MS),
      id: live.stored.id,
      signal: live.abort.signal,
      progress: (report) => this.#progress(live, report),
      checkpoint: async () => {
        live.abort.signal.throwIfAborted();
        const waiting = live.paused;
        if (waiting === null) return;
        await new Promise<void>((resolve) => waiting.push(resolve));
        live.abort.signal.throwIfAborted();
      },
    };
  }

  #progress(
    live: LiveJob,
    report: {
      readonly phase?: string;
      readonly done?: number;
      readonly total?: number | null;
      readonly bytes?: boolean;
    },
  ): void {
    const nowMs = this.#clock.nowMs();
    let { rateBytesPerSecond, etaSeconds, progress } = live.stored;
    if (report.done !== undefined) {
      progress =
        report.total === undefined || report.total === null || report.total === 0
          ? progress
          : Math.min(1, Math.max(0, report.done / report.total));
      live.rate ??= { atMs: nowMs, done: report.done };
      const elapsedMs = nowMs - live.rate.atMs;
      if (elapsedMs >= RATE_WINDOW_MS) {
        const perSecond = Math.max(0, ((report.done - live.rate.done) / elapsedMs) * 1000);
        const smoothed = rateBytesPerSecond === null ? perSecond : rateBytesPerSecond * 0.6 + perSecond * 0.4;
        if (report.bytes !== false) rateBytesPerSecond = smoothed;
        const left = (report.total ?? report.done) - report.done;
        etaSeconds = smoothed > 0 && report.total !== null ? left / smoothed : null;
        live.rate = { atMs: nowMs, done: report.done };
      }
    }
    this.#update(
      live,
      { phase: report.phase ?? live.stored.phase, progress, rateBytesPerSecond, etaSeconds },
      nowMs - live.savedAtMs >= SAVE_EVERY_MS,
    );
  }

  #update(live: LiveJob, change: Partial<StoredJob>, save: boolean): void {
    if (this.#closed || !this.#live.has(live.stored.id)) return;
    live.stored = { ...live.stored, ...change };
    if (save) {
      live.savedAtMs = this.#clock.nowMs();
      this.#save(live.stored);
    } else {
      this.#changed(this.#present(live.stored));
    }
  }

  #save(stored: StoredJob): void {
    this.#catalog.put('jobs', { id: stored.id, name: stored.id, body: stored });
    this.#changed(this.#present(stored));
  }

  #wake(live: LiveJob): void {
    const waiting = live.paused ?? [];
    live.paused = null;
    for (const wake of waiting) wake();
  }

  #stored(id: string): StoredJob {
    const stored = this.#live.get(id)?.stored ?? (this.#catalog.get('jobs', id)?.body as StoredJob | undefined);
    if (stored === undefined)
      refuse('job/not-found', `There is no job ${id}.`, 'List the jobs to see their ids.', { field: 'job' });
    return stored;
  }

  #running(id: string, verb: string, can: (job: StoredJob) => boolean): LiveJob {
    const stored = this.#stored(id);
    const live = this.#live.get(id);
    if (live === undefined)
      refuse('job/finished', `This job is ${stored.state} already.`, 'There is nothing to do.', { field: 'job' });
    if (!can(stored))
      refuse('job/not-supported', `A job of kind ${stored.kind} has no ${verb}.`, 'Wait for it to end.', {
        field: 'job',
      });
    return live;
  }

  #present(stored: StoredJob): Job {
    const { parameters: _parameters, memory: _memory, createdAtMs, endedAtMs, ...shown } = stored;
    return { ...shown, createdAt: instant(createdAtMs), endedAt: endedAtMs === null ? null : instant(endedAtMs) };
  }
}

function title(kind: string): string {
  const [noun = '', what = ''] = kind.split('/');
  const text = `${noun} ${what.replaceAll('-', ' ')}`.trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

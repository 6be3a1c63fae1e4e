/** Actions on a mirror as jobs: watched to their end, across restarts, and done when their effect was found. */
import type { MirrorAction } from '../contract/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { JobControl, JobWork, Resumer } from './jobs.ts';
import { refusalFrom, unreachable, type MirrorSides } from './mirror-sides.ts';
import { Refused } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import type { ActionOutcome } from './server/types.ts';
import type { MirrorRecord, Topology } from './topology.ts';

export interface MirrorJobsEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly sides: MirrorSides;
}

const WATCH_MS = 100;
/** How long an action waits for the state that proves it. */
const EFFECT_MS = 15_000;

/** How long a sync that lost its peer may rest before its job is given up. */
const TAKEN_UP_MS = 20_000;

export const RUNNING_SYNC: readonly string[] = ['establish', 'resync', 'reverse-resync', 'overwrite-primary'];

export class MirrorJobs {
  readonly #environment: MirrorJobsEnvironment;

  constructor(environment: MirrorJobsEnvironment) {
    this.#environment = environment;
  }

  work(record: MirrorRecord, action: MirrorAction, unit: ServerUnit, outcome: ActionOutcome | null): JobWork {
    const direct = (what: 'pause' | 'resume') => async (): Promise<void> => {
      const at = this.#environment.sides.sideFor(this.#environment.sides.view(record), what);
      if (at === null) throw new Refused(unreachable(record));
      const answer = await at.unit.ask((face) => face.act(record.id, what, { confirmed: true }));
      if (answer.kind === 'refused') throw new Refused(refusalFrom(answer.refusal));
    };
    return {
      run: async (control) => {
        if (outcome?.kind === 'done') return outcome.result;
        return this.#watch(record, action, unit, outcome, control);
      },
      verify: () => this.#effect(record, action),
      pause: direct('pause'),
      resume: direct('resume'),
    };
  }

  /** Work in the servers goes on by itself, also across their restarts; the job watches it to the end. */
  async #watch(
    record: MirrorRecord,
    action: MirrorAction,
    unit: ServerUnit,
    outcome: ActionOutcome | null,
    control: JobControl,
  ): Promise<Record<string, unknown>> {
    let finished: { readonly result: Record<string, unknown> } | { readonly error: unknown } | null = null;
    if (outcome?.kind === 'running') {
      outcome.finished.then(
        (result) => (finished = { result }),
        (error: unknown) => (finished = { error }),
      );
    }
    const current = (): { readonly result: Record<string, unknown> } | { readonly error: unknown } | null => finished;
    let lives = outcome?.kind === 'running';
    if (lives) void unit.over().then(() => (lives = false));
    let last: Record<string, unknown> = {};
    let giveUpAtMs: number | null = null;
    for (;;) {
      const done = current();
      if (done !== null && 'result' in done) return done.result;
      const nowMs = this.#environment.clock.nowMs();
      if (done !== null && 'error' in done) {
        // A sync that lost its peer is taken up by the servers themselves; only when they do not is it over.
        lives = false;
        giveUpAtMs ??= nowMs + TAKEN_UP_MS;
        if (!RUNNING_SYNC.includes(action) || nowMs >= giveUpAtMs) throw done.error;
      }
      // Verify and the overwriting of a primary are no syncs of the relationship: only the action itself knows how far it is.
      const own = outcome?.kind === 'running' && done === null ? outcome.progress() : null;
      const sync =
        own?.kind === 'verify' || own?.kind === 'overwrite-primary'
          ? own
          : (this.#environment.sides.view(record).leading?.resync ?? null);
      if (sync !== null) {
        if (giveUpAtMs !== null) giveUpAtMs = nowMs + TAKEN_UP_MS;
        last = {
          regionsTotal: sync.regionsTotal,
          regionsDiffering: sync.regionsDiffering,
          bytesCopied: sync.bytesCopied,
          bytesVolume: sync.bytesVolume,
        };
        control.progress({
          phase: sync.paused ? 'paused' : sync.kind,
          done: sync.regionsDone * 65_536,
          total: sync.regionsTotal * 65_536,
        });
      } else if (!lives && (await this.#settled(record, action))) {
        return last;
      }
      await this.#environment.clock.sleep(WATCH_MS);
      control.signal.throwIfAborted();
    }
  }

  /** Without the server's own word (it died or the host restarted): is there nothing left to wait for? */
  async #settled(record: MirrorRecord, action: MirrorAction): Promise<boolean> {
    const view = this.#environment.sides.view(record);
    if (view.leading === null || view.source === null || view.destination === null) return false;
    return (await this.#missing(record, action)) === null || !RUNNING_SYNC.includes(action);
  }

  async #effect(record: MirrorRecord, action: MirrorAction): Promise<string | null> {
    const { clock } = this.#environment;
    const untilMs = clock.nowMs() + EFFECT_MS;
    for (;;) {
      const missing = await this.#missing(record, action);
      if (missing === null || clock.nowMs() >= untilMs) return missing;
      await clock.sleep(WATCH_MS);
    }
  }

  /** What the effect of an action still lacks, as a sentence; null when it is there. */
  async #missing(record: MirrorRecord, action: MirrorAction): Promise<string | null> {
    if (action === 'delete')
      return this.#environment.sides.view(record).leading === null ? null : `${record.name} still exists`;
    const view = this.#environment.sides.view(record);
    const status = view.leading;
    if (status === null) return `no server of ${record.name} can be asked`;
    const equal = status.imageState === 'Synchronized' || status.imageState === 'Consistent';
    const acting = this.#environment.sides.acting(record);
    const say = (held: boolean, sentence: string): string | null => (held ? null : sentence);
    switch (action) {
      case 'establish':
      case 'resync':
      case 'overwrite-primary':
        return say(equal, `${record.name} is ${status.imageState}`);
      case 'reverse-resync':
        return say(
          equal && status.direction === 'reversed',
          `${record.name} is ${status.imageState}, ${status.direction}`,
        );
      case 'failover':
      case 'switchover':
        return say(
          acting?.home === 'destination' && status.direction === 'reversed',
          `${record.name} is not served by its destination`,
        );
      case 'failback':
        return say(
          acting?.home === 'source' && status.direction === 'forward',
          `${record.name} is not served by its source`,
        );
      case 'fracture':
        return say(
          !equal || status.conditions.some((condition) => condition.code === 'FracturedAdmin'),
          `${record.name} is not fractured`,
        );
      case 'pause':
        return say(status.resync?.paused !== false, 'the sync goes on');
      case 'resume':
        return say(status.resync?.paused !== true, 'the sync is still paused');
      case 'rollback':
        return say(status.imageState !== 'RollingBack', 'the rollback has not ended');
      case 'resolve':
        return say(status.imageState !== 'Diverged', `${record.name} is still diverged`);
      case 'verify':
        return null;
    }
  }

  /** For jobs that a restart of the host interrupted. */
  resumers(): Record<string, Resumer> {
    const resumer: (action: MirrorAction) => Resumer = (action) => (job) => {
      const record = this.#environment.topology.mirrors.byId(String(job.parameters['mirrorId']));
      if (record === undefined) return 'the mirror was deleted';
      const unit = this.#environment.unitOf(
        this.#environment.topology.ownerOf(this.#environment.topology.volumes.get(record.sourceVolumeId)).id,
      );
      return this.work(record, action, unit, null);
    };
    return Object.fromEntries(RUNNING_SYNC.map((action) => [`mirror/${action}`, resumer(action as MirrorAction)]));
  }
}

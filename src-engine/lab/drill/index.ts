/**
 * The drill: the main job of the product as a state machine whose state is in the catalog after every step. It breaks a
 * site on purpose, so what it owes is remembered too: until its clean-up is complete no second drill starts.
 */
import type { Drill, DrillStepId } from '../../contract/index.ts';
import { DRILL_STEPS } from '../../contract/index.ts';
import type { Lab } from '../lab.ts';
import { Refused, refusal, refusalOf, refuse } from '../refused.ts';
import type { MirrorRecord } from '../topology.ts';
import { newSteps, present, TITLES, type StoredDrill, type StoredStep } from './model.ts';
import { runStep, type StepContext } from './steps.ts';

class DrillEnded extends Error {}

/** How long a clean-up waits for the way back to the home roles. */
const FAIL_BACK_MS = 60_000;

export class Drills {
  readonly #lab: Lab;
  #drill: StoredDrill | null = null;
  #running: Promise<void> = Promise.resolve();
  #cancelled = false;
  #closed = false;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** At opening: a guided drill that waited goes on waiting; one that ran has left something behind. */
  recover(): void {
    for (const document of this.#lab.catalog.all('drills')) {
      const drill = document.body as StoredDrill;
      if (drill.state === 'waiting') this.#drill = drill;
      if (drill.state !== 'running') continue;
      const error = refusal(
        'drill/interrupted',
        'The host ended while the drill ran.',
        'Cancel the drill: that heals what it broke.',
      );
      this.#save({
        ...drill,
        state: 'cleanup-incomplete',
        error,
        steps: drill.steps.map((step) => (step.state === 'running' ? { ...step, state: 'failed' } : step)),
      });
      this.#lab.events.append({
        kind: 'drill/cleanup-incomplete',
        severity: 'warning',
        subject: `mirror/${drill.mirror}`,
        message: 'The drill was interrupted by the end of the host; its clean-up is incomplete',
        details: { drill: drill.id },
      });
    }
  }

  list(): Drill[] {
    return this.#all().map(present);
  }

  status(id?: string): Drill | null {
    if (id === undefined) {
      const newest = this.#all().at(-1);
      return newest === undefined ? null : present(newest);
    }
    return present(this.#find(id));
  }

  start(options: {
    readonly guided: boolean;
    readonly mirror?: string | undefined;
    readonly seed?: number | undefined;
  }): Drill {
    const lab = this.#lab;
    const active = this.#all().find(
      (drill) => drill.state === 'running' || drill.state === 'waiting' || drill.state === 'cleanup-incomplete',
    );
    if (active !== undefined) {
      const what =
        active.state === 'cleanup-incomplete' ? 'The clean-up of the last drill is incomplete' : 'A drill runs already';
      refuse('R20', `${what}; clean it up first.`, 'Cancel that drill: this heals what it broke and ends it.', {
        details: { drill: active.id, state: active.state },
      });
    }
    const mirror =
      options.mirror === undefined ? lab.topology.mirrors.list()[0] : lab.topology.mirrors.find(options.mirror);
    if (mirror === undefined)
      refuse('drill/no-mirror', 'This lab has no mirror to drill.', 'Create the two-site demo lab, or a mirror.');
    const drill: StoredDrill = {
      id: lab.machine.random.id(),
      state: options.guided ? 'waiting' : 'running',
      guided: options.guided,
      mirrorId: mirror.id,
      mirror: mirror.name,
      seed: options.seed ?? lab.machine.random.u32(),
      startedAtMs: lab.clock.wallMs(),
      endedAtMs: null,
      steps: newSteps().map((step, index): StoredStep =>
        options.guided && index === 0 ? { ...step, state: 'waiting' } : step,
      ),
      measured: {},
      faultId: null,
      workloadId: null,
      report: null,
      error: null,
    };
    this.#cancelled = false;
    this.#drill = drill;
    this.#save(drill);
    lab.events.append({
      kind: 'drill/started',
      severity: 'notice',
      subject: `mirror/${mirror.name}`,
      message: `A${options.guided ? ' guided' : ''} drill of ${mirror.name} began`,
      details: { drill: drill.id, seed: drill.seed },
    });
    if (!options.guided) this.#running = this.#run(DRILL_STEPS.length);
    return present(this.#current());
  }

  /** A drill runs, waits to be advanced, or has not cleaned up. */
  get underWay(): boolean {
    return this.list().some(
      ({ state }) => state === 'running' || state === 'waiting' || state === 'cleanup-incomplete',
    );
  }

  /** Begins the next step of a guided drill and returns with it running. */
  advance(id: string): Drill {
    const drill = this.#find(id);
    if (drill.state !== 'waiting' || this.#drill?.id !== id)
      refuse('drill/not-waiting', `This drill is ${drill.state}.`, 'Only a guided drill that waits has a next step.', {
        field: 'drill',
      });
    this.#update({ state: 'running' });
    this.#running = this.#run(1);
    return present(this.#current());
  }

  /** Ends the drill and heals what it broke; also retries an incomplete clean-up. */
  async cancel(id: string): Promise<Drill> {
    const drill = this.#find(id);
    if (
      drill.state === 'done' ||
      drill.state === 'cancelled' ||
      (drill.state === 'failed' && drill.faultId === null && drill.workloadId === null)
    ) {
      refuse('drill/ended', `This drill is ${drill.state} already.`, 'There is nothing to clean up.', {
        field: 'drill',
      });
    }
    this.#cancelled = true;
    await this.#running;
    this.#drill = this.#find(id);
    await this.#cleanUp('cancelled');
    return present(this.#find(id));
  }

  close(): void {
    this.#closed = true;
  }

  /** After `close`, once the servers are down: resolves when no step acts any more. */
  rested(): Promise<void> {
    return this.#running;
  }

  async #run(steps: number): Promise<void> {
    for (let taken = 0; taken < steps; taken += 1) {
      const next = this.#current().steps.find((step) => step.state === 'pending' || step.state === 'waiting');
      if (next === undefined) break;
      try {
        await this.#step(next.id);
      } catch (error) {
        if (this.#closed) return;
        if (this.#cancelled) return;
        if (error instanceof DrillEnded) return;
        this.#update({ error: refusalOf(error, 'drill/step-failed') });
        this.#lab.events.append({
          kind: 'drill/failed',
          severity: 'error',
          subject: `mirror/${this.#current().mirror}`,
          message: `The drill failed at “${TITLES[next.id].title}”: ${error instanceof Error ? error.message : String(error)}`,
          details: { drill: this.#current().id, step: next.id },
        });
        await this.#cleanUp('failed');
        return;
      }
    }
    const left = this.#current().steps.find((step) => step.state === 'pending');
    if (left === undefined) {
      const { report, mirror, id } = this.#current();
      this.#update({ state: 'done', endedAtMs: this.#lab.clock.wallMs() });
      this.#lab.events.append({
        kind: 'drill/done',
        severity: report?.verdict === 'pass' ? 'notice' : 'critical',
        subject: `mirror/${mirror}`,
        message: `The drill of ${mirror} ended: ${report?.verdict ?? 'no verdict'}`,
        details: { drill: id },
      });
      return;
    }
    this.#setStep(left.id, { state: 'waiting' });
    this.#update({ state: 'waiting' });
  }

  async #step(id: DrillStepId): Promise<void> {
    this.#setStep(id, { state: 'running', startedAtMs: this.#lab.clock.wallMs(), progress: null });
    const context: StepContext = {
      lab: this.#lab,
      drill: () => this.#current(),
      remember: (change) => this.#update(change),
      progress: (fraction) =>
        this.#setStep(id, { progress: fraction === null ? null : Math.min(1, Math.max(0, fraction)) }, false),
      alive: () => {
        if (this.#closed || this.#cancelled) throw new DrillEnded('the drill was ended');
      },
    };
    try {
      const facts = await runStep(id, context);
      this.#setStep(id, { state: 'done', endedAtMs: this.#lab.clock.wallMs(), progress: 1, facts });
      this.#lab.events.append({
        kind: 'drill/step',
        severity: 'info',
        subject: `mirror/${this.#current().mirror}`,
        message: `Drill: ${TITLES[id].title} — done`,
        details: { drill: this.#current().id, step: id },
      });
    } catch (error) {
      if (!this.#closed) this.#setStep(id, { state: 'failed', endedAtMs: this.#lab.clock.wallMs() });
      throw error;
    }
  }

  /** What is owed is durable before the first repair: an end in the middle of it leaves `cleanup-incomplete`. */
  async #cleanUp(outcome: 'cancelled' | 'failed'): Promise<void> {
    const lab = this.#lab;
    this.#update({ state: 'cleanup-incomplete' });
    const problems: string[] = [];
    const attempt = async (what: string, repair: () => Promise<unknown>): Promise<void> => {
      try {
        await repair();
      } catch (error) {
        problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    const { workloadId, mirrorId, error } = this.#current();
    const mirror = lab.topology.mirrors.byId(mirrorId);
    const volume = mirror === undefined ? undefined : lab.topology.volumes.byId(mirror.sourceVolumeId);
    if (volume !== undefined) lab.workloads.release(volume);
    await attempt('stopping the workload', async () => {
      if (workloadId !== null && volume !== undefined && lab.workloads.runningOn(volume.id)?.id === workloadId)
        await lab.workloads.stop(workloadId);
      this.#update({ workloadId: null });
    });
    await attempt('bringing the site back', async () => {
      const owed =
        this.#current().faultId ??
        this.#siteLossOf(volume === undefined ? null : lab.topology.siteOfVolume(volume).name);
      if (owed !== null && lab.faults.list().some((fault) => fault.id === owed)) await lab.faults.clear(owed);
      this.#update({ faultId: null });
    });
    if (mirror !== undefined && problems.length === 0) {
      await attempt('failing back', async () => {
        // What is possible shows only once both sides have talked; then resync back, then swap.
        const untilMs = lab.clock.nowMs() + FAIL_BACK_MS;
        while (lab.mirrors.present(mirror).direction === 'reversed' && lab.clock.nowMs() < untilMs && !this.#closed) {
          const { actions } = lab.mirrors.present(mirror);
          const action = (['failback', 'reverse-resync'] as const).find((name) =>
            actions.some((one) => one.action === name && one.allowed),
          );
          if (action !== undefined) await this.#actOnce(mirror, action);
          await lab.clock.sleep(100);
        }
        if (lab.mirrors.present(mirror).direction === 'reversed') throw new Error(`${mirror.name} is still reversed`);
      });
    }
    if (this.#closed) return; // what is owed stays in the catalog
    if (problems.length > 0) {
      this.#update({
        error: refusal(
          'drill/cleanup-incomplete',
          problems.join('; '),
          'Repair what is named, then cancel the drill again.',
          { details: error === null ? {} : { first: error.message } },
        ),
      });
      lab.events.append({
        kind: 'drill/cleanup-incomplete',
        severity: 'error',
        subject: `mirror/${this.#current().mirror}`,
        message: `The drill’s clean-up is incomplete: ${problems.join('; ')}`,
        details: { drill: this.#current().id },
      });
      return;
    }
    this.#update({ state: outcome, endedAtMs: lab.clock.wallMs(), error });
    lab.events.append({
      kind: `drill/${outcome}`,
      severity: 'notice',
      subject: `mirror/${this.#current().mirror}`,
      message:
        outcome === 'cancelled' ? 'The drill was cancelled and cleaned up' : 'What the failed drill broke was healed',
      details: { drill: this.#current().id },
    });
  }

  /** One attempt; a refusal means that the moment has passed, and the caller looks again. */
  async #actOnce(mirror: MirrorRecord, action: 'failback' | 'reverse-resync'): Promise<void> {
    try {
      const job = await this.#lab.mirrors.act(mirror, action, { confirm: mirror.name });
      await this.#lab.jobs.wait(job.id, FAIL_BACK_MS);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  /** The fault of an interrupted drill whose id did not get into its record: the loss of its mirror's home site. */
  #siteLossOf(site: string | null): string | null {
    return (
      this.#lab.faults.list().find((fault) => fault.kind === 'site-loss' && fault.subject === `site/${site ?? ''}`)
        ?.id ?? null
    );
  }

  #all(): StoredDrill[] {
    return this.#lab.catalog
      .all('drills')
      .map((document) => (document.id === this.#drill?.id ? this.#drill : (document.body as StoredDrill)));
  }

  #find(id: string): StoredDrill {
    const drill = this.#all().find((one) => one.id === id);
    if (drill === undefined)
      refuse('drill/not-found', `There is no drill ${id}.`, 'List the drills to see their ids.', { field: 'drill' });
    return drill;
  }

  #current(): StoredDrill {
    if (this.#drill === null) throw new Error('no drill is current');
    return this.#drill;
  }

  #update(change: Partial<StoredDrill>, save = true): void {
    this.#drill = { ...this.#current(), ...change };
    if (save && !this.#closed) this.#save(this.#drill);
  }

  #setStep(id: DrillStepId, change: Partial<StoredStep>, save = true): void {
    this.#update(
      { steps: this.#current().steps.map((step) => (step.id === id ? { ...step, ...change } : step)) },
      save,
    );
  }

  #save(drill: StoredDrill): void {
    this.#lab.catalog.put('drills', { id: drill.id, name: drill.id, body: drill });
  }
}

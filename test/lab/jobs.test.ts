import { describe, expect, it } from 'vitest';
import { MemoryCatalog } from '../../src-engine/lab/catalog/index.ts';
import { EventStream } from '../../src-engine/lab/event-stream.ts';
import { Jobs, type JobWork } from '../../src-engine/lab/jobs.ts';
import { refuse } from '../../src-engine/lab/refused.ts';
import { ManualClock, seededRandom, settle } from '../host/memory.ts';

function setUp(catalog = new MemoryCatalog(), seed = 1) {
  const clock = new ManualClock();
  const events = new EventStream(catalog, () => clock.wallMs());
  const jobs = new Jobs({ catalog, events, clock, random: seededRandom(seed) });
  return { catalog, clock, events, jobs };
}
const spec = { kind: 'volume/import', subject: 'volume/payroll', canPause: true, canCancel: true };
const there = async (): Promise<null> => null;

/** Ten steps of 100 ms. */
function steps(clock: ManualClock, done: { steps: number }): JobWork {
  return {
    run: async (control) => {
      for (let step = 1; step <= 10; step += 1) {
        await control.checkpoint();
        await clock.sleep(100);
        done.steps += 1;
        control.progress({ phase: 'copying', done: step * 1000, total: 10_000 });
      }
      return { bytes: 10_000 };
    },
    verify: there,
  };
}

describe('a job', () => {
  it('shows progress, rate and remaining time, and ends with its result', async () => {
    const { clock, jobs } = setUp();
    const job = jobs.start(spec, steps(clock, { steps: 0 }));
    await clock.advance(750);
    const half = jobs.show(job.id);
    expect(half).toMatchObject({ state: 'running', progress: 0.7, phase: 'copying' });
    expect(half.rateBytesPerSecond).toBeCloseTo(10_000, -2);
    expect(half.etaSeconds).toBeGreaterThan(0.2);
    const waiting = jobs.wait(job.id);
    await clock.advance(1000);
    expect(await waiting).toMatchObject({
      state: 'done',
      progress: 1,
      result: { bytes: 10_000 },
      error: null,
      etaSeconds: null,
    });
  });
  it('scenario 76: fails, although every step succeeded, when its effect is absent', async () => {
    const { jobs, events } = setUp();
    const job = jobs.start(spec, {
      run: async () => ({ bytes: 5 }),
      verify: async () => 'the volume does not hold the file',
    });
    expect(await jobs.wait(job.id)).toMatchObject({ state: 'failed', error: { code: 'job/effect-absent' } });
    expect(jobs.show(job.id).error?.message).toContain('the volume does not hold the file');
    expect(events.page({ limit: 1 })[0]).toMatchObject({ kind: 'job/failed', severity: 'error' });
  });
  it('carries a refusal of its work to the outside', async () => {
    const { jobs } = setUp();
    const job = jobs.start(spec, { run: async () => refuse('R04', 'A sync is running.', 'Wait.'), verify: there });
    expect(await jobs.wait(job.id)).toMatchObject({ state: 'failed', error: { code: 'R04', hint: 'Wait.' } });
  });
  it('pauses between steps, resumes, and cancels', async () => {
    const { clock, jobs } = setUp();
    const done = { steps: 0 };
    const job = jobs.start(spec, steps(clock, done));
    await clock.advance(250);
    await jobs.pause(job.id);
    await clock.advance(2000);
    expect(done.steps).toBe(3);
    expect(jobs.show(job.id).state).toBe('paused');
    await jobs.resume(job.id);
    await clock.advance(200);
    expect(done.steps).toBeGreaterThan(3);
    const cancelling = jobs.cancel(job.id);
    await clock.advance(200);
    expect((await cancelling).state).toBe('cancelled');
    await expect(jobs.cancel(job.id)).rejects.toThrow('job/finished');
  });
  it('returns from a wait after the timeout with the job as it is', async () => {
    const { clock, jobs } = setUp();
    const job = jobs.start(spec, steps(clock, { steps: 0 }));
    const waiting = jobs.wait(job.id, 300);
    await clock.advance(310);
    expect((await waiting).state).toBe('running');
  });
});

describe('scenario 72: jobs after the host was killed', () => {
  it('are taken up again under their id where their kind can, and failed with the reason where not', async () => {
    const first = setUp();
    const resumable = first.jobs.start(
      { ...spec, kind: 'mirror/resync', subject: 'mirror/payroll', parameters: { mirror: 'm1' } },
      steps(first.clock, { steps: 0 }),
    );
    const lost = first.jobs.start(spec, steps(first.clock, { steps: 0 }));
    await first.clock.advance(250);
    // What the crash leaves is the catalog alone.
    const second = setUp(new MemoryCatalog(first.catalog), 2);
    let seen: unknown = null;
    second.jobs.recover({
      'mirror/resync': (job) => {
        seen = job.parameters;
        return { run: async () => ({ resumed: true }), verify: there };
      },
    });
    await settle();
    expect(seen).toEqual({ mirror: 'm1' });
    expect(await second.jobs.wait(resumable.id)).toMatchObject({ state: 'done', result: { resumed: true } });
    expect(second.jobs.show(lost.id)).toMatchObject({ state: 'failed', error: { code: 'job/interrupted' } });
    expect(second.jobs.show(lost.id).error?.message).toContain('was not taken up again: ');
    expect(second.jobs.list().map((job) => job.id)).toEqual([resumable.id, lost.id]);
  });
});

describe('events', () => {
  it('of severity warning or more are alerts, which are acknowledged once, by name or all up to an id', () => {
    const { events, catalog, clock } = setUp();
    const add = (severity: 'info' | 'warning' | 'error') =>
      events.append({ kind: 'mirror/state', subject: 'mirror/payroll', severity, message: severity }).id;
    const [error, , warning, later] = [add('error'), add('info'), add('warning'), add('error')] as const;
    const open = (): number[] => events.page({ after: 0, limit: 10, open: true }).map((event) => event.id);
    expect(open()).toEqual([error, warning, later]);
    expect(events.acknowledge({ events: [error] }, 'cli')).toBe(1);
    expect(events.acknowledge({ events: [error] }, 'console')).toBe(0);
    expect(events.acknowledge({ through: warning }, 'console')).toBe(1);
    expect(open()).toEqual([later]);
    // Acknowledging is an event itself, and outlives the host.
    const again = new EventStream(catalog, () => clock.wallMs());
    expect(again.page({ after: 0, limit: 10, kind: 'alert' })).toMatchObject([
      { kind: 'alert/acknowledged', severity: 'info', details: { events: [error], by: 'cli' } },
      { kind: 'alert/acknowledged', severity: 'info', details: { events: [warning], by: 'console' } },
    ]);
    expect(again.page({ after: 0, limit: 1 })[0]).toMatchObject({ id: error, acknowledged: { by: 'cli' } });
    expect(() => events.acknowledge({ events: [2] }, 'cli')).toThrow('event/no-alert');
    expect(() => events.acknowledge({ events: [99] }, 'cli')).toThrow('event/not-found');
  });
  it('are followed without gaps from any id, across restarts, and filtered by area, noun and severity', async () => {
    const { events, catalog, clock } = setUp();
    const add = (kind: string, subject: string, severity: 'info' | 'error' = 'info') =>
      events.append({ kind, subject, severity, message: kind });
    add('fault/injected', 'site/north', 'error');
    add('job/started', 'volume/payroll');
    const again = new EventStream(catalog, () => clock.wallMs());
    const followed: number[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of again.follow({ after: 1 }, stop.signal)) {
        followed.push(event.id);
        if (followed.length === 3) stop.abort();
      }
    })();
    await settle();
    expect(followed).toEqual([2]);
    again.append({ kind: 'a/b', severity: 'info', subject: 'x/y', message: '' });
    again.append({ kind: 'a/b', severity: 'info', subject: 'x/y', message: '' });
    await following;
    expect(followed).toEqual([2, 3, 4]);
    expect(again.page({ limit: 10, kind: 'fault' }).map((event) => event.id)).toEqual([1]);
    expect(again.page({ limit: 10, subject: 'volume' }).map((event) => event.id)).toEqual([2]);
    expect(again.page({ limit: 10, severity: 'error' }).map((event) => event.id)).toEqual([1]);
    expect(again.page({ limit: 2 }).map((event) => event.id)).toEqual([4, 3]);
    expect(again.page({ limit: 2, after: 1 }).map((event) => event.id)).toEqual([2, 3]);
  });
  it('end for every follower when the lab closes', async () => {
    const { events } = setUp();
    const following = (async () => {
      let count = 0;
      for await (const _event of events.follow({})) count += 1;
      return count;
    })();
    await settle();
    events.close();
    expect(await following).toBe(0);
  });
});

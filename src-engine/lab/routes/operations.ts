/** What runs and what happened: workloads, faults, jobs, events, drills. */
import type { Lab } from '../lab.ts';
import { PAGE } from './paging.ts';
import type { Procedures } from './procedures.ts';

export function operationRoutes(os: Procedures, lab: Lab) {
  const { topology } = lab;
  return {
    workload: {
      start: os.workload.start.handler(({ input }) =>
        lab.workloads.start({ ...input, volume: topology.volumes.find(input.volume) }),
      ),
      stop: os.workload.stop.handler(({ input }) => lab.workloads.stop(input.workload)),
      list: os.workload.list.handler(() => lab.workloads.list()),
      audit: os.workload.audit.handler(({ input }) =>
        lab.workloads.audit({
          workload: input.workload,
          volume: input.volume === undefined ? undefined : topology.volumes.find(input.volume),
        }),
      ),
    },
    fault: {
      inject: os.fault.inject.handler(({ input }) => lab.faults.inject(input.fault)),
      list: os.fault.list.handler(() => lab.faults.list()),
      clear: os.fault.clear.handler(({ input }) => lab.faults.clear(input.fault)),
    },
    job: {
      list: os.job.list.handler(({ input }) => lab.jobs.list(input ?? {})),
      show: os.job.show.handler(({ input }) => lab.jobs.show(input.job)),
      wait: os.job.wait.handler(({ input }) =>
        lab.jobs.wait(input.job, input.timeoutSeconds === undefined ? undefined : input.timeoutSeconds * 1000),
      ),
      cancel: os.job.cancel.handler(({ input }) => lab.jobs.cancel(input.job)),
      pause: os.job.pause.handler(({ input }) => lab.jobs.pause(input.job)),
      resume: os.job.resume.handler(({ input }) => lab.jobs.resume(input.job)),
    },
    event: {
      list: os.event.list.handler(({ input }) => ({
        events: lab.events.page({ limit: PAGE, ...withoutUndefined(input ?? {}) }),
        ...lab.events.range(),
      })),
      acknowledge: os.event.acknowledge.handler(({ input, context }) => ({
        acknowledged: lab.events.acknowledge(input, context.actor),
      })),
      follow: os.event.follow.handler(({ input, signal }) => lab.events.follow(input ?? {}, signal)),
    },
    drill: {
      start: os.drill.start.handler(({ input }) =>
        lab.drills.start({ guided: input.guided ?? false, mirror: input.mirror, seed: input.seed }),
      ),
      advance: os.drill.advance.handler(({ input }) => lab.drills.advance(input.drill)),
      cancel: os.drill.cancel.handler(({ input }) => lab.drills.cancel(input.drill)),
      status: os.drill.status.handler(({ input }) => lab.drills.status(input?.drill)),
      list: os.drill.list.handler(() => lab.drills.list()),
    },
  };
}

function withoutUndefined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

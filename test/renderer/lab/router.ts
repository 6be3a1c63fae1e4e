/** The contract, answered from memory, for tests of the console only. Never part of what is shipped. */
import { implement, ORPCError } from '@orpc/server';
import {
  doorContract,
  MIRROR_ACTIONS,
  SEVERITIES,
  isAlert,
  type ConsistencyPoint,
  type HostStatus,
  type Job,
  type LabEvent,
  type Live,
  type MirrorAction,
  type MirrorPreview,
  type Refusal,
  type Server,
} from '../../../src-engine/contract/index.ts';
import { drill, events as makeEvents, finishedDrill, iso, NOW, stateMachine } from './data.ts';

/** What the tests look at and turn. */
export class MemoryLab {
  host: HostStatus;
  live: Live;
  events: LabEvent[];
  /** Every change that was asked for, in order: procedure and input. */
  readonly asked: { procedure: string; input: unknown }[] = [];
  /** What the next change is refused with. */
  refuseNext: Refusal | null = null;
  private readonly listeners = new Set<(message: Live) => void>();

  constructor(live: Live, host: Partial<HostStatus> = {}) {
    this.live = live;
    this.host = {
      lab: 'open',
      host: 'headless',
      directory: '/labs/demo',
      version: '0.1.0',
      engineStarts: 1,
      lastCrash: null,
      error: null,
      ...host,
    };
    this.events = makeEvents(live.lastEventId);
  }

  /** Publishes a delta and keeps the snapshot up to date. */
  push(delta: Partial<Omit<Live, 'kind'>>): void {
    this.live = { ...this.live, ...delta, kind: 'snapshot' };
    for (const listener of this.listeners)
      listener({ at: this.live.at, lastEventId: this.live.lastEventId, ...delta, kind: 'delta' });
  }

  /** Another state of one server, as a delta says it. */
  changeServer(name: string, change: Partial<Server>): Server {
    const found = this.live.servers?.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no server ${name}`);
    const changed = { ...found, ...change };
    this.push({ servers: (this.live.servers ?? []).map((one) => (one.name === name ? changed : one)) });
    return changed;
  }

  asks(procedure: string, input: unknown): void {
    this.asked.push({ procedure, input });
    if (this.refuseNext === null) return;
    const data = this.refuseNext;
    this.refuseNext = null;
    throw new ORPCError('REFUSED', { status: 409, message: data.message, data, defined: true });
  }

  async *follow(signal: AbortSignal | undefined): AsyncGenerator<Live, void> {
    const queue: Live[] = [{ ...this.live, kind: 'snapshot' }];
    let wake: () => void = () => undefined;
    const listener = (message: Live): void => {
      queue.push(message);
      wake();
    };
    this.listeners.add(listener);
    signal?.addEventListener('abort', () => wake());
    try {
      while (signal?.aborted !== true) {
        const message = queue.shift();
        if (message !== undefined) yield message;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.listeners.delete(listener);
    }
  }
}

function job(kind: string, subject: string): Job {
  return {
    id: 'job-42',
    kind,
    subject,
    state: 'done',
    phase: 'done',
    progress: 1,
    rateBytesPerSecond: null,
    etaSeconds: null,
    canPause: false,
    canCancel: false,
    createdAt: iso(),
    endedAt: iso(),
    result: {},
    error: null,
  };
}

function preview(lab: MemoryLab, name: string, action: MirrorAction): MirrorPreview {
  const found = lab.live.mirrors?.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no mirror ${name}`);
  const allowed = found.actions.find((one) => one.action === action);
  const forced = action === 'failover';
  return {
    action,
    allowed: allowed?.allowed ?? false,
    refusal: allowed?.refusal ?? null,
    needsConfirmation: allowed?.needsConfirmation ?? false,
    steps: forced
      ? [
          'south-1 replays 312 records of its mirror log into orders-copy.',
          'The role epoch rises to 2; north-1 is fenced when it returns.',
          'orders-copy accepts host writes; changed regions are tracked for the way back.',
        ]
      : [
          `${name} is drained and the final consistency point committed on both sides.`,
          'Roles are swapped; hosts are admitted at the other side.',
        ],
    winner: found.destination,
    overwritten: null,
    loss: forced
      ? {
          writes: 0,
          bytes: 0,
          seconds: 0,
          known: false,
          text: 'None known at 03:29:12; north-1 may have acknowledged writes alone after that.',
        }
      : null,
    lastSafe: { cp: 1842, sequence: 401_223, at: iso(-48_000) },
    expectedSeconds: 1.2,
    kept: null,
    command: `lockstep mirror ${action} ${name}${forced ? ' --force --yes' : ''}`,
  };
}

const wave = (index: number, base: number, swing: number): number =>
  base + Math.sin(index / 5) * swing + Math.sin(index * 1.7) * swing * 0.4;

function timeline(): ConsistencyPoint[] {
  const phases = ['seal', 'write', 'sync', 'prepared', 'label', 'commit', 'committed', 'free'] as const;
  return Array.from({ length: 50 }, (_, index) => {
    const durations = phases.map((phase, at) => ({
      phase,
      durationMs: Math.round(wave(index + at * 3, [1, 22, 5, 8, 6, 2][at] ?? 1, 0.6) * 10) / 10,
    }));
    return {
      number: 1842 - index,
      trigger: index % 7 === 3 ? 'half-full' : 'timer',
      startedAt: iso(-index * 1000),
      durationMs: durations.reduce((sum, one) => sum + one.durationMs, 0),
      blocks: Math.round(wave(index, 220, 40)),
      sentBytes: Math.round(wave(index, 900_000, 160_000)),
      phases: durations,
      outcome: 'done',
    } as const;
  });
}

const os = implement(doorContract);
const absent = (): never => {
  throw new ORPCError('NOT_IMPLEMENTED', { message: 'not part of the test lab' });
};

export function routerOf(lab: MemoryLab) {
  const act = (action: MirrorAction) => (input: { mirror: string }) => {
    lab.asks(`mirror.${action}`, input);
    return job(`mirror/${action}`, `mirror/${input.mirror}`);
  };
  return {
    host: {
      status: os.host.status.handler(() => lab.host),
      create: os.host.create.handler(({ input }) => {
        lab.asks('host.create', input);
        lab.host = { ...lab.host, lab: 'open' };
        return lab.host;
      }),
      open: os.host.open.handler(({ input }) => {
        lab.asks('host.open', input);
        return lab.host;
      }),
    },
    lab: {
      info: os.lab.info.handler(() => ({
        id: 'lab-1',
        name: 'demo',
        directory: lab.host.directory,
        formatVersion: 1,
        demo: 'two-site',
        createdAt: iso(-600_000),
        openedAt: iso(-600_000),
        now: iso(),
        sites: 2,
        servers: 2,
        volumes: 4,
        mirrors: 2,
        usedBytes: 378 * 2 ** 20,
        freeBytes: null,
      })),
      opening: os.lab.opening.handler(absent),
      check: os.lab.check.handler(absent),
    },
    live: { follow: os.live.follow.handler(({ signal }) => lab.follow(signal)) },
    mirror: {
      list: os.mirror.list.handler(() => [...(lab.live.mirrors ?? [])]),
      show: os.mirror.show.handler(absent),
      create: os.mirror.create.handler(absent),
      preview: os.mirror.preview.handler(({ input }) => preview(lab, input.mirror, input.action)),
      history: os.mirror.history.handler(() => [
        {
          at: iso(-31_000),
          event: 38,
          from: 'Synchronized',
          to: 'Outdated',
          conditions: ['Fenced'],
          direction: 'reversed',
          message: 'Forced failover to south; 312 records replayed.',
        },
        {
          at: iso(-480_000),
          event: 12,
          from: 'Synchronizing',
          to: 'Synchronized',
          conditions: ['Active'],
          direction: 'forward',
          message: 'Full sync finished at CP 14.',
        },
        {
          at: iso(-590_000),
          event: 7,
          from: 'NotEstablished',
          to: 'Synchronizing',
          conditions: ['DirectionLocked'],
          direction: 'forward',
          message: 'Full sync started.',
        },
      ]),
      stateMachine: os.mirror.stateMachine.handler(() => stateMachine),
      lagSeries: os.mirror.lagSeries.handler(() => {
        const at = Array.from({ length: 300 }, (_, index) => NOW - (300 - index) * 1000);
        const busy = at.map((_, index) => (index > 180 && index < 260 ? (index - 180) * 76 : 0));
        return { at, writes: busy, bytes: busy.map((one) => one * 4096), seconds: busy.map((one) => one / 200) };
      }),
      ...(Object.fromEntries(
        MIRROR_ACTIONS.map((action) => [
          action,
          (os.mirror[action] as typeof os.mirror.resync).handler(({ input }) => act(action)(input)),
        ]),
      ) as Record<MirrorAction, never>),
    },
    metrics: {
      series: os.metrics.series.handler(() => {
        const at = Array.from({ length: 120 }, (_, index) => NOW - (120 - index) * 1000);
        return {
          stepMs: 1000,
          at,
          writesPerSecond: at.map((_, index) => wave(index, 140, 12)),
          readsPerSecond: at.map((_, index) => wave(index + 7, 60, 8)),
          writtenBytesPerSecond: at.map((_, index) => wave(index, 140, 12) * 8192),
          readBytesPerSecond: at.map((_, index) => wave(index + 7, 60, 8) * 8192),
          latencyP50Ms: at.map((_, index) => wave(index, 2.6, 0.3)),
          latencyP99Ms: at.map((_, index) => wave(index + 3, 7.4, 1.2)),
          marks: [{ at: NOW - 48_000, kind: 'fault/injected', message: 'Site north is lost' }],
        };
      }),
      snapshot: os.metrics.snapshot.handler(absent),
    },
    server: {
      list: os.server.list.handler(absent),
      show: os.server.show.handler(({ input }) => ({
        ...lab.live.servers!.find((one) => one.name === input.server)!,
        timeline: timeline(),
      })),
      create: os.server.create.handler(absent),
      powerOff: os.server.powerOff.handler(({ input }) => {
        lab.asks('server.powerOff', input);
        return lab.changeServer(input.server, { state: 'down', cause: 'powered off', health: 'failed' });
      }),
      powerOn: os.server.powerOn.handler(({ input }) => {
        lab.asks('server.powerOn', input);
        return lab.changeServer(input.server, { state: 'up', cause: null, health: 'ok' });
      }),
      skipPeerWait: os.server.skipPeerWait.handler(({ input }) => {
        lab.asks('server.skipPeerWait', input);
        return lab.live.servers?.find((one) => one.name === input.server) ?? absent();
      }),
    },
    event: {
      list: os.event.list.handler(({ input }) => {
        const { after, before, limit = 100, severity, kind, open } = input ?? {};
        const chosen = lab.events.filter(
          (one) =>
            (severity === undefined || SEVERITIES.indexOf(one.severity) <= SEVERITIES.indexOf(severity)) &&
            (kind === undefined || one.kind.startsWith(kind)) &&
            (open !== true || (isAlert(one.severity) && one.acknowledged === undefined)),
        );
        const page =
          after !== undefined
            ? chosen.filter((one) => one.id > after).slice(0, limit)
            : chosen
                .filter((one) => before === undefined || one.id < before)
                .toReversed()
                .slice(0, limit);
        return { events: page, firstId: 1, lastId: lab.events.length };
      }),
      acknowledge: os.event.acknowledge.handler(({ input }) => {
        lab.asks('event.acknowledge', input);
        const before = lab.events;
        lab.events = before.map((one) =>
          isAlert(one.severity) &&
          one.acknowledged === undefined &&
          ('events' in input ? input.events.includes(one.id) : one.id <= input.through)
            ? { ...one, acknowledged: { at: iso(), by: 'admin' } }
            : one,
        );
        return { acknowledged: lab.events.filter((one, index) => one !== before[index]).length };
      }),
      follow: os.event.follow.handler(absent),
    },
    job: {
      list: os.job.list.handler(() => [...(lab.live.jobs ?? [])]),
      show: os.job.show.handler(absent),
      wait: os.job.wait.handler(absent),
      cancel: os.job.cancel.handler(
        ({ input }) => (lab.asks('job.cancel', input), job('mirror/resync', 'mirror/orders')),
      ),
      pause: os.job.pause.handler(({ input }) => (lab.asks('job.pause', input), job('mirror/resync', 'mirror/orders'))),
      resume: os.job.resume.handler(
        ({ input }) => (lab.asks('job.resume', input), job('mirror/resync', 'mirror/orders')),
      ),
    },
    workload: {
      list: os.workload.list.handler(() => [...(lab.live.workloads ?? [])]),
      start: os.workload.start.handler(({ input }) => {
        lab.asks('workload.start', input);
        return {
          id: 'wl-2',
          volume: input.volume,
          profile: input.profile ?? 'mixed',
          queueDepth: 4,
          ratePerSecond: 200,
          readPercent: 30,
          state: 'running',
          cause: null,
          startedAt: iso(),
          endedAt: null,
          acknowledgedWrites: 0,
          verifiedReads: 0,
          failedOperations: 0,
          operationsPerSecond: 0,
        };
      }),
      stop: os.workload.stop.handler(({ input }) => (lab.asks('workload.stop', input), [])),
      audit: os.workload.audit.handler(({ input }) => {
        lab.asks('workload.audit', input);
        return { acknowledged: 65_812, verified: 65_812, lost: 0, torn: 0, stale: 0, misplaced: 0, volumes: [] };
      }),
    },
    fault: {
      list: os.fault.list.handler(() => [...(lab.live.faults ?? [])]),
      inject: os.fault.inject.handler(({ input }) => {
        lab.asks('fault.inject', input);
        const fault = {
          id: 'flt-9',
          kind: input.fault.kind,
          subject: 'site/north',
          message: 'Injected by a test.',
          parameters: {},
          injectedAt: iso(),
        };
        lab.push({ faults: [fault], lastEventId: lab.live.lastEventId + 1 });
        return fault;
      }),
      clear: os.fault.clear.handler(({ input }) => {
        lab.asks('fault.clear', input);
        const gone = lab.live.faults ?? [];
        lab.push({ faults: [], removed: gone.map((one) => ({ noun: 'faults', id: one.id })) });
        return gone;
      }),
    },
    drill: {
      start: os.drill.start.handler(({ input }) => {
        lab.asks('drill.start', input);
        const started = drill(0);
        lab.push({ drills: [started] });
        return started;
      }),
      advance: os.drill.advance.handler(({ input }) => {
        lab.asks('drill.advance', input);
        const current = lab.live.drills?.[0];
        const at = (current?.steps.findIndex((one) => one.state === 'waiting') ?? 0) + 1;
        const next = at >= (current?.steps.length ?? 0) ? finishedDrill() : drill(at);
        lab.push({ drills: [next] });
        return next;
      }),
      cancel: os.drill.cancel.handler(
        ({ input }) => (lab.asks('drill.cancel', input), drill(0, { state: 'cancelled' })),
      ),
      status: os.drill.status.handler(() => lab.live.drills?.[0] ?? null),
      list: os.drill.list.handler(() => [...(lab.live.drills ?? [])]),
    },
  };
}

/** The whole contract, answered by a lab. Every change is audited and, with a request id, carried out once. */
import { implement, ORPCError } from '@orpc/server';
import { contract, type MetricFamily, type MirrorAction, type ProcedureMeta, type Sample } from '../contract/index.ts';
import { describeMachine } from '../replication/index.ts';
import { instant } from './instant.ts';
import type { Lab } from './lab.ts';
import { followLive, LiveLists } from './live.ts';
import { Refused, refusalOf, refuse } from './refused.ts';
import { fromBase64, toBase64 } from './volumes.ts';

/** Who asks; the door says it. */
export interface CallContext {
  readonly actor: string;
}

const PAGE = 100;
const WINDOW_SECONDS = 300;

export function createRouter(lab: Lab) {
  /** Changes under way, by request id: a retry that overtakes its first call waits for the same answer. */
  const underWay = new Map<string, Promise<unknown>>();

  const os = implement(contract)
    .$context<CallContext>()
    .use(async ({ context, next, path, procedure }, input: unknown, output) => {
      const meta: ProcedureMeta = procedure['~orpc'].meta;
      if (meta.readOnly !== false) {
        try {
          return await next();
        } catch (error) {
          throw declared(error);
        }
      }
      const name = path.join('.');
      const wallMs = lab.clock.wallMs();
      const plain = redact(input);
      const finish = (outcome: string): void => {
        if (!lab.closed)
          lab.catalog.appendAudit({ atMs: wallMs, actor: context.actor, procedure: name, input: plain, outcome });
      };
      const requestId = requestIdOf(input);
      const inputHash = requestId === null ? '' : JSON.stringify(plain);
      if (requestId !== null) {
        const running = underWay.get(requestId);
        if (running !== undefined) await running.catch(() => undefined); // its caller hears of the failure
        const known = lab.catalog.answer(requestId);
        if (known !== null) {
          if (known.procedure !== name || known.inputHash !== inputHash) {
            throw declared(new Refused(refusalOfReuse(requestId, known.procedure)));
          }
          return output(known.answer);
        }
      }
      const call = next();
      if (requestId !== null) underWay.set(requestId, Promise.resolve(call));
      try {
        const result = await call;
        finish('done');
        if (requestId !== null && !lab.closed)
          lab.catalog.rememberAnswer(requestId, name, inputHash, result.output, wallMs);
        return result;
      } catch (error) {
        const told = declared(error);
        finish(
          told instanceof ORPCError
            ? ((told.data as { code?: string } | undefined)?.code ?? String(told.code))
            : 'failed',
        );
        throw told;
      } finally {
        if (requestId !== null) underWay.delete(requestId);
      }
    });

  const { topology, views } = lab;
  const live = new LiveLists(lab);
  const mirrorOf = (ref: string) => topology.mirrors.find(ref);
  const plainAction =
    (action: MirrorAction) =>
    (options: { readonly input: { readonly mirror: string; readonly confirm?: string | undefined } }) =>
      lab.mirrors.act(mirrorOf(options.input.mirror), action, { confirm: options.input.confirm });

  return os.router({
    lab: {
      info: os.lab.info.handler(() => lab.info()),
      opening: os.lab.opening.handler(() => lab.opening()),
      check: os.lab.check.handler(({ input }) => lab.check(input?.repair ?? false)),
    },
    site: {
      list: os.site.list.handler(() => topology.sites.list().map((site) => views.site(site))),
      show: os.site.show.handler(({ input }) => views.site(topology.sites.find(input.site))),
      create: os.site.create.handler(({ input }) => views.site(lab.createSite(input.name))),
    },
    cluster: {
      list: os.cluster.list.handler(() => topology.clusters.list().map((cluster) => views.cluster(cluster))),
      show: os.cluster.show.handler(({ input }) => views.cluster(topology.clusters.find(input.cluster))),
      create: os.cluster.create.handler(({ input }) =>
        views.cluster(lab.createCluster(input.name, topology.sites.find(input.site))),
      ),
    },
    server: {
      list: os.server.list.handler(() => topology.servers.list().map((server) => views.server(server))),
      show: os.server.show.handler(({ input }) => views.serverDetail(topology.servers.find(input.server))),
      create: os.server.create.handler(async ({ input }) =>
        views.server(await lab.createServer(input.name, topology.clusters.find(input.cluster), input.nvlogHalfBytes)),
      ),
      powerOff: os.server.powerOff.handler(async ({ input }) => {
        const server = topology.servers.find(input.server);
        await lab.powerOff(server, input.confirm);
        return views.server(topology.servers.get(server.id));
      }),
      powerOn: os.server.powerOn.handler(async ({ input }) => {
        const server = topology.servers.find(input.server);
        await lab.powerOn(server);
        return views.server(topology.servers.get(server.id));
      }),
      skipPeerWait: os.server.skipPeerWait.handler(async ({ input }) => {
        const server = topology.servers.find(input.server);
        const waiting = lab
          .unitOf(server.id)
          .need()
          .volumes()
          .some((volume) => volume.state === 'waiting');
        if (!waiting)
          refuse('server/not-waiting', `${server.name} waits for nobody.`, 'There is nothing to skip.', {
            field: 'server',
          });
        lab.confirmed(
          'server',
          server.name,
          input.confirm,
          'The peer might have newer data: both sides could then serve.',
        );
        await lab.skipPeerWait(server);
        return views.server(server);
      }),
    },
    link: {
      list: os.link.list.handler(() => topology.links.list().map((link) => views.link(link))),
      show: os.link.show.handler(({ input }) => views.link(topology.links.find(input.link))),
      create: os.link.create.handler(({ input }) =>
        views.link(
          lab.createLink(
            input.name,
            [topology.sites.find(input.sites[0]), topology.sites.find(input.sites[1])],
            input.latencyMs ?? 0,
            input.bandwidthBytesPerSecond ?? null,
          ),
        ),
      ),
      set: os.link.set.handler(({ input }) => views.link(lab.setLink(topology.links.find(input.link), input))),
    },
    array: {
      list: os.array.list.handler(() => topology.arrays.list().map((array) => views.array(array))),
      show: os.array.show.handler(({ input }) => views.array(topology.arrays.find(input.array))),
      create: os.array.create.handler(async ({ input }) =>
        views.array(
          await lab.createArray(input.name, topology.clusters.find(input.cluster), input.disks, input.diskSizeBytes),
        ),
      ),
    },
    pool: {
      list: os.pool.list.handler(() => topology.pools.list().map((pool) => views.pool(pool))),
      show: os.pool.show.handler(({ input }) => views.pool(topology.pools.find(input.pool))),
      create: os.pool.create.handler(async ({ input }) =>
        views.pool(
          await lab.createPool(
            input.name,
            topology.arrays.find(input.array),
            input.level,
            input.slots,
            topology.servers.find(input.owner),
          ),
        ),
      ),
    },
    volume: {
      list: os.volume.list.handler(() => topology.volumes.list().map((volume) => lab.volumes.present(volume))),
      show: os.volume.show.handler(({ input }) => lab.volumes.present(topology.volumes.find(input.volume))),
      create: os.volume.create.handler(async ({ input }) =>
        lab.volumes.present(await lab.createVolume(input.name, topology.pools.find(input.pool), input.sizeBytes)),
      ),
      grow: os.volume.grow.handler(async ({ input }) =>
        lab.volumes.present(await lab.growVolume(topology.volumes.find(input.volume), input.sizeBytes)),
      ),
      delete: os.volume.delete.handler(async ({ input }) => {
        const { id, name } = topology.volumes.find(input.volume);
        await lab.deleteVolume(topology.volumes.get(id), input.confirm);
        return { id, name };
      }),
      acknowledge: os.volume.acknowledge.handler(async ({ input }) => {
        const volume = topology.volumes.find(input.volume);
        const lost = lab.volumes.status(volume)?.stateReason ?? '';
        if (!lost.includes('acknowledge'))
          refuse('volume/nothing-lost', `${volume.name} has no loss to acknowledge.`, 'There is nothing to do.', {
            field: 'volume',
          });
        lab.confirmed(
          'volume',
          volume.name,
          input.confirm,
          `${volume.name}: ${lost}. It would serve with what is left.`,
        );
        await lab.volumes.unit(volume).ask((face) => face.acknowledge(volume.id));
        return lab.volumes.present(volume);
      }),
      checksum: os.volume.checksum.handler(({ input }) => lab.volumes.checksum(topology.volumes.find(input.volume))),
      read: os.volume.read.handler(async ({ input }) => {
        const { data, cp, sequence } = await lab.volumes.read(
          topology.volumes.find(input.volume),
          input.offset,
          input.length,
        );
        return { dataBase64: toBase64(data), cp, sequence };
      }),
      write: os.volume.write.handler(({ input }) => {
        const data = fromBase64(input.dataBase64);
        if (data === null)
          refuse('volume/bad-data', 'The data are not base64.', 'Encode them as in RFC 4648.', { field: 'dataBase64' });
        return lab.volumes.write(topology.volumes.find(input.volume), input.offset, data);
      }),
      import: os.volume.import.handler(({ input }) =>
        lab.volumes.import(topology.volumes.find(input.volume), input.path),
      ),
      export: os.volume.export.handler(({ input }) =>
        lab.volumes.export(topology.volumes.find(input.volume), input.path, input.overwrite ?? false),
      ),
    },
    mirror: {
      list: os.mirror.list.handler(() => topology.mirrors.list().map((mirror) => lab.mirrors.present(mirror))),
      show: os.mirror.show.handler(({ input }) => lab.mirrors.present(mirrorOf(input.mirror))),
      create: os.mirror.create.handler(async ({ input }) =>
        lab.mirrors.present(
          await lab.createMirror({
            ...input,
            source: topology.volumes.find(input.source),
            destination: topology.volumes.find(input.destination),
          }),
        ),
      ),
      preview: os.mirror.preview.handler(({ input }) =>
        lab.mirrors.preview(mirrorOf(input.mirror), input.action, input.keep),
      ),
      history: os.mirror.history.handler(({ input }) =>
        lab.mirrors.history(mirrorOf(input.mirror), input.limit ?? PAGE),
      ),
      stateMachine: os.mirror.stateMachine.handler(() => {
        const { states, transitions } = describeMachine();
        return { states: [...states], transitions: [...transitions] };
      }),
      lagSeries: os.mirror.lagSeries.handler(({ input }) =>
        lab.mirrors.lagSeries(mirrorOf(input.mirror), input.windowSeconds ?? WINDOW_SECONDS),
      ),
      establish: os.mirror.establish.handler(plainAction('establish')),
      resync: os.mirror.resync.handler(plainAction('resync')),
      fracture: os.mirror.fracture.handler(plainAction('fracture')),
      pause: os.mirror.pause.handler(plainAction('pause')),
      resume: os.mirror.resume.handler(plainAction('resume')),
      switchover: os.mirror.switchover.handler(plainAction('switchover')),
      failover: os.mirror.failover.handler(({ input }) => {
        if (input.force !== true)
          refuse(
            'mirror/force-required',
            'Failover is for a lost source and has to be forced.',
            'Use switchover where both sides are up; otherwise say force.',
            { field: 'force' },
          );
        return lab.mirrors.act(mirrorOf(input.mirror), 'failover', { confirm: input.confirm, force: true });
      }),
      'reverse-resync': os.mirror['reverse-resync'].handler(plainAction('reverse-resync')),
      failback: os.mirror.failback.handler(plainAction('failback')),
      'overwrite-primary': os.mirror['overwrite-primary'].handler(plainAction('overwrite-primary')),
      rollback: os.mirror.rollback.handler(plainAction('rollback')),
      resolve: os.mirror.resolve.handler(({ input }) =>
        lab.mirrors.act(mirrorOf(input.mirror), 'resolve', { confirm: input.confirm, keep: input.keep }),
      ),
      verify: os.mirror.verify.handler(plainAction('verify')),
      delete: os.mirror.delete.handler(plainAction('delete')),
    },
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
    metrics: {
      series: os.metrics.series.handler(({ input }) => {
        const fromMs = lab.clock.wallMs() - (input?.windowSeconds ?? WINDOW_SECONDS) * 1000;
        const marks = lab.events
          .page({ limit: PAGE })
          .filter((event) => event.kind.startsWith('fault/') || event.kind === 'mirror/state')
          .map((event) => ({ at: millisecondsOf(event.at), kind: event.kind, message: event.message }))
          .filter((mark) => mark.at >= fromMs)
          .reverse();
        if (input?.volume !== undefined)
          return lab.metrics.series(`volume/${topology.volumes.find(input.volume).id}`, fromMs, marks);
        if (input?.server !== undefined)
          return lab.metrics.series(`server/${topology.servers.find(input.server).id}`, fromMs, marks);
        const older =
          fromMs >= lab.openedAtMs
            ? []
            : lab.catalog
                .samples(fromMs)
                .map((row) => row.sample as Sample)
                .filter((sample) => sample.at < lab.openedAtMs);
        return lab.metrics.series('lab', fromMs, marks, older);
      }),
      snapshot: os.metrics.snapshot.handler(() => ({ at: instant(lab.clock.wallMs()), families: families(lab) })),
    },
    live: {
      follow: os.live.follow.handler(({ signal }) => followLive(live, signal)),
    },
  });
}

export type LabRouter = ReturnType<typeof createRouter>;

/** The contract's one declared error for everything that was refused; bugs stay what they are. */
function declared(error: unknown): unknown {
  if (error instanceof ORPCError) return error;
  const coded =
    error instanceof Refused ||
    (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string');
  if (!coded) return error;
  const data = refusalOf(error, 'lab/failed');
  return new ORPCError('REFUSED', { status: 409, message: data.message, data, defined: true });
}

function refusalOfReuse(requestId: string, procedure: string) {
  return {
    code: 'request/reused',
    message: `The request id ${requestId} was used for another ${procedure}.`,
    hint: 'Use a new id for a new request.',
    overridable: false,
    field: 'requestId',
  };
}

function requestIdOf(input: unknown): string | null {
  if (typeof input !== 'object' || input === null || !('requestId' in input)) return null;
  return typeof input.requestId === 'string' ? input.requestId : null;
}

/** The input for the audit log: content is named by its length only. */
function redact(input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return input ?? null;
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => [
      key,
      key === 'dataBase64' && typeof value === 'string'
        ? `${value.length} characters, ${sumOf(value)}`
        : (value as unknown),
    ]),
  );
}

/** Tells two contents of equal length apart in the record of an idempotent request; no protection against intent. */
function sumOf(text: string): number {
  let sum = 7;
  for (let i = 0; i < text.length; i += 1) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  return sum >>> 0;
}

function withoutUndefined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

/** Milliseconds of an instant that this engine printed (always UTC with milliseconds). */
function millisecondsOf(at: string): number {
  const part = (from: number, to: number): number => Number(at.slice(from, to));
  const year = part(0, 4) - (part(5, 7) <= 2 ? 1 : 0);
  const era = Math.floor(year / 400);
  const yearOfEra = year - era * 400;
  const month = part(5, 7);
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + part(8, 10) - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  return days * 86_400_000 + part(11, 13) * 3_600_000 + part(14, 16) * 60_000 + part(17, 19) * 1000 + part(20, 23);
}

function families(lab: Lab): MetricFamily[] {
  const { topology } = lab;
  const servers = topology.servers.list();
  const statuses = servers.flatMap((server) =>
    (lab.unitOf(server.id).face?.volumes() ?? []).map((status) => ({
      labels: { volume: topology.volumes.nameOf(status.id), server: server.name },
      status,
    })),
  );
  const mirrors = topology.mirrors.list().map((record) => lab.mirrors.present(record));
  const pools = topology.pools.list().map((pool) => lab.views.pool(pool));
  const gauge = (name: string, help: string, samples: MetricFamily['samples']): MetricFamily => ({
    name: `lockstep_${name}`,
    help,
    type: 'gauge',
    samples,
  });
  const counter = (name: string, help: string, samples: MetricFamily['samples']): MetricFamily => ({
    name: `lockstep_${name}`,
    help,
    type: 'counter',
    samples,
  });
  return [
    gauge(
      'server_up',
      'Whether the server is up',
      servers.map((server) => ({
        labels: { server: server.name },
        value: lab.unitOf(server.id).state === 'up' ? 1 : 0,
      })),
    ),
    counter(
      'volume_reads_total',
      'Host reads since the server booted',
      statuses.map(({ labels, status }) => ({ labels, value: status.counters.reads })),
    ),
    counter(
      'volume_writes_total',
      'Host writes since the server booted',
      statuses.map(({ labels, status }) => ({ labels, value: status.counters.writes })),
    ),
    counter(
      'volume_read_bytes_total',
      'Bytes read by hosts since the server booted',
      statuses.map(({ labels, status }) => ({ labels, value: status.counters.readBytes })),
    ),
    counter(
      'volume_written_bytes_total',
      'Bytes written by hosts since the server booted',
      statuses.map(({ labels, status }) => ({ labels, value: status.counters.writtenBytes })),
    ),
    gauge(
      'pool_size_bytes',
      'Size of the pool',
      pools.map((pool) => ({ labels: { pool: pool.name }, value: pool.sizeBytes })),
    ),
    gauge(
      'pool_used_bytes',
      'Used bytes of the pool',
      pools.map((pool) => ({ labels: { pool: pool.name }, value: pool.usedBytes })),
    ),
    gauge(
      'mirror_lag_writes',
      'Writes the copy is behind',
      mirrors.map((mirror) => ({ labels: { mirror: mirror.name }, value: mirror.lag.writes })),
    ),
    gauge(
      'mirror_lag_bytes',
      'Bytes the copy is behind',
      mirrors.map((mirror) => ({ labels: { mirror: mirror.name }, value: mirror.lag.bytes })),
    ),
    gauge(
      'mirror_lag_seconds',
      'Age of the oldest write that the copy lacks',
      mirrors.map((mirror) => ({ labels: { mirror: mirror.name }, value: mirror.lag.seconds })),
    ),
    gauge(
      'mirror_dirty_regions',
      'Regions in the fracture log',
      mirrors.map((mirror) => ({ labels: { mirror: mirror.name }, value: mirror.fractureLog.dirty })),
    ),
    gauge(
      'mirror_state',
      'One for the present image state',
      mirrors.map((mirror) => ({ labels: { mirror: mirror.name, state: mirror.imageState }, value: 1 })),
    ),
    gauge('faults', 'Faults in effect', [{ labels: {}, value: lab.faults.list().length }]),
    gauge('jobs_running', 'Unfinished jobs', [{ labels: {}, value: lab.jobs.running().length }]),
  ];
}

/** The lab's figures as Prometheus sees them. */
import type { MetricFamily } from '../contract/index.ts';
import type { Lab } from './lab.ts';

export function metricFamilies(lab: Lab): MetricFamily[] {
  const { topology } = lab;
  const servers = topology.servers.list();
  const statuses = servers.flatMap((server) =>
    (lab.servers.unitOf(server.id).face?.volumes() ?? []).map((status) => ({
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
  const stallMs = lab.clock.longestStallMs();
  return [
    gauge(
      'event_loop_longest_stall_milliseconds',
      'Longest time in which the process of the lab took up nothing new since the lab was opened',
      stallMs === null ? [] : [{ labels: {}, value: stallMs }],
    ),
    gauge(
      'server_up',
      'Whether the server is up',
      servers.map((server) => ({
        labels: { server: server.name },
        value: lab.servers.unitOf(server.id).state === 'up' ? 1 : 0,
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
      'volume_used_bytes',
      'Bytes of the blocks that hold content at the last consistency point',
      statuses.map(({ labels, status }) => ({ labels, value: status.usedBytes })),
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

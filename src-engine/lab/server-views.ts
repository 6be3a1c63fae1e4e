/** What the lab shows of its servers: their state, logs and consistency points, and what they still do before they serve. */
import type { ConsistencyPoint, LabOpening, Server, ServerDetail } from '../contract/index.ts';
import type { Clock } from '../runtime/index.ts';
import { instant } from './instant.ts';
import type { ServerUnit } from './server-unit.ts';
import { CP_PHASES, type CpSummary, type CpTrigger, type ServerStatus } from './server/types.ts';
import type { ServerRecord, Topology } from './topology.ts';

export interface ServerViewsEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly unitOf: (serverId: string) => ServerUnit;
}

const SHOWN_TRIGGER: Readonly<Record<CpTrigger, ConsistencyPoint['trigger']>> = {
  timer: 'timer',
  'half-full': 'half-full',
  admin: 'admin',
  resync: 'transition',
  'role-swap': 'transition',
  drain: 'transition',
  shutdown: 'shutdown',
  'back-to-back': 'back-to-back',
  'log-failure': 'recovery',
};

export class ServerViews {
  readonly #environment: ServerViewsEnvironment;

  constructor(environment: ServerViewsEnvironment) {
    this.#environment = environment;
  }

  show(server: ServerRecord): Server {
    const { topology, unitOf } = this.#environment;
    const unit = unitOf(server.id);
    const status = unit.anyFace?.status() ?? null;
    const pools = topology.pools.list().filter((pool) => pool.ownerId === server.id);
    const running = status?.cps.find((cp) => cp.durationMs === null) ?? null;
    const refused = status?.state.kind === 'refused' ? status.state : null;
    const suspended = status?.state.kind === 'suspended' ? status.state.reason : null;
    const state: Server['state'] =
      refused !== null
        ? 'fenced'
        : unit.state === 'up'
          ? 'up'
          : unit.state === 'booting'
            ? 'booting'
            : unit.state === 'stopping'
              ? 'up'
              : 'down';
    return {
      id: server.id,
      name: server.name,
      site: topology.sites.nameOf(server.siteId),
      cluster: topology.clusters.nameOf(server.clusterId),
      state,
      cause: refused?.message ?? suspended ?? unit.cause,
      health:
        refused !== null
          ? 'failed'
          : unit.state !== 'up'
            ? 'failed'
            : suspended !== null || status?.backToBackSinceMs !== null
              ? 'degraded'
              : 'ok',
      heartbeatAgeMs: this.#heartbeatAge(server, unit),
      incarnation: status?.incarnation ?? 0,
      since: instant(unit.sinceWallMs),
      pools: pools.map((pool) => pool.name),
      volumes: topology.volumes.list().filter((volume) => pools.some((pool) => pool.id === volume.poolId)).length,
      nvlog: {
        halves: (status?.log.halves ?? []).map((half, index) => ({
          state: halfState(half.state, index === status?.log.active),
          usedBytes: half.usedBytes,
          sizeBytes: half.sizeBytes,
        })),
        stalled: status !== null && status.backToBackSinceMs !== null,
      },
      cp: {
        committed: Math.max(0, ...(status?.pools ?? []).map((pool) => pool.label)),
        running:
          running === null
            ? null
            : {
                number: running.number,
                phase: running.phase,
                startedAt: instant(running.startedAtMs),
              },
      },
    };
  }

  /** As its peers hear it; without a peer, as the lab sees it. */
  #heartbeatAge(server: ServerRecord, unit: ServerUnit): number | null {
    const { topology, clock, unitOf } = this.#environment;
    const nowMs = clock.nowMs();
    let heard: number | null = null;
    for (const other of topology.servers.list()) {
      if (other.id === server.id) continue;
      const at =
        unitOf(other.id)
          .face?.status()
          .peers.find((peer) => peer.serverId === server.id)?.lastHeardMs ?? null;
      if (at !== null) heard = Math.max(heard ?? 0, at);
    }
    if (heard !== null) return Math.max(0, nowMs - heard);
    if (unit.state === 'up') return 0;
    return unit.lastUpMs === null ? null : Math.max(0, nowMs - unit.lastUpMs);
  }

  detail(server: ServerRecord): ServerDetail {
    const cps = this.#environment.unitOf(server.id).anyFace?.status().cps ?? [];
    return {
      ...this.show(server),
      timeline: [...cps]
        .sort((a, b) => b.number - a.number)
        .slice(0, 50)
        .map((cp) => this.#consistencyPoint(cp)),
    };
  }

  #consistencyPoint(cp: CpSummary): ConsistencyPoint {
    const { clock } = this.#environment;
    return {
      number: cp.number,
      trigger: SHOWN_TRIGGER[cp.trigger],
      startedAt: instant(cp.startedAtMs),
      durationMs: cp.durationMs ?? Math.max(0, clock.wallMs() - cp.startedAtMs),
      blocks: cp.blocks,
      sentBytes: cp.mirrors.reduce((total, mirror) => total + mirror.withData * 4096, 0),
      phases: CP_PHASES.flatMap((phase) => {
        const durationMs = cp.phaseMs[phase];
        return durationMs === undefined ? [] : [{ phase, durationMs }];
      }),
      outcome: cp.durationMs === null ? 'running' : 'done',
    };
  }

  opening(peerWaitMs: number): LabOpening {
    const { topology, unitOf } = this.#environment;
    const servers = topology.servers.list().map((server) => {
      const unit = unitOf(server.id);
      const status = unit.anyFace?.status() ?? null;
      const waiting = unit.face?.volumes().filter((volume) => volume.state === 'waiting') ?? [];
      const phase = this.#phaseOf(server, status, waiting.length);
      const until = phase === 'handshake' ? instant(unit.sinceWallMs + peerWaitMs) : null;
      const detail =
        status?.state.kind === 'refused'
          ? status.state.message
          : phase === 'handshake'
            ? waiting.map((volume) => volume.stateReason ?? volume.name).join('; ')
            : (unit.cause ?? '');
      return { server: server.name, phase, detail, peerWaitUntil: until };
    });
    return {
      done: servers.every(
        (server) => server.phase === 'serving' || server.phase === 'off' || server.phase === 'failed',
      ),
      servers,
    };
  }

  /** What a server still does before it serves. */
  #phaseOf(
    server: ServerRecord,
    status: ServerStatus | null,
    waiting: number,
  ): 'off' | 'reading-labels' | 'replaying' | 'handshake' | 'serving' | 'failed' {
    const unit = this.#environment.unitOf(server.id);
    if (status?.state.kind === 'refused') return 'failed';
    if (unit.state === 'down' || unit.state === 'stopping')
      return unit.cause?.startsWith('boot failed') === true ? 'failed' : 'off';
    if (unit.state === 'booting') return status === null ? 'reading-labels' : 'replaying';
    return waiting > 0 ? 'handshake' : 'serving';
  }
}

function halfState(state: string, active: boolean): 'filling' | 'draining' | 'empty' {
  if (active) return 'filling';
  return state === 'free' ? 'empty' : 'draining';
}

import type { ShelfHandle } from '../../disk/index.ts';
import type { Log } from '../../nvlog/index.ts';
import type { JsonObject, Pool } from '../../pool/index.ts';
import type { Relationship, Replication } from '../../replication/index.ts';
import {
  VolumeError,
  type CpSummary,
  type CpTrigger,
  type ConsistencyPoints,
  type LoggedVolume,
} from '../../volume/index.ts';
import type { ServerDependencies, ServerEvent, ServerState, Severity } from './types.ts';

export interface OpenPool {
  readonly pool: Pool;
  readonly handle: ShelfHandle;
}

/**
 * What one server holds in this incarnation: its state, log, pools, volumes and relationships. The parts of the server
 * (opening, admission, losses, log pressure, status) share it; each look-up refuses what is not there with a coded error.
 */
export class Holdings {
  readonly deps: ServerDependencies;
  readonly pools = new Map<string, OpenPool>();
  readonly volumes = new Map<string, LoggedVolume>();
  readonly poolIdOf = new Map<string, string>();
  /** Ownership epoch of each pool, as the server's own identity file has it. */
  epochs: Record<string, number> = {};
  state: ServerState = { kind: 'booting' };
  /** Null until the log is open; `points` and `replication` until the server is composed. */
  log: Log | null = null;
  points: ConsistencyPoints | null = null;
  replication: Replication | null = null;

  constructor(deps: ServerDependencies) {
    this.deps = deps;
  }

  openLog(): Log {
    if (this.log === null) throw new VolumeError('volume/offline', 'the server is not up');
    return this.log;
  }

  volumeOf(id: string): LoggedVolume {
    const volume = this.volumes.get(id);
    if (volume === undefined) throw new VolumeError('volume/offline', `no volume ${id} on ${this.deps.name}`);
    return volume;
  }

  poolOf(volumeId: string): Pool {
    const open = this.pools.get(this.poolIdOf.get(volumeId) ?? '');
    if (open === undefined) throw new VolumeError('volume/offline', `no pool for volume ${volumeId}`);
    return open.pool;
  }

  /** The array's files beside the pool of a volume; `null` and unknown ids mean the first pool, or a pool by its id. */
  handleFor(volumeId: string | null): ShelfHandle {
    const poolId = volumeId === null ? [...this.pools.keys()][0] : (this.poolIdOf.get(volumeId) ?? volumeId);
    const open = poolId === undefined ? undefined : this.pools.get(poolId);
    if (open === undefined) throw new Error(`no pool for ${String(volumeId)}`);
    return open.handle;
  }

  relationships(): readonly Relationship[] {
    return this.replication?.all() ?? [];
  }

  relationshipOfVolume(volumeId: string): Relationship | undefined {
    return this.relationships().find((rel) => rel.deps.volume.id === volumeId);
  }

  relationshipOf(id: string): Relationship {
    const rel = this.replication?.get(id);
    if (rel === undefined) throw new VolumeError('volume/offline', `no relationship ${id} on ${this.deps.name}`);
    return rel;
  }

  consistencyPoint(trigger: CpTrigger): Promise<CpSummary> {
    if (this.points === null) return Promise.reject(new VolumeError('volume/offline', 'the server is not up'));
    return this.points.request(trigger);
  }

  event(kind: string, severity: Severity, subject: string, message: string, details?: JsonObject): void {
    const event: ServerEvent =
      details === undefined ? { kind, severity, subject, message } : { kind, severity, subject, message, details };
    this.deps.report(event);
  }
}

/** The catalog brought in line with the arrays, once their servers are up. */
import type { Clock } from '../runtime/index.ts';
import type { EventStream } from './event-stream.ts';
import type { ServerUnit } from './server-unit.ts';
import type { Topology } from './topology.ts';

export interface ReconcileEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly unitOf: (serverId: string) => ServerUnit;
}

/** The arrays win: what they hold and the catalog does not know is added, what differs is corrected, what is gone is told. */
export function reconcile({ topology, clock, events, unitOf }: ReconcileEnvironment): void {
  for (const server of topology.servers.list()) {
    const face = unitOf(server.id).face;
    if (face === null || face.status().state.kind === 'refused') continue;
    const found = face.volumes();
    for (const volume of found) {
      const known = topology.volumes.byId(volume.id);
      if (known !== undefined && known.sizeBytes === volume.sizeBytes) continue;
      const name = known?.name ?? (topology.volumes.byName(volume.name) === undefined ? volume.name : volume.id);
      topology.volumes.put({
        ...(known ?? topology.volumes.filing(name, volume.id)),
        id: volume.id,
        name,
        createdAtMs: known?.createdAtMs ?? clock.wallMs(),
        poolId: volume.poolId,
        sizeBytes: volume.sizeBytes,
      });
      events.append({
        kind: 'volume/found',
        severity: 'notice',
        subject: `volume/${name}`,
        message: `${name} was taken over from its array: ${volume.sizeBytes} bytes`,
      });
    }
    for (const volume of topology.volumes.list()) {
      if (topology.pools.get(volume.poolId).ownerId !== server.id || found.some((one) => one.id === volume.id))
        continue;
      events.append({
        kind: 'volume/missing',
        severity: 'error',
        subject: `volume/${volume.name}`,
        message: `${volume.name} is in the catalog but not on its pool`,
      });
    }
    for (const status of face.relationships()) {
      if (topology.mirrors.byId(status.id) !== undefined) continue;
      const [sourceVolumeId, destinationVolumeId] =
        status.home === 'source'
          ? [status.localVolumeId, status.peerVolumeId]
          : [status.peerVolumeId, status.localVolumeId];
      if (
        topology.volumes.byId(sourceVolumeId) === undefined ||
        topology.volumes.byId(destinationVolumeId) === undefined
      )
        continue;
      const name = topology.mirrors.byName(status.name) === undefined ? status.name : status.id;
      topology.mirrors.put({
        id: status.id,
        name,
        createdAtMs: clock.wallMs(),
        sourceVolumeId,
        destinationVolumeId,
        policy: status.policy,
        recovery: status.recovery === 'automatic' ? 'auto' : 'manual',
      });
    }
  }
}

/** The two servers of a mirror: what each says, whose word counts, and whom to ask. */
import type { MirrorAction, Refusal, SideName } from '../contract/index.ts';
import { refusal } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import type { RefusalData, RelationshipStatus } from './server/types.ts';
import type { MirrorRecord, Topology } from './topology.ts';

/** What both servers say about one mirror, and whose word counts. */
export interface MirrorView {
  readonly record: MirrorRecord;
  readonly source: RelationshipStatus | null;
  readonly destination: RelationshipStatus | null;
  /** The acting primary's word, or that of the one which can be reached. */
  readonly leading: RelationshipStatus | null;
  readonly primary: ActingSide | null;
}

export interface ActingSide {
  readonly home: SideName;
  readonly unit: ServerUnit;
  readonly volumeId: string;
}

export interface MirrorSidesEnvironment {
  readonly topology: Topology;
  readonly unitOf: (serverId: string) => ServerUnit;
}

export class MirrorSides {
  readonly #environment: MirrorSidesEnvironment;

  constructor(environment: MirrorSidesEnvironment) {
    this.#environment = environment;
  }

  view(record: MirrorRecord): MirrorView {
    const { topology, unitOf } = this.#environment;
    const side = (volumeId: string): { unit: ServerUnit; status: RelationshipStatus | null } => {
      const unit = unitOf(topology.ownerOf(topology.volumes.get(volumeId)).id);
      return { unit, status: unit.face?.relationships().find((status) => status.id === record.id) ?? null };
    };
    const source = side(record.sourceVolumeId);
    const destination = side(record.destinationVolumeId);
    const primaries = [
      { home: 'source' as const, volumeId: record.sourceVolumeId, ...source },
      { home: 'destination' as const, volumeId: record.destinationVolumeId, ...destination },
    ]
      .filter((one) => one.status?.role === 'primary')
      .sort((a, b) => (b.status?.roleEpoch ?? 0) - (a.status?.roleEpoch ?? 0));
    const primary = primaries[0];
    return {
      record,
      source: source.status,
      destination: destination.status,
      leading: primary?.status ?? source.status ?? destination.status,
      primary: primary === undefined ? null : { home: primary.home, unit: primary.unit, volumeId: primary.volumeId },
    };
  }

  /** The volume and server that take host writes for a mirror; null while none does. */
  acting(record: MirrorRecord): ActingSide | null {
    const { primary } = this.view(record);
    return primary !== null && serves(primary.unit, primary.volumeId) ? primary : null;
  }

  /** The server to ask about an action: the secondary's for a forced promotion and a rollback, the acting primary's for all others. */
  sideFor(
    view: MirrorView,
    action: MirrorAction,
  ): { readonly status: RelationshipStatus; readonly unit: ServerUnit } | null {
    const { topology, unitOf } = this.#environment;
    const unit = (volumeId: string): ServerUnit => unitOf(topology.ownerOf(topology.volumes.get(volumeId)).id);
    const sides = [
      { status: view.source, unit: unit(view.record.sourceVolumeId) },
      { status: view.destination, unit: unit(view.record.destinationVolumeId) },
    ];
    const wanted =
      action === 'failover' || action === 'rollback'
        ? sides.find((side) => side.status?.role === 'secondary')
        : undefined;
    const chosen = wanted ?? sides.find((side) => side.status !== null && side.status === view.leading);
    return chosen === undefined || chosen.status === null ? null : { status: chosen.status, unit: chosen.unit };
  }

  /** What the server to ask says of an action; null where none can be asked. */
  actionStatus(view: MirrorView, action: MirrorAction): RelationshipStatus['actions'][number] | null {
    const at = this.sideFor(view, action);
    return at?.status.actions.find((one) => one.action === action) ?? null;
  }
}

function serves(unit: ServerUnit, volumeId: string): boolean {
  return unit.face?.volumes().some((volume) => volume.id === volumeId && volume.state === 'online') === true;
}

export function unreachable(record: MirrorRecord): Refusal {
  return refusal('mirror/unreachable', `No server of ${record.name} is up.`, 'Power on one of its servers.');
}

export function refusalFrom(data: RefusalData) {
  return refusal(data.code, data.message, data.hint, {
    overridable: data.overridable,
    ...(data.details === undefined ? {} : { details: data.details }),
  });
}

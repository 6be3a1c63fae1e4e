import type { JsonObject } from '../pool/index.ts';
import type { MirrorPosition } from './record.ts';
import type { Relationship } from './relationship.ts';
import type { HandshakePeer } from './state/index.ts';

/** What one side of a relationship tells the other at the handshake (replication.md 3.7). */
export interface RelationshipView extends HandshakePeer {
  readonly id: string;
  readonly position: MirrorPosition | null;
  readonly fencedAdmin: boolean;
  readonly logId: string;
  readonly sizeBlocks: number;
}

export function viewOf(rel: Relationship): RelationshipView {
  const record = rel.record;
  return {
    id: rel.id,
    role: record.role,
    roleEpoch: record.roleEpoch,
    image: record.image,
    generation: record.generation,
    markedRegions: rel.marks.regions.count,
    keptRegions: rel.kept.regions.count,
    held: rel.secondary.held,
    settled: !rel.secondary.leaving,
    position: record.position,
    rootCp: rel.deps.volume.record.cp,
    forced: record.forced,
    fencedAdmin: record.fracture?.cause === 'admin',
    logId: rel.deps.logId,
    sizeBlocks: rel.deps.volume.record.sizeBlocks,
  };
}

export function viewToJson(view: RelationshipView): JsonObject {
  return view as unknown as JsonObject;
}

/** Null for anything that is not a view; the peer is not trusted to be of the same build. */
export function viewFromJson(value: unknown): RelationshipView | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const view = value as Partial<RelationshipView>;
  if (typeof view.id !== 'string' || typeof view.roleEpoch !== 'number' || typeof view.held !== 'number') return null;
  if (view.role !== 'primary' && view.role !== 'secondary') return null;
  if (typeof view.generation !== 'object' || typeof view.image !== 'string' || typeof view.logId !== 'string') return null;
  return view as RelationshipView;
}

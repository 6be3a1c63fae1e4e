/**
 * Mirroring between two servers in mode `consistency-point`. Promises: an acknowledgement of a synchronized volume means
 * that the destination holds the record; the destination's image is always some consistency point of the source, never
 * a blend; what one side may miss is marked durably before anything depends on it; of two primaries none moves a byte
 * before somebody has chosen; a resync copies the blocks that differ and no others.
 */
export { Replication, type ReplicationDependencies } from './replication.ts';
export { Relationship, type ReplicationSettings } from './relationship.ts';
export { PeerLostError, PeerRefusedError } from './peer.ts';
export { ResyncInterruptedError, resyncResultJson, type ResyncKind, type ResyncResult } from './resync.ts';
export { Verify } from './verify.ts';
export { Overwrite } from './overwrite.ts';
export { promote, swap } from './promotion.ts';
export { rollback } from './rollback.ts';
export { directionOf, imagePosition, type RelationshipRecord } from './record.ts';
export { viewToJson, viewOf } from './views.ts';
export { FractureLog } from './fracture-log.ts';
export { growPair } from './growth.ts';
export { REGION_BYTES } from './region-set.ts';
export { ACTIONS, allowedActions, decideAction, describeConditions, describeMachine, refuse, viewOf as decisionViewOf, writersOf, type ActiveCondition, type MirrorAction, type RelationshipView as DecisionView } from './state/index.ts';

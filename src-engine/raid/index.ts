/**
 * RAID: a group of disks bound by a level ('raid0', 'raid1', 'raid10', 'raid5', 'raid6'). Knows stripes, units and
 * members; no idea of pools or volumes.
 *
 * Promises: addresses are group block numbers (GBN), dense over the data units of successive stripes. Whole-stripe writes
 * compute parity from what is written and never read. A read that fails on a member is answered from the others; while
 * no more members are lost than the level allows, every block can be reconstructed. A member whose write or sync fails is
 * failed at once (a failed sync is never retried) and reported; the caller makes that durable before it relies on it.
 */
export { geometryOf, locate, minimumMembers, redundancyOf } from './geometry.ts';
export type { Geometry, GroupSpec, RaidLevel } from './geometry.ts';
export { gfMultiply, scaleInto, solveStripe, xorInto } from './parity.ts';
export { GroupFailedError, RaidGroup } from './group.ts';
export type { GroupState, MemberState } from './group.ts';

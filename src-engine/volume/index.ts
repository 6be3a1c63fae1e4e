/**
 * Volumes on their owner. A `logged` volume promises: a write is acknowledged only when it is durable in the NVLOG and
 * at every keeper its mirror demands, in sequence order; nothing reachable from a root changes between consistency
 * points; a consistency point moves every logged record to the array in one label. What mirrors it implements
 * `VolumeMirror`; this folder knows nothing else of replication.
 */
export * from './frozen.ts';
export * from './errors.ts';
export * from './mirroring.ts';
export * from './overlay.ts';
export { CleanCache } from './clean-cache.ts';
export { LoggedVolume, asVolumeError, type VolumeDependencies, type VolumeGate } from './volume.ts';
export { ConsistencyPoints, CP_PHASES, type CpDependencies, type CpPhase, type CpSummary, type CpTrigger } from './consistency-point.ts';

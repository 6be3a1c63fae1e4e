/**
 * What the outside may ask and see: the only definition of it. Four doors are typed by or generated from this contract:
 * the desktop's MessagePort, WebSocket RPC, HTTP with OpenAPI, and the CLI over the control socket.
 *
 * Promises: every procedure has an input schema (`noInput` where it takes nothing), an output schema, HTTP route
 * metadata and one declared error, `REFUSED`. Input objects are strict: an unknown key is bad input. References between
 * things are names, and every input takes names and ids alike. Times are ISO 8601 in UTC (columns of series: milliseconds
 * since the epoch), sizes are bytes, and keys name their unit. No logic lives here.
 *
 * `contract` is what a lab implements; `doorContract` adds `host`, which the process around the lab answers itself.
 */
import { drillContract } from './drill.ts';
import { eventContract } from './event.ts';
import { faultContract } from './fault.ts';
import { hostContract } from './host.ts';
import { jobContract } from './job.ts';
import { labContract } from './lab.ts';
import { liveContract } from './live.ts';
import { metricsContract } from './metrics.ts';
import { mirrorContract } from './mirror.ts';
import { serverContract } from './server.ts';
import { arrayContract, poolContract } from './storage.ts';
import { clusterContract, linkContract, siteContract } from './topology.ts';
import { volumeContract } from './volume.ts';
import { workloadContract } from './workload.ts';

export const contract = {
  lab: labContract,
  site: siteContract,
  cluster: clusterContract,
  server: serverContract,
  link: linkContract,
  array: arrayContract,
  pool: poolContract,
  volume: volumeContract,
  mirror: mirrorContract,
  workload: workloadContract,
  fault: faultContract,
  job: jobContract,
  event: eventContract,
  drill: drillContract,
  metrics: metricsContract,
  live: liveContract,
};
export type Contract = typeof contract;

export const doorContract = { ...contract, host: hostContract };
export type DoorContract = typeof doorContract;

export { LIMITS, nameSchema, refSchema, type Health, type ProcedureMeta } from './common.ts';
export { refusalSchema, refusedError, REPLICATION_REFUSAL_CODES, type Refusal } from './refusal.ts';
export { deletedSchema, type Deleted } from './changes.ts';
export * from './drill.ts';
export * from './event.ts';
export * from './fault.ts';
export * from './host.ts';
export * from './job.ts';
export * from './lab.ts';
export * from './live.ts';
export * from './metrics.ts';
export * from './mirror.ts';
export * from './previews.ts';
export * from './server.ts';
export * from './settings.ts';
export * from './storage.ts';
export * from './topology.ts';
export * from './volume.ts';
export * from './workload.ts';

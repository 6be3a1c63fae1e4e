/**
 * One storage server composed of the layers below. Promises: `boot` never half-serves (it is up, or says why it refuses);
 * every volume answers hosts only when this server may own it; a crash at any point loses nothing acknowledged.
 */
export { readIdentity } from './identity.ts';
export * from './types.ts';
export { RefusedStart } from './opening.ts';
export { StorageServer } from './server.ts';
export { executorOf } from './desk.ts';
export { isoText } from './wall-time.ts';

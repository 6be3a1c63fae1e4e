/**
 * The ground floor: what the engine may ask of the world (`types.ts`), the links between servers (`link-network.ts`) and
 * how an incarnation of a server is ended (`incarnation.ts`). `runtime/node` answers on the real machine,
 * `runtime/simulated` on a seeded virtual clock; both have an `index.ts` of their own.
 */
export * from './types.ts';
export { incarnate, type Incarnation } from './incarnation.ts';
export { LinkNetwork } from './link-network.ts';
export type { DirectionTraffic, LinkSettings } from './link-direction.ts';
export { isStoragePath } from './paths.ts';

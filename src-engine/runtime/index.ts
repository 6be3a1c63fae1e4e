/**
 * The ground floor: what the engine may ask of the world (`types.ts`) and how an incarnation of a server is ended
 * (`incarnation.ts`). `runtime/node` answers on the real machine, `runtime/simulated` on a seeded virtual clock.
 */
export * from './types.ts';

/**
 * The whole contract, answered by a lab. Promises: what is refused is the contract's one declared error; every change is
 * audited and, with a request id, carried out once.
 */
import type { Lab } from '../lab.ts';
import { figureRoutes } from './figures.ts';
import { mirrorRoutes } from './mirrors.ts';
import { operationRoutes } from './operations.ts';
import { proceduresOf } from './procedures.ts';
import { topologyRoutes } from './topology.ts';
import { volumeRoutes } from './volumes.ts';

export type { CallContext } from './procedures.ts';

export function createRouter(lab: Lab) {
  const os = proceduresOf(lab);
  return os.router({
    ...topologyRoutes(os, lab),
    ...volumeRoutes(os, lab),
    ...mirrorRoutes(os, lab),
    ...operationRoutes(os, lab),
    ...figureRoutes(os, lab),
  });
}

export type LabRouter = ReturnType<typeof createRouter>;

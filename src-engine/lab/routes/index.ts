/**
 * The whole contract, answered by a lab. Promises: what is refused is the contract's one declared error; every change is
 * audited and, with a request id, carried out once.
 */
import type { Lab } from '../lab.ts';
import { changeRoutes } from './changes.ts';
import { comingRoutes } from './coming.ts';
import { figureRoutes } from './figures.ts';
import { mirrorRoutes } from './mirrors.ts';
import { operationRoutes } from './operations.ts';
import { proceduresOf } from './procedures.ts';
import { topologyRoutes } from './topology.ts';
import { volumeRoutes } from './volumes.ts';

export type { CallContext } from './procedures.ts';

export function createRouter(lab: Lab) {
  const os = proceduresOf(lab);
  const coming = comingRoutes(os);
  const changes = changeRoutes(os, lab);
  const topology = topologyRoutes(os, lab);
  return os.router({
    lab: { ...coming.lab, ...topology.lab },
    site: { ...changes.site, ...topology.site },
    cluster: { ...changes.cluster, ...topology.cluster },
    server: { ...changes.server, ...topology.server },
    link: { ...changes.link, ...topology.link },
    array: { ...coming.array, ...changes.array, ...topology.array },
    pool: { ...coming.pool, ...changes.pool, ...topology.pool },
    volume: { ...coming.volume, ...changes.volume, ...volumeRoutes(os, lab).volume },
    mirror: { ...coming.mirror, ...changes.mirror, ...mirrorRoutes(os, lab).mirror },
    ...operationRoutes(os, lab),
    ...figureRoutes(os, lab),
  });
}

export type LabRouter = ReturnType<typeof createRouter>;

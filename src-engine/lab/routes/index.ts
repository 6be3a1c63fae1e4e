/**
 * The whole contract, answered by a lab. Promises: what is refused is the contract's one declared error; every change is
 * audited and, with a request id, carried out once.
 */
import type { Lab } from '../lab.ts';
import { changeRoutes } from './changes.ts';
import { figureRoutes } from './figures.ts';
import { mirrorRoutes } from './mirrors.ts';
import { operationRoutes } from './operations.ts';
import { previewRoutes } from './previews.ts';
import { proceduresOf } from './procedures.ts';
import { settingsRoutes } from './settings.ts';
import { topologyRoutes } from './topology.ts';
import { volumeRoutes } from './volumes.ts';

export type { CallContext } from './procedures.ts';

export function createRouter(lab: Lab) {
  const os = proceduresOf(lab);
  const previews = previewRoutes(os, lab);
  const changes = changeRoutes(os, lab);
  const topology = topologyRoutes(os, lab);
  return os.router({
    lab: { ...settingsRoutes(os, lab), ...topology.lab },
    site: { ...changes.site, ...topology.site },
    cluster: { ...changes.cluster, ...topology.cluster },
    server: { ...changes.server, ...topology.server },
    link: { ...changes.link, ...topology.link },
    array: { ...previews.array, ...changes.array, ...topology.array },
    pool: { ...previews.pool, ...changes.pool, ...topology.pool },
    volume: { ...previews.volume, ...changes.volume, ...volumeRoutes(os, lab).volume },
    mirror: { ...previews.mirror, ...changes.mirror, ...mirrorRoutes(os, lab).mirror },
    ...operationRoutes(os, lab),
    ...figureRoutes(os, lab),
  });
}

export type LabRouter = ReturnType<typeof createRouter>;

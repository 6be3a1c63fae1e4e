/** What changes would do, and pictures of what is there; nothing here changes anything. */
import type { Lab } from '../lab.ts';
import { previewMirrorCreation } from '../mirror-creation.ts';
import { previewArray, previewPool, type PoolPlanEnvironment } from '../pool-plan.ts';
import { mapVolume, previewVolume } from '../volume-preview.ts';
import type { Procedures } from './procedures.ts';

export function previewRoutes(os: Procedures, lab: Lab) {
  const { topology } = lab;
  const environment: PoolPlanEnvironment = {
    topology,
    unitOf: (serverId) => lab.servers.unitOf(serverId),
    freeBytes: () => lab.storage.freeBytes(),
  };
  return {
    array: { preview: os.array.preview.handler(({ input }) => previewArray(environment, input)) },
    pool: { preview: os.pool.preview.handler(({ input }) => previewPool(environment, input)) },
    volume: {
      preview: os.volume.preview.handler(({ input }) =>
        previewVolume(lab, topology.volumes.find(input.volume), input.action, input.sizeBytes),
      ),
      map: os.volume.map.handler(({ input }) => mapVolume(lab, topology.volumes.find(input.volume), input.cells)),
    },
    mirror: {
      previewCreate: os.mirror.previewCreate.handler(({ input }) =>
        previewMirrorCreation(lab, {
          ...input,
          source: topology.volumes.find(input.source),
          destination: topology.volumes.find(input.destination),
        }),
      ),
    },
  };
}

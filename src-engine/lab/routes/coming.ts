/** Procedures of the contract that this build refuses; each moves to its noun's routes with what carries it out. */
import { refuse } from '../refused.ts';
import type { Procedures } from './procedures.ts';

const no = (): never => refuse('lab/not-available', 'This build cannot do that yet.', 'Use a newer one.');

export function comingRoutes(os: Procedures) {
  return {
    lab: { settings: os.lab.settings.handler(no), set: os.lab.set.handler(no) },
    site: { rename: os.site.rename.handler(no), delete: os.site.delete.handler(no) },
    cluster: { rename: os.cluster.rename.handler(no), delete: os.cluster.delete.handler(no) },
    server: { rename: os.server.rename.handler(no), delete: os.server.delete.handler(no) },
    link: { rename: os.link.rename.handler(no), delete: os.link.delete.handler(no) },
    array: {
      preview: os.array.preview.handler(no),
      rename: os.array.rename.handler(no),
      delete: os.array.delete.handler(no),
    },
    pool: {
      preview: os.pool.preview.handler(no),
      rename: os.pool.rename.handler(no),
      delete: os.pool.delete.handler(no),
    },
    volume: {
      rename: os.volume.rename.handler(no),
      preview: os.volume.preview.handler(no),
      map: os.volume.map.handler(no),
    },
    mirror: { previewCreate: os.mirror.previewCreate.handler(no), rename: os.mirror.rename.handler(no) },
  };
}

/** Procedures of the contract that this build refuses; each moves to its noun's routes with what carries it out. */
import { refuse } from '../refused.ts';
import type { Procedures } from './procedures.ts';

const no = (): never => refuse('lab/not-available', 'This build cannot do that yet.', 'Use a newer one.');

export function comingRoutes(os: Procedures) {
  return {
    lab: { settings: os.lab.settings.handler(no), set: os.lab.set.handler(no) },
    array: { preview: os.array.preview.handler(no) },
    pool: { preview: os.pool.preview.handler(no) },
    volume: { preview: os.volume.preview.handler(no), map: os.volume.map.handler(no) },
    mirror: { previewCreate: os.mirror.previewCreate.handler(no) },
  };
}

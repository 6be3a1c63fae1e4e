import type { JsonObject } from '../../pool/index.ts';
import type { Relationship } from '../../replication/index.ts';

/**
 * Applies a control record of the log to a relationship at start. Records carry whole values, so that applying one again
 * over a record that holds it already changes nothing.
 */
export function applyControlRecord(
  rel: Relationship,
  kind: 'fracture' | 'generation',
  payload: JsonObject | null,
): void {
  if (payload?.['relationship'] !== rel.id || rel.record.role !== 'primary') return;
  if (kind === 'generation') {
    const generation = payload['generation'] as unknown as typeof rel.record.generation;
    // A label after it already goes on from there.
    if (rel.record.generation.history.includes(generation.current)) return;
    rel.set({ generation, opening: '' });
    return;
  }
  const opening = typeof payload['opening'] === 'string' ? payload['opening'] : '';
  const opened = rel.record.generation.current === opening || rel.record.generation.history.includes(opening);
  rel.set({
    image: payload['image'] as typeof rel.record.image,
    fracture: {
      cause: payload['cause'] as 'link',
      atWallMs: Number(payload['atWallMs']),
      sequence: Number(payload['sequence']),
    },
    opening: opened ? rel.record.opening : opening,
  });
}

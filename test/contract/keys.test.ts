import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  checkReportSchema,
  drillReportSchema,
  eventSchema,
  jobSchema,
  mirrorSchema,
  volumeChecksumSchema,
  volumeSchema,
  contract,
} from '../../src-engine/contract/index.ts';

/** The schema below a path of keys; lists and nullables are looked through. */
function below(schema: z.ZodType, path: readonly string[]): z.ZodType {
  if (schema instanceof z.ZodArray) return below(schema.element as z.ZodType, path);
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional)
    return below(schema.unwrap() as z.ZodType, path);
  const [key, ...rest] = path;
  if (key === undefined) return schema;
  expect(schema, key).toBeInstanceOf(z.ZodObject);
  const next = (schema as z.ZodObject).shape[key] as z.ZodType | undefined;
  expect(next, `${key} is missing`).toBeDefined();
  return below(next ?? z.never(), rest);
}
const audit = (contract.workload.audit['~orpc'] as unknown as { outputSchema: z.ZodType }).outputSchema;

/** interfaces.md, "JSON keys that scripts rely on", and the drill's of issue 2. */
const RELIED_ON: readonly (readonly [string, z.ZodType, readonly string[]])[] = [
  ['volume list', volumeSchema, ['id', 'name', 'sizeBytes', 'cluster', 'site', 'owner', 'state', 'policy']],
  ['volume checksum', volumeChecksumSchema, ['sha256', 'bytes', 'cp', 'sequence']],
  [
    'mirror show',
    mirrorSchema,
    [
      ...['id', 'name', 'mode', 'imageState', 'direction', 'acting'],
      ...['conditions.code', 'conditions.since', 'conditions.cause'],
      ...['source.volume', 'source.site', 'destination.volume', 'destination.site'],
      ...['lag.writes', 'lag.bytes', 'lag.seconds'],
      ...['fractureLog.regions', 'fractureLog.dirty', 'fractureLog.regionSizeBytes'],
      ...['actions.action', 'actions.allowed', 'actions.refusal'],
    ],
  ],
  ['job show', jobSchema, ['id', 'kind', 'state', 'progress', 'rateBytesPerSecond', 'etaSeconds', 'result']],
  ['event list', eventSchema, ['id', 'at', 'kind', 'severity', 'subject', 'message']],
  ['workload audit', audit, ['acknowledged', 'verified', 'lost', 'torn', 'stale', 'misplaced']],
  [
    'lab check',
    checkReportSchema,
    ['verdict', 'problems.file', 'problems.offset', 'problems.expected', 'problems.found'],
  ],
  [
    'drill',
    drillReportSchema,
    [
      ...['verdict', 'acknowledgedWrites', 'lostWrites', 'tornWrites', 'rpoWrites', 'rtoMs', 'seed'],
      ...['crash.cp', 'crash.phase', 'failover.replayedRecords', 'failover.ms'],
      ...['reverseResync.regionsDiffering', 'reverseResync.bytesCopied', 'reverseResync.bytesVolume'],
      ...['reverseResync.ms', 'checksums.source', 'checksums.destination'],
    ],
  ],
];

describe('JSON keys that scripts rely on', () => {
  test.each(RELIED_ON)('%s has them', (_command, schema, keys) => {
    for (const key of keys) below(schema, key.split('.'));
  });
});

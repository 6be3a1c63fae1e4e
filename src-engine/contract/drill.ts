import { z } from 'zod';
import {
  bytesSchema,
  countSchema,
  instantSchema,
  millisecondsSchema,
  mutation,
  noInput,
  query,
  refSchema,
  requestIdSchema,
} from './common.ts';
import { refusalSchema } from './refusal.ts';

/** The steps of the main job, in order. */
export const DRILL_STEPS = [
  'prepare',
  'workload',
  'synchronize',
  'crash',
  'failover',
  'audit-after-failover',
  'write-at-destination',
  'restore-site',
  'differences',
  'reverse-resync',
  'verify',
  'failback',
  'audit',
  'report',
] as const;
export const drillStepIdSchema = z.enum(DRILL_STEPS);
export type DrillStepId = z.infer<typeof drillStepIdSchema>;

/** What the drill proved (its issue fixes the keys). Times are milliseconds. */
export const drillReportSchema = z.object({
  verdict: z.enum(['pass', 'fail']),
  acknowledgedWrites: countSchema,
  lostWrites: countSchema,
  tornWrites: countSchema,
  staleWrites: countSchema,
  misplacedWrites: countSchema,
  rpoWrites: countSchema,
  rtoMs: millisecondsSchema,
  crash: z.object({ cp: countSchema, phase: z.string() }),
  failover: z.object({ replayedRecords: countSchema, ms: millisecondsSchema }),
  reverseResync: z.object({
    regionsDiffering: countSchema,
    bytesCopied: bytesSchema,
    bytesVolume: bytesSchema,
    ms: millisecondsSchema,
  }),
  checksums: z.object({ source: z.string(), destination: z.string() }),
  seed: countSchema,
});
export type DrillReport = z.infer<typeof drillReportSchema>;

export const drillSchema = z.object({
  id: z.string(),
  /** `waiting`: a guided drill awaits `advance`. */
  state: z.enum(['running', 'waiting', 'done', 'failed', 'cancelled', 'cleanup-incomplete']),
  guided: z.boolean(),
  mirror: z.string(),
  startedAt: instantSchema,
  endedAt: instantSchema.nullable(),
  steps: z.array(
    z.object({
      id: drillStepIdSchema,
      title: z.string(),
      /** What is about to happen or has happened, for people. */
      description: z.string(),
      state: z.enum(['pending', 'waiting', 'running', 'done', 'failed']),
      startedAt: instantSchema.nullable(),
      endedAt: instantSchema.nullable(),
      progress: z.number().min(0).max(1).nullable(),
      facts: z.array(z.object({ label: z.string(), value: z.string() })),
    }),
  ),
  report: drillReportSchema.nullable(),
  error: refusalSchema.nullable(),
});
export type Drill = z.infer<typeof drillSchema>;

export const drillContract = {
  /** Runs on the lab's first mirror unless one is named. A second drill is refused while one runs or its clean-up is incomplete. */
  start: mutation
    .route({
      method: 'POST',
      path: '/drills',
      summary: 'Start the failover drill',
      tags: ['drill'],
      successStatus: 201,
    })
    .input(
      z.strictObject({
        guided: z.boolean().optional(),
        mirror: refSchema.optional(),
        seed: z.number().int().min(0).max(0xffffffff).optional(),
        requestId: requestIdSchema,
      }),
    )
    .output(drillSchema),
  /** Carries out the next step of a guided drill; returns at once with the step running. */
  advance: mutation
    .route({ method: 'POST', path: '/drills/{drill}/advance', summary: 'Next step of a guided drill', tags: ['drill'] })
    .input(z.strictObject({ drill: refSchema, requestId: requestIdSchema }))
    .output(drillSchema),
  /** Heals what the drill broke and ends it; also retries an incomplete clean-up. */
  cancel: mutation
    .route({ method: 'POST', path: '/drills/{drill}/cancel', summary: 'End a drill and clean up', tags: ['drill'] })
    .input(z.strictObject({ drill: refSchema, requestId: requestIdSchema }))
    .output(drillSchema),
  /** The newest drill when none is named; null when there never was one. */
  status: query
    .route({ method: 'GET', path: '/drills/status', summary: 'State of a drill', tags: ['drill'] })
    .input(z.strictObject({ drill: refSchema.optional() }).optional())
    .output(drillSchema.nullable()),
  /** In order of creation. */
  list: query
    .route({ method: 'GET', path: '/drills', summary: 'All drills and their reports', tags: ['drill'] })
    .input(noInput)
    .output(z.array(drillSchema)),
};

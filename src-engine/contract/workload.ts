import { z } from 'zod';
import { countSchema, instantSchema, mutation, noInput, query, refSchema, requestIdSchema } from './common.ts';

export const profileSchema = z.enum(['sequential', 'random', 'mixed', 'hot-spot']);
export type Profile = z.infer<typeof profileSchema>;

export const workloadSchema = z.object({
  id: z.string(),
  volume: z.string(),
  profile: profileSchema,
  queueDepth: countSchema,
  /** Operations a second; null means as fast as it goes. */
  ratePerSecond: z.number().nullable(),
  readPercent: z.number(),
  /** `interrupted`: the host that ran it ended; workloads never restart by themselves. */
  state: z.enum(['running', 'paused', 'stalled', 'stopped', 'interrupted', 'failed']),
  cause: z.string().nullable(),
  startedAt: instantSchema,
  endedAt: instantSchema.nullable(),
  acknowledgedWrites: countSchema,
  verifiedReads: countSchema,
  failedOperations: countSchema,
  operationsPerSecond: z.number().min(0),
});
export type Workload = z.infer<typeof workloadSchema>;

const auditCounts = {
  acknowledged: countSchema,
  verified: countSchema,
  lost: countSchema,
  torn: countSchema,
  stale: countSchema,
  misplaced: countSchema,
};
/** Sums over the ledgers asked for, and each ledger by itself. Writes are counted, not bytes. */
export const auditSchema = z.object({
  ...auditCounts,
  volumes: z.array(z.object({ volume: z.string(), ...auditCounts })),
});
export type Audit = z.infer<typeof auditSchema>;

export const workloadContract = {
  /** Returns as soon as it runs; a workload is not a job. Overlapping ones on a volume are refused. */
  start: mutation
    .route({
      method: 'POST',
      path: '/workloads',
      summary: 'Start a verified workload on a volume',
      tags: ['workload'],
      successStatus: 201,
    })
    .input(
      z.strictObject({
        volume: refSchema,
        profile: profileSchema.optional(),
        queueDepth: z.number().int().min(1).max(256).optional(),
        ratePerSecond: z.number().min(0.1).max(1e6).optional(),
        readPercent: z.number().int().min(0).max(100).optional(),
        requestId: requestIdSchema,
      }),
    )
    .output(workloadSchema),
  /** Without a workload: all running ones. Returns when the last operation in flight has ended. */
  stop: mutation
    .route({ method: 'POST', path: '/workloads/stop', summary: 'Stop one or all workloads', tags: ['workload'] })
    .input(z.strictObject({ workload: refSchema.optional(), requestId: requestIdSchema }))
    .output(z.array(workloadSchema)),
  list: query
    .route({ method: 'GET', path: '/workloads', summary: 'All workloads', tags: ['workload'] })
    .input(noInput)
    .output(z.array(workloadSchema)),
  /** Pauses, reads back every acknowledged write, resumes. Without argument: all ledgers. */
  audit: mutation
    .route({ method: 'POST', path: '/workloads/audit', summary: 'Verify every acknowledged write', tags: ['workload'] })
    .input(z.strictObject({ workload: refSchema.optional(), volume: refSchema.optional() }))
    .output(auditSchema),
};

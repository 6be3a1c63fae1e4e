import { z } from 'zod';
import { instantSchema, mutation, query, refSchema, requestIdSchema } from './common.ts';
import { refusalSchema } from './refusal.ts';

export const jobStateSchema = z.enum(['queued', 'running', 'paused', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobStateSchema>;

export const jobSchema = z.object({
  id: z.string(),
  /** `mirror/resync`, `volume/import` ...: noun and what. */
  kind: z.string(),
  /** `<noun>/<name>` of what it works on. */
  subject: z.string(),
  state: jobStateSchema,
  /** What it does now, for people. */
  phase: z.string(),
  /** 0 to 1; null where the end is not known. */
  progress: z.number().min(0).max(1).nullable(),
  rateBytesPerSecond: z.number().min(0).nullable(),
  etaSeconds: z.number().min(0).nullable(),
  canPause: z.boolean(),
  canCancel: z.boolean(),
  createdAt: instantSchema,
  endedAt: instantSchema.nullable(),
  /** Depends on the kind; null until it is done. */
  result: z.record(z.string(), z.unknown()).nullable(),
  /** Why it failed. */
  error: refusalSchema.nullable(),
});
export type Job = z.infer<typeof jobSchema>;

export const isFinished = (state: JobState): boolean => state === 'done' || state === 'failed' || state === 'cancelled';

const one = z.strictObject({ job: refSchema });
const change = z.strictObject({ job: refSchema, requestId: requestIdSchema });

export const jobContract = {
  list: query
    .route({ method: 'GET', path: '/jobs', summary: 'Jobs in order of creation', tags: ['job'] })
    .input(
      z
        .strictObject({ state: jobStateSchema.optional(), limit: z.number().int().min(1).max(1000).optional() })
        .optional(),
    )
    .output(z.array(jobSchema)),
  show: query
    .route({ method: 'GET', path: '/jobs/{job}', summary: 'One job', tags: ['job'] })
    .input(one)
    .output(jobSchema),
  /** Returns the job when it is finished, or as it is after `timeoutSeconds`. */
  wait: query
    .route({ method: 'POST', path: '/jobs/{job}/wait', summary: 'Wait for a job', tags: ['job'] })
    .input(one.extend({ timeoutSeconds: z.number().min(0).max(86_400).optional() }))
    .output(jobSchema),
  cancel: mutation
    .route({ method: 'POST', path: '/jobs/{job}/cancel', summary: 'Cancel a job', tags: ['job'] })
    .input(change)
    .output(jobSchema),
  pause: mutation
    .route({ method: 'POST', path: '/jobs/{job}/pause', summary: 'Pause a job', tags: ['job'] })
    .input(change)
    .output(jobSchema),
  resume: mutation
    .route({ method: 'POST', path: '/jobs/{job}/resume', summary: 'Resume a paused job', tags: ['job'] })
    .input(change)
    .output(jobSchema),
};

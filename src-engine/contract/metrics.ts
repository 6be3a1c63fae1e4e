import { z } from 'zod';
import { instantSchema, noInput, query, refSchema } from './common.ts';

const column = z.array(z.number().nullable());
/** Columns of equal length, oldest first; null where nothing was measured. `at` is milliseconds since the epoch. */
export const seriesSchema = z.object({
  stepMs: z.number(),
  at: z.array(z.number()),
  readsPerSecond: column,
  writesPerSecond: column,
  readBytesPerSecond: column,
  writtenBytesPerSecond: column,
  /** Of host writes, acknowledged. */
  latencyP50Ms: column,
  latencyP99Ms: column,
  /** Faults and state changes within the window, to be drawn as vertical marks. */
  marks: z.array(z.object({ at: z.number(), kind: z.string(), message: z.string() })),
});
export type Series = z.infer<typeof seriesSchema>;

/** One sample of the whole lab, as the live stream carries it. */
export const sampleSchema = z.object({
  at: z.number(),
  readsPerSecond: z.number(),
  writesPerSecond: z.number(),
  readBytesPerSecond: z.number(),
  writtenBytesPerSecond: z.number(),
  latencyP50Ms: z.number().nullable(),
  latencyP99Ms: z.number().nullable(),
});
export type Sample = z.infer<typeof sampleSchema>;

/** Prometheus families: the host prints them at `/metrics`. Names begin with `lockstep_` and carry the unit. */
export const metricFamilySchema = z.object({
  name: z.string().regex(/^lockstep_[a-z0-9_]+$/),
  help: z.string(),
  type: z.enum(['counter', 'gauge']),
  samples: z.array(z.object({ labels: z.record(z.string(), z.string()), value: z.number() })),
});
export type MetricFamily = z.infer<typeof metricFamilySchema>;

export const metricsContract = {
  series: query
    .route({
      method: 'GET',
      path: '/metrics/series',
      summary: 'Series of the lab, a volume or a server',
      tags: ['metrics'],
    })
    .input(
      z
        .strictObject({
          volume: refSchema.optional(),
          server: refSchema.optional(),
          windowSeconds: z.number().int().min(1).max(86_400).optional(),
        })
        .refine((input) => input.volume === undefined || input.server === undefined, 'a volume or a server, not both')
        .optional(),
    )
    .output(seriesSchema),
  snapshot: query
    .route({ method: 'GET', path: '/metrics/snapshot', summary: 'All counters and gauges now', tags: ['metrics'] })
    .input(noInput)
    .output(z.object({ at: instantSchema, families: z.array(metricFamilySchema) })),
};

import { z } from 'zod';
import { bytesSchema, countSchema, instantSchema, mutation, noInput, query, requestIdSchema } from './common.ts';
import { labSettingsSchema, labSettingsViewSchema } from './settings.ts';

export const labInfoSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** Absolute path of the lab's directory. */
  directory: z.string(),
  formatVersion: countSchema,
  /** `two-site` for the demo lab. */
  demo: z.string().nullable(),
  createdAt: instantSchema,
  openedAt: instantSchema,
  /** The engine's wall clock now; a `clock-jump` fault moves it. */
  now: instantSchema,
  sites: countSchema,
  servers: countSchema,
  volumes: countSchema,
  mirrors: countSchema,
  usedBytes: bytesSchema,
  freeBytes: bytesSchema.nullable(),
});
export type LabInfo = z.infer<typeof labInfoSchema>;

/** What each server still does before it admits hosts. */
export const labOpeningSchema = z.object({
  done: z.boolean(),
  servers: z.array(
    z.object({
      server: z.string(),
      phase: z.enum(['off', 'reading-labels', 'replaying', 'handshake', 'serving', 'failed']),
      detail: z.string(),
      /** While `handshake` waits for an absent peer: when it goes on by primary bias. */
      peerWaitUntil: instantSchema.nullable(),
    }),
  ),
});
export type LabOpening = z.infer<typeof labOpeningSchema>;

export const checkReportSchema = z.object({
  verdict: z.enum(['clean', 'repaired', 'damaged']),
  problems: z.array(
    z.object({
      /** Path relative to the lab's directory. */
      file: z.string(),
      offset: z.number().int().nullable(),
      expected: z.string(),
      found: z.string(),
      /** What was or can be done. */
      action: z.string().optional(),
    }),
  ),
  checked: z.object({ files: countSchema, blocks: countSchema, bytes: bytesSchema }).optional(),
});
export type CheckReport = z.infer<typeof checkReportSchema>;

export const labContract = {
  info: query
    .route({ method: 'GET', path: '/lab', summary: 'The open lab', tags: ['lab'] })
    .input(noInput)
    .output(labInfoSchema),
  opening: query
    .route({
      method: 'GET',
      path: '/lab/opening',
      summary: 'What the servers still do before they serve',
      tags: ['lab'],
    })
    .input(noInput)
    .output(labOpeningSchema),
  settings: query
    .route({ method: 'GET', path: '/lab/settings', summary: 'Settings of the lab', tags: ['lab'] })
    .input(noInput)
    .output(labSettingsViewSchema),
  /** Only what is named changes; null goes back to the default. */
  set: mutation
    .route({ method: 'PATCH', path: '/lab/settings', summary: 'Change settings of the lab', tags: ['lab'] })
    .input(
      z.strictObject({
        settings: z.strictObject({
          cpIntervalMs: labSettingsSchema.shape.cpIntervalMs.nullable().optional(),
          peerWaitMs: labSettingsSchema.shape.peerWaitMs.nullable().optional(),
          mirrorTimeoutMs: labSettingsSchema.shape.mirrorTimeoutMs.nullable().optional(),
          strictTimeoutMs: labSettingsSchema.shape.strictTimeoutMs.nullable().optional(),
          resyncBytesPerSecond: labSettingsSchema.shape.resyncBytesPerSecond.nullable().optional(),
          mirrorRecovery: labSettingsSchema.shape.mirrorRecovery.nullable().optional(),
          mirrorPolicy: labSettingsSchema.shape.mirrorPolicy.nullable().optional(),
          keepEvents: labSettingsSchema.shape.keepEvents.nullable().optional(),
        }),
        requestId: requestIdSchema,
      }),
    )
    .output(labSettingsViewSchema),
  /**
   * Reads committed roots, logs and marks of the running lab. Without `repair` nothing is changed; with it, what redundancy
   * gives back is put right. Takes as long as reading everything.
   */
  check: mutation
    .route({ method: 'POST', path: '/lab/check', summary: 'Check all persistent structures', tags: ['lab'] })
    .input(z.strictObject({ repair: z.boolean().optional() }).optional())
    .output(checkReportSchema),
};

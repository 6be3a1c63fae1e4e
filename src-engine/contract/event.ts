import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { countSchema, instantSchema, LIMITS, query } from './common.ts';

/** In falling order. */
export const SEVERITIES = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'] as const;
export const severitySchema = z.enum(SEVERITIES);
export type Severity = z.infer<typeof severitySchema>;

export const eventSchema = z.object({
  /** Dense, from 1. */
  id: countSchema,
  at: instantSchema,
  /** `mirror/state`, `job/done`, `alert/raised`, `admin/action`, `fault/injected` ... */
  kind: z.string(),
  severity: severitySchema,
  /** `<noun>/<name>`. */
  subject: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type LabEvent = z.infer<typeof eventSchema>;

const filter = {
  /** This severe or more. */
  severity: severitySchema.optional(),
  /** Exact subject, or all of a noun (`mirror`). */
  subject: z.string().max(128).optional(),
  /** Exact kind, or all of an area (`fault`). */
  kind: z.string().max(64).optional(),
};

export const eventContract = {
  /** Oldest first after `after`; newest first before `before`; without both the newest page, newest first. */
  list: query
    .route({ method: 'GET', path: '/events', summary: 'A page of events', tags: ['event'] })
    .input(
      z
        .strictObject({
          after: countSchema.optional(),
          before: countSchema.optional(),
          limit: z.number().int().min(1).max(LIMITS.pageEvents).optional(),
          ...filter,
        })
        .optional(),
    )
    .output(z.object({ events: z.array(eventSchema), firstId: countSchema, lastId: countSchema })),
  /** Every event after `after` (default: from now on), in order, without gaps; ends with the host. */
  follow: query
    .route({
      method: 'GET',
      path: '/events/follow',
      summary: 'Events as they happen (server-sent events)',
      tags: ['event'],
    })
    .input(z.strictObject({ after: countSchema.optional(), ...filter }).optional())
    .output(eventIterator(eventSchema)),
};

import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { countSchema, instantSchema, LIMITS, mutation, query, requestIdSchema } from './common.ts';

/** In falling order. */
export const SEVERITIES = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'] as const;
export const severitySchema = z.enum(SEVERITIES);
export type Severity = z.infer<typeof severitySchema>;

/** An event that severe or more is an alert: it stays open until somebody acknowledges it. */
export const ALERT_SEVERITY: Severity = 'warning';
export const isAlert = (severity: Severity): boolean =>
  SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(ALERT_SEVERITY);

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
  /** Of an alert: who has seen it and when. Absent: nobody yet, or no alert. */
  acknowledged: z.object({ at: instantSchema, by: z.string() }).optional(),
});
export type LabEvent = z.infer<typeof eventSchema>;

const filter = {
  /** This severe or more. */
  severity: severitySchema.optional(),
  /** Exact subject, or all of a noun (`mirror`). */
  subject: z.string().max(128).optional(),
  /** Exact kind, or all of an area (`fault`). */
  kind: z.string().max(64).optional(),
  /** Only alerts that nobody acknowledged. */
  open: z.boolean().optional(),
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
  /** The named alerts, or all up to an id. Those acknowledged before stay as they are; the answer counts the others. */
  acknowledge: mutation
    .route({ method: 'POST', path: '/events/acknowledge', summary: 'Acknowledge alerts', tags: ['event'] })
    .input(
      z.union([
        z.strictObject({ events: z.array(z.number().int().min(1)).min(1).max(1000), requestId: requestIdSchema }),
        z.strictObject({ through: z.number().int().min(1), requestId: requestIdSchema }),
      ]),
    )
    .output(z.object({ acknowledged: countSchema })),
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

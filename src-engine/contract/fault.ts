import { z } from 'zod';
import { confirmSchema, instantSchema, mutation, noInput, query, refSchema, requestIdSchema } from './common.ts';

export const FAULT_KINDS = [
  'server-crash',
  'site-loss',
  'link-cut',
  'link-latency',
  'link-bandwidth',
  'lab-power-loss',
  'clock-jump',
] as const;
export const faultKindSchema = z.enum(FAULT_KINDS);
export type FaultKind = z.infer<typeof faultKindSchema>;

/** The fault with its target and its parameters. */
export const faultSpecSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('server-crash'), server: refSchema }),
  z.strictObject({ kind: z.literal('site-loss'), site: refSchema }),
  z.strictObject({ kind: z.literal('link-cut'), link: refSchema }),
  z.strictObject({ kind: z.literal('link-latency'), link: refSchema, latencyMs: z.number().min(0).max(60_000) }),
  z.strictObject({
    kind: z.literal('link-bandwidth'),
    link: refSchema,
    bytesPerSecond: z.number().int().min(1024).max(1e12),
  }),
  z.strictObject({ kind: z.literal('lab-power-loss') }),
  z.strictObject({ kind: z.literal('clock-jump'), seconds: z.number().min(-31_536_000).max(31_536_000) }),
]);
export type FaultSpec = z.infer<typeof faultSpecSchema>;

export const faultSchema = z.object({
  id: z.string(),
  kind: faultKindSchema,
  /** `<noun>/<name>` of what is broken. */
  subject: z.string(),
  message: z.string(),
  parameters: z.record(z.string(), z.number()),
  injectedAt: instantSchema,
});
export type Fault = z.infer<typeof faultSchema>;

export const faultContract = {
  /** Returns as soon as it is in effect. */
  inject: mutation
    .route({ method: 'POST', path: '/faults', summary: 'Break something', tags: ['fault'], successStatus: 201 })
    .input(z.strictObject({ fault: faultSpecSchema, confirm: confirmSchema, requestId: requestIdSchema }))
    .output(faultSchema),
  list: query
    .route({ method: 'GET', path: '/faults', summary: 'What is broken now', tags: ['fault'] })
    .input(noInput)
    .output(z.array(faultSchema)),
  /** One, or all when absent. For lost power: returns when the servers are up and the handshakes are done. */
  clear: mutation
    .route({ method: 'POST', path: '/faults/clear', summary: 'Heal one or all faults', tags: ['fault'] })
    .input(z.strictObject({ fault: refSchema.optional(), requestId: requestIdSchema }))
    .output(z.array(faultSchema)),
};

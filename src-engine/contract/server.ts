import { z } from 'zod';
import {
  bytesSchema,
  confirmSchema,
  countSchema,
  healthSchema,
  instantSchema,
  millisecondsSchema,
  mutation,
  nameSchema,
  noInput,
  query,
  refSchema,
  requestIdSchema,
} from './common.ts';
import { deletionOf, renamingOf } from './changes.ts';

/** Phases of a consistency point in order (replication.md 3.11), named as the engine names them. */
export const CP_PHASES = ['seal', 'write', 'sync', 'prepared', 'label', 'commit', 'committed', 'free', 'done'] as const;
export const cpPhaseSchema = z.enum(CP_PHASES);
export type CpPhase = z.infer<typeof cpPhaseSchema>;

export const consistencyPointSchema = z.object({
  number: countSchema,
  trigger: z.enum(['timer', 'half-full', 'admin', 'transition', 'shutdown', 'back-to-back', 'recovery']),
  startedAt: instantSchema,
  durationMs: millisecondsSchema,
  /** Blocks written by it, and the bytes its CP sync sent to destinations. */
  blocks: countSchema,
  sentBytes: bytesSchema,
  phases: z.array(z.object({ phase: cpPhaseSchema, durationMs: millisecondsSchema })),
  outcome: z.enum(['done', 'running', 'aborted']),
});
export type ConsistencyPoint = z.infer<typeof consistencyPointSchema>;

export const serverSchema = z.object({
  id: z.string(),
  name: z.string(),
  site: z.string(),
  cluster: z.string(),
  state: z.enum(['up', 'booting', 'down', 'fenced']),
  /** Why it is down: crashed and powered off servers are both down. */
  cause: z.string().nullable(),
  health: healthSchema,
  /** Age of its last heartbeat as others see it; null when it never was up. */
  heartbeatAgeMs: millisecondsSchema.nullable(),
  /** Counts boots. */
  incarnation: countSchema,
  since: instantSchema,
  pools: z.array(z.string()),
  volumes: countSchema,
  nvlog: z.object({
    halves: z.array(
      z.object({ state: z.enum(['filling', 'draining', 'empty']), usedBytes: bytesSchema, sizeBytes: bytesSchema }),
    ),
    /** Writers wait for space now. */
    stalled: z.boolean(),
  }),
  /** Last label, and the point now running. */
  cp: z.object({
    committed: countSchema,
    running: z.object({ number: countSchema, phase: cpPhaseSchema, startedAt: instantSchema }).nullable(),
  }),
});
export type Server = z.infer<typeof serverSchema>;

export const serverDetailSchema = serverSchema.extend({
  /** The last 50, newest first. */
  timeline: z.array(consistencyPointSchema).max(50),
});
export type ServerDetail = z.infer<typeof serverDetailSchema>;

export const serverContract = {
  list: query
    .route({ method: 'GET', path: '/servers', summary: 'All servers', tags: ['server'] })
    .input(noInput)
    .output(z.array(serverSchema)),
  show: query
    .route({
      method: 'GET',
      path: '/servers/{server}',
      summary: 'One server with its last 50 consistency points',
      tags: ['server'],
    })
    .input(z.strictObject({ server: refSchema }))
    .output(serverDetailSchema),
  create: mutation
    .route({
      method: 'POST',
      path: '/servers',
      summary: 'Create a server in a cluster',
      tags: ['server'],
      successStatus: 201,
    })
    .input(
      z.strictObject({
        name: nameSchema,
        cluster: refSchema,
        nvlogHalfBytes: z
          .number()
          .int()
          .min(1 << 20)
          .max(2 ** 32)
          .optional(),
        requestId: requestIdSchema,
      }),
    )
    .output(serverSchema),
  rename: renamingOf('server', serverSchema),
  /** Its log goes with it. Refused while it owns a pool. */
  delete: deletionOf('server', 'Delete a server and its log'),
  /** Graceful: a last consistency point, then off. `confirm` where hosts or mirrors depend on it. */
  powerOff: mutation
    .route({ method: 'POST', path: '/servers/{server}/power-off', summary: 'Shut a server down', tags: ['server'] })
    .input(z.strictObject({ server: refSchema, confirm: confirmSchema, requestId: requestIdSchema }))
    .output(serverSchema),
  /** Returns when it is up; its handshakes may still go on (`lab.opening`). */
  powerOn: mutation
    .route({ method: 'POST', path: '/servers/{server}/power-on', summary: 'Start a server', tags: ['server'] })
    .input(z.strictObject({ server: refSchema, requestId: requestIdSchema }))
    .output(serverSchema),
  /** Ends the wait for an absent peer after a restart (`peerWait`); goes on by primary bias. */
  skipPeerWait: mutation
    .route({
      method: 'POST',
      path: '/servers/{server}/skip-peer-wait',
      summary: 'Serve without waiting longer for the peer',
      tags: ['server'],
    })
    .input(z.strictObject({ server: refSchema, confirm: confirmSchema, requestId: requestIdSchema }))
    .output(serverSchema),
};

import { z } from 'zod';
import {
  bytesSchema,
  confirmSchema,
  countSchema,
  instantSchema,
  mutation,
  nameSchema,
  noInput,
  query,
  refSchema,
  requestIdSchema,
} from './common.ts';
import { renamingOf } from './changes.ts';
import { jobSchema } from './job.ts';
import { mirrorCreationInput, mirrorCreationPreviewSchema } from './previews.ts';
import { refusalSchema } from './refusal.ts';

/** The one vocabulary: `actions[].action`, the procedure, the CLI verb, the button (interfaces.md). */
export const MIRROR_ACTIONS = [
  'establish',
  'resync',
  'fracture',
  'pause',
  'resume',
  'switchover',
  'failover',
  'reverse-resync',
  'failback',
  'overwrite-primary',
  'rollback',
  'resolve',
  'verify',
  'delete',
] as const;
export const mirrorActionSchema = z.enum(MIRROR_ACTIONS);
export type MirrorAction = z.infer<typeof mirrorActionSchema>;

/** replication.md 3.2 */
export const imageStateSchema = z.enum([
  'NotEstablished',
  'Synchronizing',
  'Synchronized',
  'Consistent',
  'Outdated',
  'OutOfSync',
  'RollingBack',
  'Diverged',
]);
export type ImageState = z.infer<typeof imageStateSchema>;

/** replication.md 3.3 */
export const conditionCodeSchema = z.enum([
  'Active',
  'QueuedForSync',
  'SyncPaused',
  'FracturedAdmin',
  'FracturedSystem',
  'WaitingOnAdmin',
  'Queuing',
  'Ahead',
  'DirectionLocked',
  'LogFailed',
  'BitmapFailed',
  'QueueFailed',
  'VolumeFailed',
  'QuorumLost',
  'Fenced',
  'NVFail',
  'DrillRunning',
  'VerifyRunning',
  'Restoring',
]);
export type ConditionCode = z.infer<typeof conditionCodeSchema>;

export const conditionSchema = z.object({
  code: conditionCodeSchema,
  since: instantSchema,
  /** `link`, `peer`, `forward`, `reverse` ... or a sentence. */
  cause: z.string(),
  /** What the engine does next by itself, if anything. */
  nextStep: z.string().nullable(),
  clearedBy: z.array(mirrorActionSchema),
});
export type Condition = z.infer<typeof conditionSchema>;

export const mirrorSideSchema = z.object({ volume: z.string(), site: z.string() });
export const sideNameSchema = z.enum(['source', 'destination']);
export type SideName = z.infer<typeof sideNameSchema>;

export const lagSchema = z.object({ writes: countSchema, bytes: bytesSchema, seconds: z.number().min(0) });
export type Lag = z.infer<typeof lagSchema>;

export const allowedActionSchema = z.object({
  action: mirrorActionSchema,
  allowed: z.boolean(),
  /** Asks for the mirror's name as `confirm`. */
  needsConfirmation: z.boolean(),
  refusal: refusalSchema.optional(),
});
export type AllowedAction = z.infer<typeof allowedActionSchema>;

export const mirrorSchema = z.object({
  id: z.string(),
  name: z.string(),
  mode: z.enum(['consistency-point']),
  policy: z.enum(['availability', 'strict']),
  /** What happens when a lost link is back: resync by itself, or wait for an administrator. */
  recovery: z.enum(['auto', 'manual']),
  imageState: imageStateSchema,
  /** Most severe first: the first is the headline. */
  conditions: z.array(conditionSchema),
  /** `reversed` from failover or switchover until failback. Home roles below never swap. */
  direction: z.enum(['forward', 'reversed']),
  /** Site that accepts host writes, or null. */
  acting: z.string().nullable(),
  source: mirrorSideSchema,
  destination: mirrorSideSchema,
  connection: z.enum(['connected', 'connecting', 'standalone']),
  lag: lagSchema,
  /** Last instant and consistency point at which both were known equal; null before the first. */
  lastContact: instantSchema.nullable(),
  lastConsistent: z.object({ cp: countSchema, at: instantSchema }).nullable(),
  fractureLog: z.object({
    regions: countSchema,
    dirty: countSchema,
    regionSizeBytes: bytesSchema,
    /**
     * The volume in up to 256 equal stretches from its start to its end: the share of regions marked in each, 0 to 1.
     * Empty while nothing is marked.
     */
    heat: z.array(z.number().min(0).max(1)).max(256),
  }),
  /** The last consistent root of the copy, kept before a resync. */
  safetySnapshot: z.object({ cp: countSchema, at: instantSchema }).nullable(),
  /** The running sync; null when none runs. */
  sync: z
    .object({
      job: z.string(),
      direction: z.enum(['forward', 'reversed']),
      state: z.enum(['running', 'paused', 'queued']),
      doneBytes: bytesSchema,
      totalBytes: bytesSchema,
      copiedBytes: bytesSchema,
      rateBytesPerSecond: z.number().min(0),
      etaSeconds: z.number().min(0).nullable(),
    })
    .nullable(),
  /** One entry per action of the vocabulary, in its order. */
  actions: z.array(allowedActionSchema),
  since: instantSchema,
  createdAt: instantSchema,
});
export type Mirror = z.infer<typeof mirrorSchema>;

/** What an action would do, said before it is done. Every number comes from the engine. */
export const mirrorPreviewSchema = z.object({
  action: mirrorActionSchema,
  allowed: z.boolean(),
  refusal: refusalSchema.nullable(),
  needsConfirmation: z.boolean(),
  /** Sentences for people, in the order in which things happen. */
  steps: z.array(z.string()),
  /** Image whose content stays; null where no image is overwritten. */
  winner: mirrorSideSchema.nullable(),
  overwritten: mirrorSideSchema.extend({ regions: countSchema, bytes: bytesSchema }).nullable(),
  /** Acknowledged writes the remaining image lacks. `known: false`: at least these, more may have been made since `lastContact`. */
  loss: lagSchema.extend({ known: z.boolean(), text: z.string() }).nullable(),
  /** The last write that is safe. */
  lastSafe: z.object({ cp: countSchema, sequence: countSchema, at: instantSchema.nullable() }).nullable(),
  expectedSeconds: z.number().min(0).nullable(),
  /** What is kept of the losing image. */
  kept: z.string().nullable(),
  /** The same as a command line. */
  command: z.string(),
});
export type MirrorPreview = z.infer<typeof mirrorPreviewSchema>;

export const mirrorHistorySchema = z.object({
  at: instantSchema,
  event: countSchema,
  from: imageStateSchema.nullable(),
  to: imageStateSchema,
  conditions: z.array(conditionCodeSchema),
  direction: z.enum(['forward', 'reversed']),
  message: z.string(),
});
export type MirrorHistory = z.infer<typeof mirrorHistorySchema>;

/** The state machine itself, for drawing: the same table the engine decides by. */
export const stateMachineSchema = z.object({
  states: z.array(
    z.object({
      state: imageStateSchema,
      meaning: z.string(),
      promotable: z.enum(['yes', 'with-loss', 'forced', 'no']),
    }),
  ),
  transitions: z.array(
    z.object({
      from: imageStateSchema,
      to: imageStateSchema,
      event: z.string(),
      action: mirrorActionSchema.nullable(),
    }),
  ),
});
export type StateMachine = z.infer<typeof stateMachineSchema>;

/** Columns of equal length, oldest first; `at` is milliseconds since the epoch. */
export const lagSeriesSchema = z.object({
  at: z.array(z.number()),
  writes: z.array(z.number()),
  bytes: z.array(z.number()),
  seconds: z.array(z.number()),
});
export type LagSeries = z.infer<typeof lagSeriesSchema>;

const one = z.strictObject({ mirror: refSchema });
const actionInput = one.extend({ confirm: confirmSchema, requestId: requestIdSchema });
export type MirrorActionInput = z.infer<typeof actionInput>;

const act = (action: MirrorAction, summary: string) =>
  mutation.route({
    method: 'POST',
    path: `/mirrors/{mirror}/${action}`,
    summary: `${summary} (job)`,
    tags: ['mirror'],
  });
const plain = (action: MirrorAction, summary: string) => act(action, summary).input(actionInput).output(jobSchema);

export const mirrorContract = {
  list: query
    .route({ method: 'GET', path: '/mirrors', summary: 'All mirrors', tags: ['mirror'] })
    .input(noInput)
    .output(z.array(mirrorSchema)),
  show: query
    .route({ method: 'GET', path: '/mirrors/{mirror}', summary: 'One mirror', tags: ['mirror'] })
    .input(one)
    .output(mirrorSchema),
  /** Not established yet: `establish` makes the first full copy. */
  create: mutation
    .route({
      method: 'POST',
      path: '/mirrors',
      summary: 'Pair two volumes of equal size',
      tags: ['mirror'],
      successStatus: 201,
    })
    .input(
      z.strictObject({
        name: nameSchema,
        source: refSchema,
        destination: refSchema,
        mode: z.enum(['consistency-point']).optional(),
        policy: z.enum(['availability', 'strict']).optional(),
        recovery: z.enum(['auto', 'manual']).optional(),
        /** Nothing is copied or compared: both volumes are declared to be equal. Needs the new mirror's name as `confirm`. */
        assumeEqual: z.boolean().optional(),
        confirm: confirmSchema,
        requestId: requestIdSchema,
      }),
    )
    .output(mirrorSchema),
  previewCreate: query
    .route({ method: 'POST', path: '/mirrors/preview', summary: 'What a new mirror would do', tags: ['mirror'] })
    .input(mirrorCreationInput)
    .output(mirrorCreationPreviewSchema),
  rename: renamingOf('mirror', mirrorSchema),
  /** Changes nothing, ever. `keep` belongs to `resolve`. */
  preview: query
    .route({ method: 'GET', path: '/mirrors/{mirror}/preview', summary: 'What an action would do', tags: ['mirror'] })
    .input(one.extend({ action: mirrorActionSchema, keep: sideNameSchema.optional() }))
    .output(mirrorPreviewSchema),
  history: query
    .route({
      method: 'GET',
      path: '/mirrors/{mirror}/history',
      summary: 'State changes, newest first',
      tags: ['mirror'],
    })
    .input(one.extend({ limit: z.number().int().min(1).max(1000).optional() }))
    .output(z.array(mirrorHistorySchema)),
  stateMachine: query
    .route({
      method: 'GET',
      path: '/mirror-state-machine',
      summary: 'States and transitions of a mirror',
      tags: ['mirror'],
    })
    .input(noInput)
    .output(stateMachineSchema),
  lagSeries: query
    .route({ method: 'GET', path: '/mirrors/{mirror}/lag', summary: 'Lag over time', tags: ['mirror'] })
    .input(one.extend({ windowSeconds: z.number().int().min(1).max(86_400).optional() }))
    .output(lagSeriesSchema),

  establish: plain('establish', 'Full sync'),
  resync: plain('resync', 'Copy what differs; lifts a fracture made by an administrator'),
  fracture: plain('fracture', 'Stop mirroring and track changes'),
  pause: plain('pause', 'Pause the running sync'),
  resume: plain('resume', 'Resume the paused sync'),
  switchover: plain('switchover', 'Planned role swap'),
  /** `force` is always required: failover is for a lost source. A reachable source refuses with R01. */
  failover: act('failover', 'Forced promotion of the destination')
    .input(actionInput.extend({ force: z.boolean().optional() }))
    .output(jobSchema),
  'reverse-resync': plain('reverse-resync', 'Bring the old source up to date from the acting one'),
  failback: plain('failback', 'Planned role swap back to the home roles'),
  'overwrite-primary': plain('overwrite-primary', 'Overwrite the primary from the secondary'),
  rollback: plain('rollback', 'Roll the copy back to its safety snapshot'),
  resolve: act('resolve', 'Resolve a split brain; the loser is kept as a snapshot')
    .input(actionInput.extend({ keep: sideNameSchema }))
    .output(jobSchema),
  verify: plain('verify', 'Compare both images'),
  delete: plain('delete', 'Delete the relationship; both volumes stay'),
} satisfies Record<MirrorAction, unknown> & Record<string, unknown>;

/** What a change would give, said before it is made. Asking changes nothing, ever; every figure comes from the engine. */
import { z } from 'zod';
import { bytesSchema, countSchema, instantSchema, LIMITS, nameSchema, refSchema } from './common.ts';
import { refusalSchema } from './refusal.ts';

export const raidLevelSchema = z.enum(['raid0', 'raid1', 'raid10', 'raid5', 'raid6']);
export type RaidLevel = z.infer<typeof raidLevelSchema>;

export const slotsSchema = z
  .array(
    z
      .number()
      .int()
      .min(0)
      .max(LIMITS.disksPerArray - 1),
  )
  .min(1)
  .max(LIMITS.disksPerArray);
export const diskCountSchema = z.number().int().min(1).max(LIMITS.disksPerArray);
export const diskSizeSchema = z
  .number()
  .int()
  .min(16 * 2 ** 20)
  .max(2 ** 44)
  .multipleOf(LIMITS.blockBytes);

const verdict = {
  allowed: z.boolean(),
  /** Why it would be refused; null where it would not. */
  refusal: refusalSchema.nullable(),
  /** The same as a command line; placeholders stand for what was not said. */
  command: z.string(),
};

/** What so many disks of one size give under a level. All sizes add up: raw = usable + redundancy + overhead. */
export const capacitySchema = z.object({
  level: raidLevelSchema,
  disks: countSchema,
  diskSizeBytes: bytesSchema,
  minimumDisks: countSchema,
  /** RAID-1+0 binds pairs. */
  evenDisks: z.boolean(),
  /** Any so many disks may be lost without losing data. */
  survives: countSchema,
  rawBytes: bytesSchema,
  /** Address space of the pool: its `sizeBytes`. 0 where the level cannot be made of these disks. */
  usableBytes: bytesSchema,
  /** Parity, or the further copies of mirrored disks. */
  redundancyBytes: bytesSchema,
  /** Disk heads, the stripe journal, and what fills no whole stripe. */
  overheadBytes: bytesSchema,
  /** Of the usable bytes: kept so that a consistency point can always be finished, with no volume there yet. */
  reserveBytes: bytesSchema,
});
export type CapacityPreview = z.infer<typeof capacitySchema>;

/** Either `array` (with `slots`, or all its unused ones), or `disks` and `diskSizeBytes` of an array that is not there yet. */
export const poolPreviewInput = z.strictObject({
  level: raidLevelSchema,
  array: refSchema.optional(),
  slots: slotsSchema.optional(),
  disks: diskCountSchema.optional(),
  diskSizeBytes: diskSizeSchema.optional(),
  /** Checked as creation would check them, where given. */
  name: nameSchema.optional(),
  owner: refSchema.optional(),
});
export const poolPreviewSchema = capacitySchema.extend({
  ...verdict,
  /** The slots that would be bound; empty where the array is not there yet. */
  slots: z.array(countSchema),
});
export type PoolPreview = z.infer<typeof poolPreviewSchema>;

export const arrayPreviewInput = z.strictObject({
  disks: diskCountSchema,
  diskSizeBytes: diskSizeSchema,
  name: nameSchema.optional(),
  cluster: refSchema.optional(),
});
export const arrayPreviewSchema = z.object({
  ...verdict,
  rawBytes: bytesSchema,
  /** Free on the disk that holds the images; null where unknown. Images grow as they are written, so more may be promised. */
  hostFreeBytes: bytesSchema.nullable(),
  /** Servers that restart to reach the new array. */
  restarts: z.array(z.string()),
  /** What one pool of all disks would give, level by level; `usableBytes` is 0 where it cannot be made. */
  levels: z.array(capacitySchema),
});
export type ArrayPreview = z.infer<typeof arrayPreviewSchema>;

export const volumePreviewActionSchema = z.enum(['grow', 'delete']);
export const volumePreviewSchema = z.object({
  ...verdict,
  action: volumePreviewActionSchema,
  needsConfirmation: z.boolean(),
  /** Sentences for people, in the order in which things happen. */
  steps: z.array(z.string()),
  /** What uses it now: workloads, jobs. */
  users: z.array(z.string()),
  mirror: z.string().nullable(),
  /** Volumes that change with it: both sides of a mirror that grows. */
  affects: z.array(z.object({ volume: z.string(), site: z.string(), fromBytes: bytesSchema, toBytes: bytesSchema })),
  /** Content that would be gone, and room that comes free with it at once (kept roots included). */
  freedBytes: bytesSchema,
  /** Free in its pool now; null while that is not known. */
  poolFreeBytes: bytesSchema.nullable(),
});
export type VolumePreview = z.infer<typeof volumePreviewSchema>;

const creationSide = z.object({
  volume: z.string(),
  site: z.string(),
  sizeBytes: bytesSchema,
  /** Of the blocks that hold content. */
  usedBytes: bytesSchema,
});
export const mirrorCreationInput = z.strictObject({
  source: refSchema,
  destination: refSchema,
  name: nameSchema.optional(),
  policy: z.enum(['availability', 'strict']).optional(),
  recovery: z.enum(['auto', 'manual']).optional(),
  assumeEqual: z.boolean().optional(),
});
export const mirrorCreationPreviewSchema = z.object({
  ...verdict,
  /** The new mirror's name has to be typed (`assumeEqual`). */
  needsConfirmation: z.boolean(),
  steps: z.array(z.string()),
  source: creationSide,
  destination: creationSide,
  /** What the first sync sends at most: the blocks of the source that hold content; holes are not copied. 0 for `assumeEqual`. */
  bytesToCopy: bytesSchema,
  /** Content of the destination that would be overwritten or become holes. */
  bytesOverwritten: bytesSchema,
  /** Link that it would take; null where the sites are not joined. */
  link: z.string().nullable(),
  /** By the link's bandwidth or the resync's limit alone; null where neither bounds it. */
  expectedSeconds: z.number().min(0).nullable(),
});
export type MirrorCreationPreview = z.infer<typeof mirrorCreationPreviewSchema>;

export const MAP_CELLS = 1024;
/** Columns of equal length, one value a cell from the start of the volume to its end: shares of its blocks, 0 to 1. */
export const volumeMapSchema = z.object({
  volume: z.string(),
  sizeBytes: bytesSchema,
  cellBytes: bytesSchema,
  /** At the owner's last consistency point. */
  cp: countSchema,
  at: instantSchema,
  /** False for very large volumes: a stretch of up to 256 MiB then counts as mapped when anything in it is. */
  exact: z.boolean(),
  mapped: z.array(z.number().min(0).max(1)).max(MAP_CELLS),
  /** Acknowledged, in the log, not in a consistency point yet. */
  dirty: z.array(z.number().min(0).max(1)).max(MAP_CELLS),
  /** In regions that the mirror's other image misses (of the marks of this side). */
  fractured: z.array(z.number().min(0).max(1)).max(MAP_CELLS),
  /** Mapped, and needed by a kept root too. */
  shared: z.array(z.number().min(0).max(1)).max(MAP_CELLS),
  /** Roots kept of the volume, oldest first. */
  kept: z.array(z.object({ name: z.string(), purpose: z.string(), cp: countSchema, at: instantSchema })),
  totals: z.object({
    mappedBytes: bytesSchema,
    dirtyBytes: bytesSchema,
    fracturedBytes: bytesSchema,
    sharedBytes: bytesSchema,
  }),
});
export type VolumeMap = z.infer<typeof volumeMapSchema>;

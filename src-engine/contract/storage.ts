import { z } from 'zod';
import {
  bytesSchema,
  countSchema,
  healthSchema,
  mutation,
  nameSchema,
  noInput,
  query,
  refSchema,
  requestIdSchema,
} from './common.ts';
import { deletionOf, renamingOf } from './changes.ts';
import {
  arrayPreviewInput,
  arrayPreviewSchema,
  diskCountSchema,
  diskSizeSchema,
  poolPreviewInput,
  poolPreviewSchema,
  raidLevelSchema,
  slotsSchema,
} from './previews.ts';

export const arraySchema = z.object({
  id: z.string(),
  name: z.string(),
  site: z.string(),
  cluster: z.string(),
  health: healthSchema,
  disks: z.array(
    z.object({
      slot: countSchema,
      state: z.enum(['ok', 'failed', 'missing', 'unused']),
      sizeBytes: bytesSchema,
      pool: z.string().nullable(),
    }),
  ),
  pools: z.array(z.string()),
});
export type StorageArray = z.infer<typeof arraySchema>;

export const arrayContract = {
  list: query
    .route({ method: 'GET', path: '/arrays', summary: 'All arrays', tags: ['array'] })
    .input(noInput)
    .output(z.array(arraySchema)),
  show: query
    .route({ method: 'GET', path: '/arrays/{array}', summary: 'One array', tags: ['array'] })
    .input(z.strictObject({ array: refSchema }))
    .output(arraySchema),
  create: mutation
    .route({
      method: 'POST',
      path: '/arrays',
      summary: 'Create an array with its disks',
      tags: ['array'],
      successStatus: 201,
    })
    .input(
      z.strictObject({
        name: nameSchema,
        cluster: refSchema,
        disks: diskCountSchema,
        diskSizeBytes: diskSizeSchema,
        requestId: requestIdSchema,
      }),
    )
    .output(arraySchema),
  preview: query
    .route({ method: 'POST', path: '/arrays/preview', summary: 'What a new array would give', tags: ['array'] })
    .input(arrayPreviewInput)
    .output(arrayPreviewSchema),
  rename: renamingOf('array', arraySchema),
  /** Its image files go with it. Refused while a pool is on it. */
  delete: deletionOf('array', 'Delete an array and its image files'),
};

export const poolSchema = z.object({
  id: z.string(),
  name: z.string(),
  array: z.string(),
  site: z.string(),
  cluster: z.string(),
  level: raidLevelSchema,
  slots: z.array(countSchema),
  health: healthSchema,
  /** Server that owns it, and the ownership epoch. */
  owner: z.string().nullable(),
  epoch: countSchema,
  /** Number of its last label. */
  cp: countSchema,
  sizeBytes: bytesSchema,
  usedBytes: bytesSchema,
  reserveBytes: bytesSchema,
  freeBytes: bytesSchema,
  volumes: z.array(z.string()),
});
export type Pool = z.infer<typeof poolSchema>;

export const poolContract = {
  list: query
    .route({ method: 'GET', path: '/pools', summary: 'All pools', tags: ['pool'] })
    .input(noInput)
    .output(z.array(poolSchema)),
  show: query
    .route({ method: 'GET', path: '/pools/{pool}', summary: 'One pool', tags: ['pool'] })
    .input(z.strictObject({ pool: refSchema }))
    .output(poolSchema),
  create: mutation
    .route({
      method: 'POST',
      path: '/pools',
      summary: 'Bind disks of an array into a pool',
      tags: ['pool'],
      successStatus: 201,
    })
    .input(
      z.strictObject({
        name: nameSchema,
        array: refSchema,
        level: raidLevelSchema,
        /** All unused slots when absent. */
        slots: slotsSchema.optional(),
        owner: refSchema,
        requestId: requestIdSchema,
      }),
    )
    .output(poolSchema),
  /** Capacity and redundancy of a pool that is not made yet, or why it cannot be made. */
  preview: query
    .route({ method: 'POST', path: '/pools/preview', summary: 'What a new pool would give', tags: ['pool'] })
    .input(poolPreviewInput)
    .output(poolPreviewSchema),
  rename: renamingOf('pool', poolSchema),
  /** Its slots become unused. Refused while a volume is in it. */
  delete: deletionOf('pool', 'Delete a pool; its slots become unused'),
};

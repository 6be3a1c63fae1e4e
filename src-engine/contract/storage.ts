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
  LIMITS,
} from './common.ts';

export const raidLevelSchema = z.enum(['raid0', 'raid1', 'raid10', 'raid5', 'raid6']);
export type RaidLevel = z.infer<typeof raidLevelSchema>;

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
        disks: z.number().int().min(1).max(LIMITS.disksPerArray),
        diskSizeBytes: z
          .number()
          .int()
          .min(16 * 2 ** 20)
          .max(2 ** 44)
          .multipleOf(LIMITS.blockBytes),
        requestId: requestIdSchema,
      }),
    )
    .output(arraySchema),
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
        slots: z
          .array(
            z
              .number()
              .int()
              .min(0)
              .max(LIMITS.disksPerArray - 1),
          )
          .min(1)
          .max(LIMITS.disksPerArray)
          .optional(),
        owner: refSchema,
        requestId: requestIdSchema,
      }),
    )
    .output(poolSchema),
};

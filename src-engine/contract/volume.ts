import { z } from 'zod';
import {
  bytesSchema,
  confirmSchema,
  countSchema,
  fileMutation,
  instantSchema,
  LIMITS,
  mutation,
  nameSchema,
  noInput,
  query,
  refSchema,
  requestIdSchema,
  sizeSchema,
} from './common.ts';
import { deletedSchema, renamingOf } from './changes.ts';
import { jobSchema } from './job.ts';
import { MAP_CELLS, volumeMapSchema, volumePreviewActionSchema, volumePreviewSchema } from './previews.ts';

export const volumeSchema = z.object({
  id: z.string(),
  name: z.string(),
  sizeBytes: bytesSchema,
  usedBytes: bytesSchema,
  cluster: z.string(),
  site: z.string(),
  pool: z.string(),
  /** Server that serves it; null while none does. */
  owner: z.string().nullable(),
  /**
   * `serving` admits hosts; `secondary` is a mirror's destination (read through a promotion's eyes only); `waiting`
   * awaits the handshake; `suspended` holds host I/O (no space, strict policy); `offline` cannot be read now.
   */
  state: z.enum(['serving', 'secondary', 'waiting', 'suspended', 'offline', 'failed']),
  /** Why, where the state is not `serving` or `secondary`. */
  cause: z.string().nullable(),
  /** Link policy of its mirror; null when it is not mirrored. */
  policy: z.enum(['availability', 'strict']).nullable(),
  mirror: z.string().nullable(),
  /** Owner's last consistency point that holds it, and its last acknowledged sequence. */
  cp: countSchema,
  sequence: countSchema,
  createdAt: instantSchema,
  /** A short description of what now uses it: workloads, exports. */
  users: z.array(z.string()),
});
export type Volume = z.infer<typeof volumeSchema>;

export const volumeChecksumSchema = z.object({
  sha256: z.string(),
  bytes: bytesSchema,
  cp: countSchema,
  sequence: countSchema,
});
export type VolumeChecksum = z.infer<typeof volumeChecksumSchema>;

const one = z.strictObject({ volume: refSchema });
const offset = z.number().int().min(0).max(LIMITS.volumeBytes);
/** Whole bytes, not blocks; at most 4 MiB a call. */
const base64 = z
  .string()
  .max(Math.ceil(LIMITS.transferBytes / 3) * 4)
  .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'base64');

export const volumeContract = {
  list: query
    .route({ method: 'GET', path: '/volumes', summary: 'All volumes', tags: ['volume'] })
    .input(noInput)
    .output(z.array(volumeSchema)),
  show: query
    .route({ method: 'GET', path: '/volumes/{volume}', summary: 'One volume', tags: ['volume'] })
    .input(one)
    .output(volumeSchema),
  create: mutation
    .route({
      method: 'POST',
      path: '/volumes',
      summary: 'Create a volume in a pool',
      tags: ['volume'],
      successStatus: 201,
    })
    .input(z.strictObject({ name: nameSchema, pool: refSchema, sizeBytes: sizeSchema, requestId: requestIdSchema }))
    .output(volumeSchema),
  /** A mirrored volume grows on both sides. */
  grow: mutation
    .route({ method: 'POST', path: '/volumes/{volume}/grow', summary: 'Grow a volume', tags: ['volume'] })
    .input(one.extend({ sizeBytes: sizeSchema, requestId: requestIdSchema }))
    .output(volumeSchema),
  delete: mutation
    .route({
      method: 'DELETE',
      path: '/volumes/{volume}',
      summary: 'Delete a volume and its content',
      tags: ['volume'],
    })
    .input(one.extend({ confirm: confirmSchema, requestId: requestIdSchema }))
    .output(deletedSchema),
  rename: renamingOf('volume', volumeSchema),
  /** `sizeBytes` belongs to `grow`. */
  preview: query
    .route({ method: 'GET', path: '/volumes/{volume}/preview', summary: 'What a change would do', tags: ['volume'] })
    .input(one.extend({ action: volumePreviewActionSchema, sizeBytes: sizeSchema.optional() }))
    .output(volumePreviewSchema),
  /** Read from the block map and the marks, never from the data. */
  map: query
    .route({ method: 'GET', path: '/volumes/{volume}/map', summary: 'A coarse block map', tags: ['volume'] })
    .input(one.extend({ cells: z.number().int().min(1).max(MAP_CELLS).optional() }))
    .output(volumeMapSchema),
  /** After acknowledged log records were lost: the volume was inspected, it serves again with what is left. */
  acknowledge: mutation
    .route({
      method: 'POST',
      path: '/volumes/{volume}/acknowledge',
      summary: 'Accept the loss of unflushed writes',
      tags: ['volume'],
    })
    .input(one.extend({ confirm: confirmSchema, requestId: requestIdSchema }))
    .output(volumeSchema),
  /** SHA-256 of the content as a host would read it; of a secondary: as a promotion now would give it. */
  checksum: query
    .route({ method: 'POST', path: '/volumes/{volume}/checksum', summary: 'SHA-256 of the content', tags: ['volume'] })
    .input(one)
    .output(volumeChecksumSchema),
  read: query
    .route({ method: 'GET', path: '/volumes/{volume}/read', summary: 'Read up to 4 MiB', tags: ['volume'] })
    .input(one.extend({ offset, length: z.number().int().min(1).max(LIMITS.transferBytes) }))
    .output(z.object({ dataBase64: z.string(), cp: countSchema, sequence: countSchema })),
  /** Returns when the write is durable wherever the volume's policy asks for it. */
  write: mutation
    .route({ method: 'POST', path: '/volumes/{volume}/write', summary: 'Write up to 4 MiB', tags: ['volume'] })
    .input(one.extend({ offset, dataBase64: base64, requestId: requestIdSchema }))
    .output(z.object({ bytes: bytesSchema, sequence: countSchema })),
  /** `path` is absolute, on the engine's machine. The rest of a larger volume is discarded (reads as zeros). */
  import: fileMutation
    .route({
      method: 'POST',
      path: '/volumes/{volume}/import',
      summary: 'Fill a volume from a file (job)',
      tags: ['volume'],
    })
    .input(one.extend({ path: z.string().min(1).max(4096), requestId: requestIdSchema }))
    .output(jobSchema),
  /** Refused when the file exists, unless `overwrite`. */
  export: fileMutation
    .route({
      method: 'POST',
      path: '/volumes/{volume}/export',
      summary: 'Write the content to a file (job)',
      tags: ['volume'],
    })
    .input(
      one.extend({ path: z.string().min(1).max(4096), overwrite: z.boolean().optional(), requestId: requestIdSchema }),
    )
    .output(jobSchema),
};

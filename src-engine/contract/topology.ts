import { z } from 'zod';
import {
  bytesSchema,
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

/** References between things are names; every procedure takes names and ids alike. */
export const siteSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** `lost` while a `site-loss` fault holds. */
  state: z.enum(['up', 'degraded', 'lost']),
  clusters: z.array(z.string()),
  servers: z.array(z.string()),
  arrays: z.array(z.string()),
  sizeBytes: bytesSchema,
  usedBytes: bytesSchema,
});
export type Site = z.infer<typeof siteSchema>;

export const siteContract = {
  list: query
    .route({ method: 'GET', path: '/sites', summary: 'All sites', tags: ['site'] })
    .input(noInput)
    .output(z.array(siteSchema)),
  show: query
    .route({ method: 'GET', path: '/sites/{site}', summary: 'One site', tags: ['site'] })
    .input(z.strictObject({ site: refSchema }))
    .output(siteSchema),
  create: mutation
    .route({ method: 'POST', path: '/sites', summary: 'Create a site', tags: ['site'], successStatus: 201 })
    .input(z.strictObject({ name: nameSchema, requestId: requestIdSchema }))
    .output(siteSchema),
  rename: renamingOf('site', siteSchema),
  delete: deletionOf('site', 'Delete a site that nothing is in'),
};

export const clusterSchema = z.object({
  id: z.string(),
  name: z.string(),
  site: z.string(),
  servers: z.array(z.string()),
  arrays: z.array(z.string()),
  health: healthSchema,
});
export type Cluster = z.infer<typeof clusterSchema>;

export const clusterContract = {
  list: query
    .route({ method: 'GET', path: '/clusters', summary: 'All clusters', tags: ['cluster'] })
    .input(noInput)
    .output(z.array(clusterSchema)),
  show: query
    .route({ method: 'GET', path: '/clusters/{cluster}', summary: 'One cluster', tags: ['cluster'] })
    .input(z.strictObject({ cluster: refSchema }))
    .output(clusterSchema),
  create: mutation
    .route({
      method: 'POST',
      path: '/clusters',
      summary: 'Create a cluster at a site',
      tags: ['cluster'],
      successStatus: 201,
    })
    .input(z.strictObject({ name: nameSchema, site: refSchema, requestId: requestIdSchema }))
    .output(clusterSchema),
  rename: renamingOf('cluster', clusterSchema),
  delete: deletionOf('cluster', 'Delete a cluster that nothing is in'),
};

export const linkSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** The two sites it joins, by name. */
  sites: z.tuple([z.string(), z.string()]),
  state: z.enum(['up', 'cut']),
  /** One way. */
  latencyMs: millisecondsSchema,
  /** Per direction; null means unlimited. */
  bandwidthBytesPerSecond: bytesSchema.nullable(),
  /** Now, from the first site to the second and back. */
  traffic: z.object({
    forwardBytesPerSecond: z.number().min(0),
    backwardBytesPerSecond: z.number().min(0),
    queuedBytes: bytesSchema,
  }),
  since: instantSchema,
});
export type Link = z.infer<typeof linkSchema>;

const latencyInput = z.number().min(0).max(60_000);
const bandwidthInput = z.number().int().min(1024).max(1e12).nullable();

export const linkContract = {
  list: query
    .route({ method: 'GET', path: '/links', summary: 'All links', tags: ['link'] })
    .input(noInput)
    .output(z.array(linkSchema)),
  show: query
    .route({ method: 'GET', path: '/links/{link}', summary: 'One link', tags: ['link'] })
    .input(z.strictObject({ link: refSchema }))
    .output(linkSchema),
  create: mutation
    .route({
      method: 'POST',
      path: '/links',
      summary: 'Create a link between two sites',
      tags: ['link'],
      successStatus: 201,
    })
    .input(
      z.strictObject({
        name: nameSchema,
        sites: z.tuple([refSchema, refSchema]),
        latencyMs: latencyInput.optional(),
        bandwidthBytesPerSecond: bandwidthInput.optional(),
        requestId: requestIdSchema,
      }),
    )
    .output(linkSchema),
  /** The configured quality of the link. A fault on top of it wins until it is cleared. */
  set: mutation
    .route({ method: 'PATCH', path: '/links/{link}', summary: 'Set latency and bandwidth of a link', tags: ['link'] })
    .input(
      z.strictObject({
        link: refSchema,
        latencyMs: latencyInput.optional(),
        bandwidthBytesPerSecond: bandwidthInput.optional(),
        requestId: requestIdSchema,
      }),
    )
    .output(linkSchema),
  rename: renamingOf('link', linkSchema),
  /** `confirm` where a mirror needs it: that mirror then loses its connection. */
  delete: deletionOf('link', 'Delete a link between two sites'),
};

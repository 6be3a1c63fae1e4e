import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { countSchema, instantSchema, noInput, query } from './common.ts';
import { drillSchema } from './drill.ts';
import { faultSchema } from './fault.ts';
import { jobSchema } from './job.ts';
import { sampleSchema } from './metrics.ts';
import { mirrorSchema } from './mirror.ts';
import { serverSchema } from './server.ts';
import { arraySchema, poolSchema } from './storage.ts';
import { clusterSchema, linkSchema, siteSchema } from './topology.ts';
import { volumeSchema } from './volume.ts';
import { workloadSchema } from './workload.ts';

export const liveNounSchema = z.enum([
  'sites',
  'clusters',
  'servers',
  'links',
  'arrays',
  'pools',
  'volumes',
  'mirrors',
  'workloads',
  'faults',
  'jobs',
  'drills',
]);
export type LiveNoun = z.infer<typeof liveNounSchema>;

/**
 * The first message is a `snapshot` and holds every list in full (jobs: the unfinished and the last 50). Later ones are
 * `delta`s, coalesced to at most ten a second: each list holds only what changed, whole, to be replaced by id; `removed`
 * names what is gone. Absent lists are unchanged.
 */
export const liveSchema = z.object({
  kind: z.enum(['snapshot', 'delta']),
  at: instantSchema,
  sites: z.array(siteSchema).optional(),
  clusters: z.array(clusterSchema).optional(),
  servers: z.array(serverSchema).optional(),
  links: z.array(linkSchema).optional(),
  arrays: z.array(arraySchema).optional(),
  pools: z.array(poolSchema).optional(),
  volumes: z.array(volumeSchema).optional(),
  mirrors: z.array(mirrorSchema).optional(),
  workloads: z.array(workloadSchema).optional(),
  faults: z.array(faultSchema).optional(),
  jobs: z.array(jobSchema).optional(),
  drills: z.array(drillSchema).optional(),
  removed: z.array(z.object({ noun: liveNounSchema, id: z.string() })).optional(),
  /** About once a second. */
  sample: sampleSchema.optional(),
  /** Id of the newest event: `event.follow` has the rest. */
  lastEventId: countSchema,
});
export type Live = z.infer<typeof liveSchema>;

export const liveContract = {
  follow: query
    .route({
      method: 'GET',
      path: '/live',
      summary: 'Everything the console shows, as it changes (server-sent events)',
      tags: ['live'],
    })
    .input(noInput)
    .output(eventIterator(liveSchema)),
};

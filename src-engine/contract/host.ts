import { z } from 'zod';
import { mutation, nameSchema, noInput, query } from './common.ts';
import { refusalSchema } from './refusal.ts';

/** The process around the lab: answers also while no lab is open. Implemented by the hosts, not by the lab. */
export const hostStatusSchema = z.object({
  /** `none`: the directory holds no lab yet (first run). `failed`: `error` says why the lab could not be opened. */
  lab: z.enum(['none', 'opening', 'open', 'failed', 'closing']),
  host: z.enum(['desktop', 'headless', 'command']),
  directory: z.string(),
  version: z.string(),
  /** Starts of the engine within this host's life, and why it last ended. */
  engineStarts: z.number().int(),
  lastCrash: z.string().nullable(),
  error: refusalSchema.nullable(),
});
export type HostStatus = z.infer<typeof hostStatusSchema>;

export const hostContract = {
  status: query
    .route({ method: 'GET', path: '/host', summary: 'The host and whether a lab is open', tags: ['host'] })
    .input(noInput)
    .output(hostStatusSchema),
  /** Creates a lab in the host's directory and opens it. Refused when there is one. Starts no workload. */
  create: mutation
    .route({ method: 'POST', path: '/host/create', summary: "Create a lab in the host's directory", tags: ['host'] })
    .input(z.strictObject({ demo: z.enum(['two-site']).optional(), name: nameSchema.optional() }))
    .output(hostStatusSchema),
  /** Tries again after `failed`. Another directory is accepted only where the caller is the person at the machine. */
  open: mutation
    .route({ method: 'POST', path: '/host/open', summary: 'Open a lab', tags: ['host'] })
    .input(z.strictObject({ directory: z.string().min(1).max(4096).optional() }))
    .output(hostStatusSchema),
};

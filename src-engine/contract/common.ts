import { oc } from '@orpc/contract';
import { z } from 'zod';
import { refusedError } from './refusal.ts';

/** What a door must know about a procedure beyond its types. */
export interface ProcedureMeta {
  /** The call names a file of the person at the machine: only the CLI's socket and the desktop's own window may ask. */
  readonly userFiles?: boolean;
  /** Nothing is changed by the call; it is not audited. */
  readonly readOnly?: boolean;
}

const base = oc.$meta<ProcedureMeta>({}).errors(refusedError);
/** A question: changes nothing. */
export const query = base.meta({ readOnly: true });
/** A change: validated, authorised, audited; finished when it returns, or a job. */
export const mutation = base.meta({ readOnly: false });
/** A change that reads or writes a file named by the caller. */
export const fileMutation = base.meta({ readOnly: false, userFiles: true });

/** A name given by a person: lower case, digits, inner hyphens, at most 63 characters; unique per kind in a lab. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name has 1 to 63 lower-case letters, digits and inner hyphens')
  .meta({ description: 'Name: 1 to 63 lower-case letters, digits and inner hyphens' });

/** A name or an id of an existing thing. */
export const refSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name or an id')
  .meta({ description: 'Name or id' });

/** A change repeated with the same id is carried out once and answered twice with the same answer. */
export const requestIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{8,64}$/)
  .optional()
  .meta({ description: 'Chosen by the client; a repeated call with the same id is carried out once' });

/** The subject's name, typed: confirms what is destructive and overrides what is overridable. */
export const confirmSchema = z
  .string()
  .max(64)
  .optional()
  .meta({ description: "The subject's name, typed as confirmation" });

/** For procedures that take nothing. */
export const noInput = z.strictObject({}).optional();

/** UTC, ISO 8601 with milliseconds. */
export const instantSchema = z.string().meta({ format: 'date-time' });
export const countSchema = z.number().int().min(0);
export const bytesSchema = z.number().int().min(0);
export const millisecondsSchema = z.number().min(0);

/** Bounds on what can be asked for; the engine may refuse less (space, RAID level). */
export const LIMITS = {
  blockBytes: 4096,
  volumeBytes: 16 * 2 ** 40,
  /** One `volume.read` or `volume.write`. */
  transferBytes: 4 * 2 ** 20,
  pageEvents: 1000,
  disksPerArray: 64,
} as const;

export const sizeSchema = z
  .number()
  .int()
  .min(LIMITS.blockBytes)
  .max(LIMITS.volumeBytes)
  .refine((size) => size % LIMITS.blockBytes === 0, 'a size is a multiple of 4096 bytes');

export const healthSchema = z.enum(['ok', 'degraded', 'failed', 'unknown']);
export type Health = z.infer<typeof healthSchema>;

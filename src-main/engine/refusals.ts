import { ORPCError } from '@orpc/client';
import { refusalSchema, type Refusal } from '../../src-engine/contract/index.ts';

/** The declared error of every procedure, as a host throws it. */
export function refused(refusal: Refusal): ORPCError<'REFUSED', Refusal> {
  return new ORPCError('REFUSED', { status: 409, message: refusal.message, data: refusal, defined: true });
}

export const refusal = (code: string, message: string, hint: string, details?: Record<string, unknown>): Refusal => ({
  code,
  message,
  hint,
  overridable: false,
  ...(details === undefined ? {} : { details }),
});

/** The refusal inside an error, wherever it came from: the contract's error, the lab's own, or none (null). */
export function refusalIn(error: unknown): Refusal | null {
  if (typeof error !== 'object' || error === null) return null;
  const carried = 'refusal' in error ? error.refusal : 'data' in error ? error.data : undefined;
  const parsed = refusalSchema.safeParse(carried);
  return parsed.success ? parsed.data : null;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

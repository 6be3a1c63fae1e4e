import { z } from 'zod';

/**
 * Replication refusals of replication.md 3.6. `overridable` of a refusal says whether it is soft in the case at hand;
 * the texts, with their values filled in, come from the engine.
 */
export const REPLICATION_REFUSAL_CODES = Array.from(
  { length: 32 },
  (_, index) => `R${String(index + 1).padStart(2, '0')}`,
);

/**
 * Why something was not done. `code` is `R01`..`R32` for replication refusals and `<noun>/<what>` for all others
 * (`volume/not-found`, `lab/locked`). `hint` says what would make it possible; `field` names the input at fault.
 */
export const refusalSchema = z.object({
  code: z.string().regex(/^(R[0-9]{2}|[a-z][a-z-]*\/[a-z][a-z0-9-]*)$/),
  message: z.string(),
  field: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
  hint: z.string(),
  /** True where the same call with `confirm` (the subject's name, typed) is carried out. */
  overridable: z.boolean(),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** The one declared error of every procedure. Bad input is oRPC's own `BAD_REQUEST`. */
export const refusedError = {
  REFUSED: { status: 409, message: 'The engine refused; data says why and what would help.', data: refusalSchema },
} as const;

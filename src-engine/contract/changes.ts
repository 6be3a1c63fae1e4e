/** What can be said of every configured thing alike: it can get another name, and it can go. */
import { z } from 'zod';
import { confirmSchema, mutation, nameSchema, refSchema, requestIdSchema } from './common.ts';

/** What is left of a deleted thing. */
export const deletedSchema = z.object({ id: z.string(), name: z.string() });
export type Deleted = z.infer<typeof deletedSchema>;

/**
 * Deletes one thing, never what is in it: that is refused (`<noun>/not-empty`, `details.holds` lists what is there). Where
 * something is lost with it, `confirm` has to be its name.
 */
export const deletionOf = <Noun extends string>(noun: Noun, summary: string) =>
  mutation
    .route({ method: 'DELETE', path: `/${noun}s/{${noun}}`, summary, tags: [noun] })
    .input(
      z.strictObject({ [noun]: refSchema, confirm: confirmSchema, requestId: requestIdSchema } as {
        [Key in Noun]: typeof refSchema;
      } & { confirm: typeof confirmSchema; requestId: typeof requestIdSchema }),
    )
    .output(deletedSchema);

/** Another name; the id stays, and so does everything that refers to it. */
export const renamingOf = <Noun extends string, Output extends z.ZodType>(noun: Noun, output: Output) =>
  mutation
    .route({ method: 'POST', path: `/${noun}s/{${noun}}/rename`, summary: `Rename a ${noun}`, tags: [noun] })
    .input(
      z.strictObject({ [noun]: refSchema, name: nameSchema, requestId: requestIdSchema } as {
        [Key in Noun]: typeof refSchema;
      } & { name: typeof nameSchema; requestId: typeof requestIdSchema }),
    )
    .output(output);

import { z } from 'zod';

/**
 * `lockstep://open/<page>[/<name>]`, and nothing else. The text itself is judged: a URL parser would first resolve what
 * climbs.
 */
const linkSchema = z.string().regex(/^lockstep:\/\/open\/[a-z-]{1,32}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/);

/** The page of the console that a deep link names; null for everything that is not exactly one. */
export function pageOfDeepLink(text: string): string | null {
  const parsed = linkSchema.safeParse(text);
  return parsed.success ? parsed.data.slice('lockstep://open'.length) : null;
}

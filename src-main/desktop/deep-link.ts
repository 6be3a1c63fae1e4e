import { z } from 'zod';

const linkSchema = z.object({
  protocol: z.literal('lockstep:'),
  /** `lockstep://open/<page>[/<name>]` */
  host: z.literal('open'),
  pathname: z.string().regex(/^\/[a-z-]{1,32}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/),
  search: z.literal(''),
  hash: z.literal(''),
  username: z.literal(''),
  password: z.literal(''),
});

/** The page of the console that a deep link names; null for everything that is not exactly one. */
export function pageOfDeepLink(text: string): string | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  const parsed = linkSchema.safeParse({
    protocol: url.protocol,
    host: url.host,
    pathname: url.pathname,
    search: url.search,
    hash: url.hash,
    username: url.username,
    password: url.password,
  });
  return parsed.success ? parsed.data.pathname : null;
}

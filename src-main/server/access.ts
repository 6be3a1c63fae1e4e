import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
/** Equal in constant time, whatever the lengths. */
export const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
const secret = (): string => randomBytes(32).toString('base64url');

/** The secrets of one start of the host: the bearer token, the browser's session, and the URL that gives it out once. */
export class Access {
  readonly token = secret();
  private readonly session = secret();
  private once: string | null = secret();
  private readonly cookieName: string;

  /** Cookies do not know ports; the name keeps two hosts of one machine apart. */
  constructor(port: number) {
    this.cookieName = `lockstep-${port}`;
  }

  openPath(): string {
    return `/open?once=${this.once ?? ''}`;
  }

  /** The cookie for the one-time secret; null for a wrong or used one. */
  redeem(once: string | null): string | null {
    if (this.once === null || once === null || !sameSecret(once, this.once)) return null;
    this.once = null;
    return `${this.cookieName}=${this.session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** How a request proves itself. */
  proofOf(authorization: string | undefined, cookies: string | undefined): 'token' | 'cookie' | null {
    if (authorization !== undefined) {
      const [scheme, value] = authorization.split(' ', 2);
      return scheme?.toLowerCase() === 'bearer' && value !== undefined && sameSecret(value, this.token)
        ? 'token'
        : null;
    }
    for (const part of (cookies ?? '').split(';')) {
      const [name, value] = part.trim().split('=', 2);
      if (name === this.cookieName && value !== undefined && sameSecret(value, this.session)) return 'cookie';
    }
    return null;
  }
}

/** A bucket of `burst` requests that refills at `perSecond`: bounds what a runaway script costs the engine. */
export class RateLimit {
  private readonly perSecond: number;
  private readonly burst: number;
  private readonly nowMs: () => number;
  private left: number;
  private atMs: number;

  constructor(perSecond: number, burst: number, nowMs: () => number = () => performance.now()) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.nowMs = nowMs;
    this.left = burst;
    this.atMs = nowMs();
  }

  /** False when the request is one too many. */
  take(): boolean {
    const now = this.nowMs();
    this.left = Math.min(this.burst, this.left + ((now - this.atMs) / 1000) * this.perSecond);
    this.atMs = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}

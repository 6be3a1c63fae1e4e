import type { Refusal } from '../contract/index.ts';

/**
 * How a lab says no. It is the one outcome that crosses every layer of the lab unchanged, from where the reason is known
 * to the door that was knocked at; the router turns it into the contract's declared error.
 */
export class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.message}`);
    this.name = 'Refused';
    this.refusal = refusal;
  }
}

export interface RefusalOptions {
  readonly field?: string;
  readonly details?: Record<string, unknown>;
  readonly overridable?: boolean;
}

export function refusal(code: string, message: string, hint: string, options: RefusalOptions = {}): Refusal {
  return {
    code,
    message,
    hint,
    overridable: options.overridable ?? false,
    ...(options.field === undefined ? {} : { field: options.field }),
    ...(options.details === undefined ? {} : { details: options.details }),
  };
}

export function refuse(code: string, message: string, hint: string, options: RefusalOptions = {}): never {
  throw new Refused(refusal(code, message, hint, options));
}

/** The device below is full, whichever layer noticed. */
export function isOutOfSpace(reason: unknown): boolean {
  if (!(reason instanceof Error)) return false;
  const code = 'code' in reason ? String(reason.code) : '';
  return /^(no-space|ENOSPC|EDQUOT|SQLITE_FULL)$/.test(code) || /\b(ENOSPC|EDQUOT|SQLITE_FULL)\b/.test(reason.message);
}

/** What went wrong, as a refusal: a `Refused` as it is, anything else under `fallbackCode`. */
export function refusalOf(reason: unknown, fallbackCode: string): Refusal {
  if (reason instanceof Refused) return reason.refusal;
  const message = reason instanceof Error ? reason.message : String(reason);
  if (isOutOfSpace(reason)) {
    return refusal(
      'lab/no-space',
      `The file system that holds the lab is full: ${message}.`,
      'Free some space there, then try again; what was acknowledged is safe.',
    );
  }
  const code = codeOf(reason);
  return refusal(code ?? fallbackCode, message, 'See the events for what led to it, then try again.');
}

/** Codes of volume and storage errors of the layers below, brought into `<noun>/<what>`. */
function codeOf(reason: unknown): string | null {
  if (typeof reason !== 'object' || reason === null || !('code' in reason) || typeof reason.code !== 'string')
    return null;
  if (/^(R[0-9]{2}|[a-z][a-z-]*\/[a-z][a-z0-9-]*)$/.test(reason.code)) return reason.code;
  if (/^[a-z][a-z0-9-]*$/.test(reason.code)) return `storage/${reason.code}`;
  return null;
}

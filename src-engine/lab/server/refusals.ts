import type { ActionOutcome, RefusalData } from './types.ts';

/** Refusals as values of the public face: plain data, codes from the state machine (`Rnn`) or `mirror/...`. */
export function refused(code: string, message: string, hint: string): ActionOutcome {
  return { kind: 'refused', refusal: { code, message, hint, overridable: false } };
}

export function refusalData(refusal: {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly overridable: boolean;
}): RefusalData {
  return { code: refusal.code, message: refusal.message, hint: refusal.hint, overridable: refusal.overridable };
}

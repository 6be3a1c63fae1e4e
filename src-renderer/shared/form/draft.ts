import type { Values } from './fields.ts';

const KEY = 'lockstep.draft.';

/** What was typed into a sheet, kept for a reload in the middle of it; of this window only, gone with it. */
export function readDraft(id: string): Values {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(KEY + id) ?? '{}');
    return typeof stored === 'object' && stored !== null ? (stored as Values) : {};
  } catch {
    return {};
  }
}

export function writeDraft(id: string, values: Values): void {
  try {
    sessionStorage.setItem(KEY + id, JSON.stringify(values));
  } catch {
    // A full or forbidden storage costs the draft of a reload, nothing else.
  }
}

export function dropDraft(id: string): void {
  try {
    sessionStorage.removeItem(KEY + id);
  } catch {
    // See above.
  }
}

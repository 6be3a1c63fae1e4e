import type { Runtime } from '../runtime/index.ts';

/** What the acting primary said of the writes its fractured secondary lacks, and when that was heard. */
export interface MissedNote {
  readonly writes: number;
  readonly bytes: number;
  /** Of the fracture, by the primary's wall clock: the note is about that one. */
  readonly fracturedWallMs: number;
  /** Until when it is known to be the whole truth. */
  readonly trueUntilWallMs: number;
}

/**
 * Counts what the fractured secondary of a primary misses, so that it can be told while it still hears and can say
 * before a forced promotion what that would lose. Counted in memory: after a restart nobody knows, and nothing is told.
 */
export class MissedWrites {
  private writes = 0;
  private bytes = 0;
  /** Since it was in the stream in this incarnation. */
  private known = false;
  /** What the present session was told last, as text. */
  private told = '';

  /** True when this is news for the secondary; a silence means that nothing changed. */
  isNews(note: object): boolean {
    const text = JSON.stringify(note);
    if (text === this.told) return false;
    this.told = text;
    return true;
  }

  /** The session ended: the next one has been told nothing. */
  untold(): void {
    this.told = '';
  }

  add(bytes: number): void {
    this.writes++;
    this.bytes += bytes;
  }

  /** The secondary misses nothing, or is being made equal. */
  reset(): void {
    this.writes = 0;
    this.bytes = 0;
    this.known = true;
  }

  /** This side is primary no more, or of another history. */
  forget(): void {
    this.known = false;
  }

  get counted(): { readonly writes: number; readonly bytes: number } | null {
    return this.known ? { writes: this.writes, bytes: this.bytes } : null;
  }
}

export function noteFrom(runtime: Runtime, parameters: { readonly [key: string]: unknown }): MissedNote | null {
  const { writes, bytes, fracturedWallMs } = parameters;
  if (typeof writes !== 'number' || typeof bytes !== 'number' || typeof fracturedWallMs !== 'number') return null;
  return { writes, bytes, fracturedWallMs, trueUntilWallMs: runtime.clock.wallMs() };
}

import type { Holdings } from './holdings.ts';

/**
 * The fill of the log decides when a consistency point is due: half of a half used, a half full, or both full
 * (back to back: writers wait, and are told once how long).
 */
export class LogPressure {
  private readonly held: Holdings;
  private sinceMs: number | null = null;

  constructor(held: Holdings) {
    this.held = held;
  }

  /** Since when writers wait because both halves are busy; null when they do not. */
  get backToBackSinceMs(): number | null {
    return this.sinceMs;
  }

  appended(): void {
    if (this.held.points?.busy !== false) return;
    const fill = this.held.openLog().fill();
    const active = fill.halves[fill.active];
    if (active.usedBytes * 2 > active.sizeBytes) this.held.consistencyPoint('half-full').catch(() => undefined);
  }

  full(): void {
    if (this.held.points?.failed === true) return;
    if (this.held.points?.busy === true) {
      const { id, runtime } = this.held.deps;
      if (this.sinceMs === null) {
        this.sinceMs = runtime.clock.nowMs();
        runtime.covered('cp/back-to-back');
        this.held.event('cp/back-to-back', 'warning', id, 'both log halves are busy: writers wait');
      }
      // The running point frees its half before it counts as ended: the next one has to be asked for now.
      this.held.consistencyPoint('back-to-back').catch(() => undefined);
      return;
    }
    this.held.consistencyPoint('half-full').catch(() => undefined);
  }

  freed(): void {
    if (this.sinceMs !== null) {
      const { id, runtime } = this.held.deps;
      const durationMs = Math.round(runtime.clock.nowMs() - this.sinceMs);
      this.held.event('cp/back-to-back-ended', 'notice', id, `writers waited ${String(durationMs)} ms for a log half`);
      this.sinceMs = null;
    }
    for (const volume of this.held.volumes.values()) volume.retryWaiting();
  }
}

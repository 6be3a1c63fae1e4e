/** The lab's clock: the machine's, with a wall that a fault may have moved. Timers and `nowMs` never follow the jump. */
import type { Clock } from '../runtime/index.ts';

export class LabClock implements Clock {
  readonly #base: Clock;
  #wallOffsetMs = 0;

  constructor(base: Clock) {
    this.#base = base;
    // The watch begins with the first question.
    this.longestStallMs();
  }

  setWallOffset(ms: number): void {
    this.#wallOffsetMs = ms;
  }
  nowMs(): number {
    return this.#base.nowMs();
  }
  wallMs(): number {
    return this.#base.wallMs() + this.#wallOffsetMs;
  }
  longestStallMs(): number | null {
    return this.#base.longestStallMs?.() ?? null;
  }
  after(delayMs: number, fire: () => void) {
    return this.#base.after(delayMs, fire);
  }
  sleep(delayMs: number): Promise<void> {
    return this.#base.sleep(delayMs);
  }
}

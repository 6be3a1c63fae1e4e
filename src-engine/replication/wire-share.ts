import { assert } from '../runtime/index.ts';
import type { Mutex } from './mutex.ts';

/**
 * The windows of a resync hold the wire together: as many as are under way, from the first that enters to the last that
 * leaves. Once a consistency point waits for the wire none enters any more, so that it gets it when they have left.
 */
export class WireShare {
  private readonly wire: Mutex;
  private users = 0;
  private release: (() => void) | null = null;
  private locking: Promise<void> | null = null;
  private entering = 0;
  private left: Promise<void> = Promise.resolve();
  private allLeft: () => void = () => undefined;

  constructor(wire: Mutex) {
    this.wire = wire;
  }

  async enter(): Promise<void> {
    while (this.release !== null) {
      if (!this.wire.contended) {
        this.users++;
        return;
      }
      await this.left;
    }
    this.entering++;
    this.locking ??= this.lock();
    await this.locking;
  }

  private async lock(): Promise<void> {
    this.release = await this.wire.lock();
    this.locking = null;
    // Those who waited are in from this moment, even before they run: the first of them may leave at once.
    this.users = this.entering;
    this.entering = 0;
    this.left = new Promise((resolve) => {
      this.allLeft = resolve;
    });
  }

  leave(): void {
    assert(this.users > 0 && this.release !== null, 'who leaves the wire has entered it');
    this.users--;
    if (this.users > 0) return;
    this.release();
    this.release = null;
    this.allLeft();
  }
}

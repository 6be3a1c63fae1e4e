/** Lets one piece of work at a time hold something; waiters are served in order. */
export class Mutex {
  private tail: Promise<void> = Promise.resolve();
  private waiting = 0;

  /** Somebody waits for it. */
  get contended(): boolean {
    return this.waiting > 0;
  }

  /** Resolves with the function that releases the lock (idempotent). */
  async lock(): Promise<() => void> {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const before = this.tail;
    this.tail = before.then(() => held);
    this.waiting++;
    await before;
    this.waiting--;
    return release;
  }
}

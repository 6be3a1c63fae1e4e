/** One party at a time moves a volume's root: a stage from `finish` to its commit, or the cleaner. */
export class TreeLocks {
  readonly #held = new Map<string, Promise<void>>();

  /** Waits its turn; the answer gives the lock back. */
  async lock(volumeId: string): Promise<() => void> {
    for (;;) {
      const held = this.#held.get(volumeId);
      if (held === undefined) break;
      await held;
    }
    return this.#take(volumeId);
  }

  /** Null when somebody has it. */
  tryLock(volumeId: string): (() => void) | null {
    return this.#held.has(volumeId) ? null : this.#take(volumeId);
  }

  #take(volumeId: string): () => void {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = () => {
        this.#held.delete(volumeId);
        resolve();
      };
    });
    this.#held.set(volumeId, held);
    return release;
  }
}

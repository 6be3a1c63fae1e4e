interface Waiter {
  readonly sequence: number;
  readonly settle: () => void;
}

/** Who waits for which record to be durable, in order of sequence. */
export class DurableWaiters {
  readonly #waiters: Waiter[] = [];

  wait(sequence: number): Promise<void> {
    return new Promise((settle) => {
      let at = this.#waiters.length;
      while (at > 0 && (this.#waiters[at - 1]?.sequence ?? 0) > sequence) at -= 1;
      this.#waiters.splice(at, 0, { sequence, settle });
    });
  }

  settle(through: number): void {
    let settled = 0;
    for (const waiter of this.#waiters) {
      if (waiter.sequence > through) break;
      waiter.settle();
      settled += 1;
    }
    if (settled > 0) this.#waiters.splice(0, settled);
  }
}

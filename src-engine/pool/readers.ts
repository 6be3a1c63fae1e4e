import type { PointerList } from './page.ts';

/**
 * Keeps freed blocks from being reused while somebody who took a root before the commit may still read them: frees wait
 * for the readers that started before them.
 */
export class ReadGate {
  #generation = 0;
  readonly #readers = new Map<number, number>();
  readonly #waiting: { readonly generation: number; readonly settle: () => void }[] = [];

  enter(): number {
    this.#readers.set(this.#generation, (this.#readers.get(this.#generation) ?? 0) + 1);
    return this.#generation;
  }

  leave(token: number): void {
    const left = (this.#readers.get(token) ?? 1) - 1;
    if (left > 0) {
      this.#readers.set(token, left);
      return;
    }
    this.#readers.delete(token);
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      for (const generation of this.#readers.keys()) if (generation <= first.generation) return;
      this.#waiting.shift();
      first.settle();
    }
  }

  retire(freed: PointerList, settle: (freed: PointerList) => void): void {
    if (this.#readers.size === 0) {
      settle(freed);
      return;
    }
    this.#waiting.push({ generation: this.#generation, settle: () => settle(freed) });
    this.#generation++;
  }
}

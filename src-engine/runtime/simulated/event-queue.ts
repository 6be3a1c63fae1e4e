/** Something that will happen at a virtual moment. A cancelled event has no `run` and is skipped. */
export interface SimulatedEvent {
  readonly atMs: number;
  readonly order: number;
  readonly label: string;
  run: (() => void) | undefined;
}

/** A binary heap by moment; events of one moment come in the order in which they were scheduled. */
export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];
  #order = 0;

  push(atMs: number, label: string, run: () => void): SimulatedEvent {
    const event: SimulatedEvent = { atMs, order: this.#order++, label, run };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || !before(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
    return event;
  }

  /** The next event that is not cancelled, left in the queue. */
  peek(): SimulatedEvent | undefined {
    while (true) {
      const first = this.#heap[0];
      if (first === undefined || first.run !== undefined) return first;
      this.#removeFirst();
    }
  }

  pop(): SimulatedEvent | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    while (true) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        childAt++;
      }
      if (!before(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}

function before(a: SimulatedEvent, b: SimulatedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

import { nextLabelNumber } from './label.ts';
import type { Label } from './label.ts';
import type { PoolDisks } from './members.ts';
import { PoolFailedError } from './types.ts';
import type { TreeRoot } from './types.ts';

/**
 * The labels of an open pool, written one at a time. A label is only believed when no member failed while it was written;
 * otherwise the next one, which tells of the failure, follows at once.
 */
export class Labels {
  readonly #disks: PoolDisks;
  readonly #epoch: number;
  #current: Label;
  /** `disks.serial` that the current label knows of. */
  #serial: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(disks: PoolDisks, epoch: number, current: Label) {
    this.#disks = disks;
    this.#epoch = epoch;
    this.#current = current;
    this.#serial = disks.serial;
  }

  /** The newest label that is durable on all active members. */
  get current(): Label {
    return this.#current;
  }

  /** A label with new roots; everything they reach was synced before. Answers its number. */
  write(table: TreeRoot, space: TreeRoot): Promise<number> {
    return this.#serially(() => this.#write(() => ({ table, space }), false));
  }

  /** A label with the same roots: a new epoch, or members that changed. */
  relabel(missingActive: boolean): Promise<number> {
    return this.#serially(() => this.#write(() => this.#current, missingActive));
  }

  /** Resolves when every member that failed before the call is failed in a durable label. */
  recordFailures(): Promise<number> {
    return this.#serially(async () => (this.#disks.serial === this.#serial ? this.#current.number : this.#write(() => this.#current, false)));
  }

  async #write(roots: () => { readonly table: TreeRoot; readonly space: TreeRoot }, missingActive: boolean): Promise<number> {
    const { table, space } = roots();
    for (let next = nextLabelNumber(this.#current.number, missingActive); ; next = nextLabelNumber(next, false)) {
      const { serial } = this.#disks;
      const label: Label = {
        ...this.#current,
        number: next,
        predecessor: this.#current.number,
        epoch: this.#epoch,
        // Entries below are synced on all members that this label calls active.
        journalFrom: this.#disks.core.journals.map((journal) => journal.from),
        members: this.#disks.membersFor(next),
        table,
        space,
      };
      if (this.#disks.state === 'failed') throw new PoolFailedError('more disks failed than the RAID level allows', undefined);
      await this.#disks.writeLabel(label);
      this.#current = label;
      this.#serial = serial;
      if (this.#disks.serial === serial) return next;
    }
  }

  #serially<T>(job: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(job);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

import { StorageError } from '../runtime/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { Disk } from '../disk/index.ts';

const RETRY_MS = 250;

/**
 * The file system that holds the images is full: nothing is wrong with the disks, and nothing half done is given up. A
 * write without room waits here and is repeated, byte for byte at its place, until there is room or the pool is closed;
 * whatever waits for it (stage, commit, label) goes on as if the write had been slow. Syncs are never repeated.
 */
export class Patience {
  readonly #clock: Clock;
  #waiting = 0;
  #listener: ((reason: string | null) => void) | null = null;
  #reason: string | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why writes wait, or null. */
  get reason(): string | null {
    return this.#reason;
  }

  /**
   * From now on writes wait; the listener gets the reason when the first one does and null when the last one has gone on.
   * With null, and before the first call, writes without room are rejected, those that wait too.
   */
  set listener(listener: ((reason: string | null) => void) | null) {
    this.#listener = listener;
  }

  /** Rejects as `io` does; `no-space` only while nobody listens. */
  async write(io: () => Promise<void>): Promise<void> {
    let waits = false;
    try {
      for (;;) {
        try {
          await io();
          return;
        } catch (error) {
          if (!(error instanceof StorageError) || error.code !== 'no-space' || this.#listener === null) throw error;
          if (!waits) this.#begin(error.message);
          waits = true;
        }
        await this.#clock.sleep(RETRY_MS);
      }
    } finally {
      if (waits) this.#leave();
    }
  }

  #begin(reason: string): void {
    this.#waiting++;
    if (this.#waiting > 1) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }

  #leave(): void {
    this.#waiting--;
    if (this.#waiting > 0) return;
    this.#reason = null;
    this.#listener?.(null);
  }
}

/** The disk with writes that wait for room. A discard without room is only a wish. */
export function patientDisk(disk: Disk, patience: Patience): Disk {
  return {
    slot: disk.slot,
    blocks: disk.blocks,
    get failure() {
      return disk.failure;
    },
    counters: disk.counters,
    read: (dbn, into) => disk.read(dbn, into),
    write: (dbn, buffers) => patience.write(() => disk.write(dbn, buffers)),
    sync: () => disk.sync(),
    readLabel: (labelSlot) => disk.readLabel(labelSlot),
    writeLabel: (labelSlot, bytes) => patience.write(() => disk.writeLabel(labelSlot, bytes)),
    discard: (dbn, blockCount) => disk.discard(dbn, blockCount),
  };
}

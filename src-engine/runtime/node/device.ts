import { performance } from 'node:perf_hooks';

/**
 * The device below all files of this process (they are likely to share one). Two kinds of traffic meet there: *commits*
 * of logs, which hosts wait for, and *transfers*, the writes and syncs of arrays, which only have to end some time.
 *
 * A flush waits for everything the device was given before it, so what a commit pays for a transfer is what lies
 * unsynced when it comes. While logs commit, transfers are therefore cut into pieces, each synced before the next, one
 * at a time, with pauses in between. Without commits (also when writers wait for a consistency point to free a half)
 * transfers go at full speed, after at most `COMMITTING_MS`.
 */

/** The thread pool has four threads; reads and a commit need one when an array of many disks is written. */
const TRANSFERS_AT_ONCE = 3;
/** For so long after a commit another one is expected, */
const COMMITTING_MS = 20;
/** when it was not the first: what seals a half for a consistency point that runs alone is no host that waits. */
const LEAST_COMMITS = 4;
/** What is written and synced in one piece while logs commit: some commits' worth, so that big streams are not cut small. */
const LEAST_PIECE_BYTES = 256 * 1024;
const MOST_PIECE_BYTES = 4 * 1024 * 1024;
const PIECE_PER_COMMIT = 4;
/** After a piece, a pause of twice its length: transfers take a third of the device's time from the hosts ... */
const PAUSE_SHARE = 2;
const LONGEST_PAUSE_MS = 25;
/**
 * ... unless logs fill fast: then a piece follows as soon as its bytes over this have been committed, so that a
 * consistency point of half a log half ends before the other half is full, whatever the arrays add in parity.
 */
const TRANSFER_BYTES_PER_COMMITTED = 2;

/** Commits up to this size may be written and synced without a hop to the thread pool (37 us saved per commit). */
const SYNCHRONOUS_COMMIT_BYTES = 256 * 1024;
/** A synchronous commit that took longer stalled everything else: the next ones go to the thread pool. */
const LONG_STALL_MS = 2;
/** So many, doubled with each stall that follows soon, so that a device with a slow tail is soon left alone. */
const LEAST_COMMITS_ASIDE = 1024;
const MOST_COMMITS_ASIDE = 65536;
/**
 * So many after something else had the device: a transfer of ours, or whoever uses it while no log commits. Only a device
 * that has just shown itself quick is waited for, since a flush behind other people's writes takes what those take.
 */
const COMMITS_AFTER_OTHERS = 64;
const RECENT_MS = 100;

class Device {
  /** Turns that are taken, those in a pause included. */
  #turns = 0;
  /** Transfers that the system works on right now. */
  #active = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #pauses = new Set<{ readonly untilCommitted: number; readonly end: () => void }>();
  #lastCommitMs = Number.NEGATIVE_INFINITY;
  #committedBytes = 0;
  #usualCommitBytes = 0;
  /** Commits that followed each other closely, the last one included. */
  #commitsInRow = 0;
  #commitsAside = 0;
  #nextAside = LEAST_COMMITS_ASIDE;

  /** Hosts wait for this device now and then: logs were committed lately. */
  get committing(): boolean {
    return this.#commitsInRow >= LEAST_COMMITS && performance.now() - this.#lastCommitMs < COMMITTING_MS;
  }

  get pieceBytes(): number {
    const wanted = PIECE_PER_COMMIT * this.#usualCommitBytes;
    return Math.min(MOST_PIECE_BYTES, Math.max(LEAST_PIECE_BYTES, wanted - (wanted % LEAST_PIECE_BYTES)));
  }

  /** Runs a write or sync that is no commit, in its turn. `bytes`: what it brings to the device; commits get room after it. */
  async transfer(bytes: number, run: () => Promise<void>): Promise<void> {
    if (this.#turns < this.#atOnce) this.#turns++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve)); // the turn is handed over
    try {
      const startMs = performance.now();
      const untilCommitted = this.#committedBytes + bytes / TRANSFER_BYTES_PER_COMMITTED;
      this.#active++;
      try {
        await run();
      } finally {
        this.#active--;
        this.#commitsAside = Math.max(this.#commitsAside, COMMITS_AFTER_OTHERS);
      }
      if (bytes > 0 && this.committing) await this.#pause(performance.now() - startMs, untilCommitted);
    } finally {
      this.#turns--;
      while (this.#turns < this.#atOnce) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        this.#turns++;
        next();
      }
    }
  }

  /** A commit of so many bytes begins. True: it may be done synchronously, without stalling everything else. */
  beginCommit(bytes: number): boolean {
    const nowMs = performance.now();
    this.#commitsInRow++;
    if (nowMs - this.#lastCommitMs > RECENT_MS) {
      this.#commitsInRow = 1;
      this.#commitsAside = Math.max(this.#commitsAside, COMMITS_AFTER_OTHERS);
    }
    this.#lastCommitMs = nowMs;
    this.#committedBytes += bytes;
    this.#usualCommitBytes += (bytes - this.#usualCommitBytes) / 16;
    for (const pause of this.#pauses) if (pause.untilCommitted <= this.#committedBytes) pause.end();
    return bytes <= SYNCHRONOUS_COMMIT_BYTES && this.#active === 0 && this.#commitsAside === 0;
  }

  endCommit(durationMs: number, synchronous: boolean): void {
    this.#lastCommitMs = performance.now();
    const slow = durationMs > LONG_STALL_MS;
    if (synchronous && slow) {
      this.#commitsAside = this.#nextAside;
      this.#nextAside = Math.min(MOST_COMMITS_ASIDE, 2 * this.#nextAside);
    } else if (synchronous) {
      // Some hundred quick ones, and the tail is forgotten.
      this.#nextAside = Math.max(LEAST_COMMITS_ASIDE, this.#nextAside - 1);
    } else if (slow) {
      this.#commitsAside = Math.max(this.#commitsAside, LEAST_COMMITS_ASIDE);
    } else if (this.#commitsAside > 0) {
      this.#commitsAside--;
    }
  }

  get #atOnce(): number {
    return this.committing ? 1 : TRANSFERS_AT_ONCE;
  }

  #pause(transferMs: number, untilCommitted: number): Promise<void> {
    return new Promise((resolve) => {
      const pause = {
        untilCommitted,
        end: () => {
          clearTimeout(timer);
          this.#pauses.delete(pause);
          resolve();
        },
      };
      const timer = setTimeout(pause.end, Math.min(LONGEST_PAUSE_MS, PAUSE_SHARE * transferMs));
      this.#pauses.add(pause);
    });
  }
}

export const device = new Device();

import { StorageError } from '../runtime/index.ts';
import type { LogRecord } from '../nvlog/index.ts';
import type { Relationship } from './relationship.ts';

const MAXIMUM_ENDS = 32;

/**
 * What a primary owes its secondary after a start until a handshake has said what that one holds: the records found in
 * the log (replication.md 3.12, 3), and where earlier incarnations of the log ended (3.12, 4).
 */
export class Owed {
  private readonly rel: Relationship;
  private recovered: { readonly sequence: number; readonly offset: number; readonly length: number }[] = [];

  constructor(rel: Relationship) {
    this.rel = rel;
  }

  /** A record of this volume was found in the log at start. */
  found(record: LogRecord): void {
    this.recovered.push({ sequence: record.sequence, offset: record.offset, length: record.length });
  }

  /** At start, before the log goes on: its end is remembered durably until a handshake has passed it. */
  async rememberEnd(last: number, next: number): Promise<void> {
    const known = this.rel.record.ends ?? [];
    if (this.rel.record.base === null || known.at(-1)?.last === last) return;
    // Too many starts without a handshake: the oldest become one gap, which at worst compares more than it has to.
    const [first, second, ...rest] = known;
    const kept = known.length < MAXIMUM_ENDS || first === undefined || second === undefined ? known : [{ last: first.last, next: second.next }, ...rest];
    await this.rel.change({ ends: [...kept, { last, next }] });
  }

  /** The destination proved that it holds everything through `held`: the rest of what was found becomes marks. */
  async settle(held: number): Promise<void> {
    for (const r of this.recovered) if (r.sequence > held) this.rel.marks.markRange(r.offset, r.length);
    this.recovered = [];
    await this.rel.marks.flush();
  }

  mark(): void {
    for (const r of this.recovered) this.rel.marks.markRange(r.offset, r.length);
  }

  /** Makes the marks durable, or says durably that they could not be. */
  async flush(): Promise<void> {
    try {
      await this.rel.marks.flush();
      if (this.rel.record.trackingFailed && this.rel.marks.state === 'open') this.rel.set({ trackingFailed: false });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      // The marks live in memory only: the label says so, and after a restart every region counts as marked.
      if (!this.rel.record.trackingFailed) {
        this.rel.deps.runtime.covered('mirror/tracking-failed');
        this.rel.report('mirror/bitmap-failed', 'alert', `its fracture log cannot be written (${error.message}); after a restart a full compare will be needed`);
      }
      await this.rel.change({ trackingFailed: true });
    }
  }
}

import type { VolumeRecord } from '../pool/index.ts';
import { recordFromJson, recordToJson, type RelationshipRecord } from './record.ts';
import type { JsonObject } from '../pool/index.ts';

type Patch = Partial<RelationshipRecord>;

/**
 * The record of a relationship as it lies in its volume's attributes, and the changes that wait for a label. A label's
 * content is a read-modify-write of what the labels before it hold, so that concurrent commits never lose each other's
 * changes and memory never shows what is not durable, except for what `set` puts there on purpose (a control record of
 * the log has it, or losing it does no harm).
 */
export class DurableRecord {
  private current: RelationshipRecord;
  /** Changed in memory, not yet in a label; `at` orders them against labels. */
  private readonly waiting = new Map<keyof RelationshipRecord, { readonly value: unknown; readonly at: number }>();
  private counter = 0;

  constructor(record: RelationshipRecord) {
    this.current = record;
  }

  get value(): RelationshipRecord {
    return this.current;
  }

  get changed(): boolean {
    return this.waiting.size > 0;
  }

  set(patch: Patch): void {
    const at = ++this.counter;
    for (const key of Object.keys(patch) as (keyof RelationshipRecord)[]) this.waiting.set(key, { value: patch[key], at });
    this.current = { ...this.current, ...patch };
  }

  /** A change for one label. `content` may be called several times, the last time is what the label holds. */
  prepare(update: (record: RelationshipRecord) => RelationshipRecord): { content(volumeRecord: VolumeRecord): JsonObject; durable(): void } {
    let captured: RelationshipRecord | null = null;
    let capturedAt = 0;
    return {
      content: (volumeRecord) => {
        const base = recordFromJson(volumeRecord.attributes['relationship']) ?? this.current;
        capturedAt = this.counter;
        captured = update({ ...base, ...this.patch(capturedAt) });
        return recordToJson(captured);
      },
      durable: () => {
        if (captured === null) return;
        for (const [key, { at }] of [...this.waiting]) if (at <= capturedAt) this.waiting.delete(key);
        this.current = { ...captured, ...this.patch(this.counter) };
      },
    };
  }

  private patch(through: number): Patch {
    const patch: Record<string, unknown> = {};
    for (const [key, { value, at }] of this.waiting) if (at <= through) patch[key] = value;
    return patch;
  }
}

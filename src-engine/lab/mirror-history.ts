/** What mirrors were and when: their changes of state as events, their lag as series. */
import type { MirrorHistory } from '../contract/index.ts';
import { conditionCodeSchema, imageStateSchema } from '../contract/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { EventStream } from './event-stream.ts';
import { lagOf, stateOf, type SeenMirror } from './mirror-view.ts';
import type { MirrorSides } from './mirror-sides.ts';
import type { MirrorRecord, Topology } from './topology.ts';

export interface MirrorHistoriesEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly sides: MirrorSides;
}

export class MirrorHistories {
  readonly #environment: MirrorHistoriesEnvironment;
  /** Last state seen of each mirror, for history and `since`. */
  readonly #seen = new Map<string, SeenMirror & { readonly key: string }>();
  readonly #lag = new Map<
    string,
    { readonly at: number[]; readonly writes: number[]; readonly bytes: number[]; readonly seconds: number[] }
  >();

  constructor(environment: MirrorHistoriesEnvironment) {
    this.#environment = environment;
  }

  seen(record: MirrorRecord): SeenMirror | undefined {
    return this.#seen.get(record.id);
  }

  /** Looks for changes of state; called a few times a second. Each change is an event. */
  observe(): boolean {
    let changed = false;
    for (const record of this.#environment.topology.mirrors.list()) {
      const status = this.#environment.sides.view(record).leading;
      if (status === null) continue;
      const state = stateOf(status, undefined);
      const conditions = status.conditions.map((condition) => condition.code);
      const key = `${state} ${status.direction} ${[...conditions].sort().join(',')} ${this.#environment.sides.acting(record)?.home ?? ''}`;
      const before = this.#seen.get(record.id);
      if (before?.key === key) continue;
      const wallMs = this.#environment.clock.wallMs();
      this.#seen.set(record.id, { key, state, sinceWallMs: wallMs });
      changed = true;
      const bad = state === 'OutOfSync' || state === 'Diverged' || conditions.includes('FracturedSystem');
      this.#environment.events.append({
        kind: 'mirror/state',
        severity: bad ? 'warning' : 'notice',
        subject: `mirror/${record.name}`,
        message: `${record.name} is ${state}${conditions.length === 0 ? '' : ` (${conditions.join(', ')})`}${status.direction === 'reversed' ? ', reversed' : ''}`,
        details: { mirror: record.id, from: before?.state ?? null, to: state, conditions, direction: status.direction },
      });
    }
    return changed;
  }

  /** One sample of every mirror's lag, about once a second. */
  sampleLag(keep: number): void {
    const at = this.#environment.clock.wallMs();
    for (const record of this.#environment.topology.mirrors.list()) {
      const lag = lagOf(this.#environment.sides.view(record).leading);
      const series = this.#lag.get(record.id) ?? { at: [], writes: [], bytes: [], seconds: [] };
      series.at.push(at);
      series.writes.push(lag.writes);
      series.bytes.push(lag.bytes);
      series.seconds.push(lag.seconds);
      if (series.at.length > keep)
        for (const column of [series.at, series.writes, series.bytes, series.seconds]) column.shift();
      this.#lag.set(record.id, series);
    }
  }

  lagSeries(record: MirrorRecord, windowSeconds: number) {
    const series = this.#lag.get(record.id) ?? { at: [], writes: [], bytes: [], seconds: [] };
    const from = this.#environment.clock.wallMs() - windowSeconds * 1000;
    const first = series.at.findIndex((at) => at >= from);
    const cut = (column: number[]): number[] => (first < 0 ? [] : column.slice(first));
    return { at: cut(series.at), writes: cut(series.writes), bytes: cut(series.bytes), seconds: cut(series.seconds) };
  }

  of(record: MirrorRecord, limit: number): MirrorHistory[] {
    return this.#environment.events
      .page({ limit, kind: 'mirror/state', subject: `mirror/${record.name}` })
      .flatMap((event) => {
        const to = imageStateSchema.safeParse(event.details?.['to']);
        if (!to.success) return [];
        const from = imageStateSchema.safeParse(event.details?.['from']);
        const conditions = conditionCodeSchema.array().safeParse(event.details?.['conditions']);
        return [
          {
            at: event.at,
            event: event.id,
            from: from.success ? from.data : null,
            to: to.data,
            conditions: conditions.success ? conditions.data : [],
            direction: event.details?.['direction'] === 'reversed' ? ('reversed' as const) : ('forward' as const),
            message: event.message,
          },
        ];
      });
  }
}

import type { Effect, Outcome } from './events.ts';
import type { ActiveCondition, ConditionCode, RelationshipView } from './types.ts';

export type Patch = Partial<RelationshipView>;

export const moved = (state: RelationshipView, effects: readonly Effect[] = []): Outcome => ({
  kind: 'moved',
  state,
  effects,
});

/** A change of state in the making: fields and conditions, then the effects that go with it. */
export class Draft {
  private readonly from: RelationshipView;
  private patch: Patch = {};
  private conditions: readonly ActiveCondition[];
  private readonly nowWallMs: number;

  constructor(from: RelationshipView, nowWallMs: number) {
    this.from = from;
    this.conditions = from.conditions;
    this.nowWallMs = nowWallMs;
  }

  set(patch: Patch): this {
    this.patch = { ...this.patch, ...patch };
    return this;
  }

  with(code: ConditionCode, cause: string): this {
    if (this.conditions.some((each) => each.code === code && each.cause === cause)) return this;
    const others = this.conditions.filter((each) => each.code !== code);
    this.conditions = [...others, { code, cause, sinceWallMs: this.nowWallMs }];
    return this;
  }

  without(...codes: readonly ConditionCode[]): this {
    this.conditions = this.conditions.filter((each) => !codes.includes(each.code));
    return this;
  }

  end(effects: readonly Effect[] = []): Outcome {
    return moved({ ...this.from, ...this.patch, conditions: this.conditions }, effects);
  }
}

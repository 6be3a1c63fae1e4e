/** What the benchmark reports: a figure with its floor and goal, and how it is judged and printed. */
import { median } from './measure.ts';

/** What had been promised when the clock stopped. Unequal promises are never compared. */
export type Durability = 'volatile' | 'durable here' | 'durable on both' | 'none';

export interface Figure {
  readonly subject: string;
  /** What it is divided by; empty for a figure that has a unit. */
  readonly against: string;
  readonly promise: Durability;
  readonly unit: 'x' | 'ms' | 'MiB' | 'GB/s';
  readonly better: 'higher' | 'lower';
  /** A figure beyond its floor is a defect; a goal is what we work for. Null: none is set, the figure is for orientation. */
  readonly floor: number | null;
  readonly goal: number | null;
  /** One value per round. */
  readonly rounds: readonly number[];
  /** Absolute values for the reader; they move with the machine's neighbours. */
  readonly note: string;
}

export interface Scale {
  readonly tiny: boolean;
  readonly rounds: number;
  readonly roundMs: number;
}

export interface Scenario {
  readonly name: string;
  run(directory: string, scale: Scale): Promise<readonly Figure[]>;
}

export type Verdict = 'goal met' | 'above floor' | 'UNDER FLOOR' | 'no floor set';

export function valueOf(figure: Figure): number {
  return median(figure.rounds);
}

export function verdictOf(figure: Figure): Verdict {
  const value = valueOf(figure);
  const reaches = (limit: number): boolean => (figure.better === 'higher' ? value >= limit : value <= limit);
  if (figure.floor !== null && !reaches(figure.floor)) return 'UNDER FLOOR';
  if (figure.goal !== null && reaches(figure.goal)) return 'goal met';
  return figure.floor === null ? 'no floor set' : 'above floor';
}

export const COLUMNS = ['figure', 'against', 'promise', 'median', 'rounds', 'floor', 'goal', 'verdict', 'absolute'] as const;

export function rowOf(figure: Figure): readonly string[] {
  const sign = figure.better === 'higher' ? '>=' : '<=';
  const limit = (value: number | null): string => (value === null ? '-' : `${sign} ${number(value)}`);
  const value = valueOf(figure);
  return [
    figure.subject, figure.against === '' ? '-' : `/ ${figure.against}`, figure.promise === 'none' ? '-' : figure.promise,
    figure.unit === 'x' ? number(value) : `${number(value)} ${figure.unit}`,
    `${number(Math.min(...figure.rounds))}..${number(Math.max(...figure.rounds))}`,
    limit(figure.floor), limit(figure.goal), verdictOf(figure), figure.note,
  ];
}

export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return value.toFixed(0);
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return value.toFixed(Math.abs(value) < 0.1 ? 3 : 2);
}

export function table(rows: readonly (readonly string[])[]): string {
  const all = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}

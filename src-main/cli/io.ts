import type { Refusal } from '../../src-engine/contract/index.ts';

/** The streams of a command; tests hand in their own. */
export interface Io {
  out(text: string): void;
  outBytes(bytes: Uint8Array): Promise<void>;
  err(text: string): void;
  /** Standard input to its end, piece by piece. */
  input(): AsyncIterable<Uint8Array>;
  /** Asks a person; null where nobody can answer. */
  ask(question: string): Promise<string | null>;
  /** Standard error is a terminal: progress may be drawn. */
  readonly interactive: boolean;
  onInterrupt(act: () => void): () => void;
  /** Environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Exit codes, interfaces.md. */
export const EXIT = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** Ends a command with a reason. */
export class CommandFailure extends Error {
  readonly refusal: Refusal;
  readonly exitCode: number;
  constructor(refusal: Refusal, exitCode: number = EXIT.refused) {
    super(refusal.message);
    this.name = 'CommandFailure';
    this.refusal = refusal;
    this.exitCode = exitCode;
  }
}

export type Cell = string | number | boolean | null | undefined;

/** Columns as wide as their content, two spaces apart; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const text = rows.map((row) =>
    row.map((cell) => (cell === null || cell === undefined || cell === '' ? '-' : String(cell))),
  );
  const widths = head.map((title, column) => Math.max(title.length, ...text.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[], source?: readonly Cell[]): string =>
    cells
      .map((cell, column) =>
        typeof source?.[column] === 'number' ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(head.map((title) => title.toUpperCase())), ...text.map((row, index) => line(row, rows[index]))].join(
    '\n',
  );
}

const scalar = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '-' : JSON.stringify(value);

/** `key  value` lines of a flat or nested object, for people. */
export function facts(value: object, indent = ''): string {
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const width = Math.max(0, ...entries.map(([key]) => key.length));
  return entries
    .map(([key, inner]: [string, unknown]) => {
      if (Array.isArray(inner)) {
        if (inner.every((item) => typeof item !== 'object'))
          return `${indent}${key.padEnd(width)}  ${inner.length === 0 ? '-' : inner.join(', ')}`;
        return [
          `${indent}${key}`,
          ...inner.map((item) => `${indent}  - ${facts(item as object, `${indent}    `).trimStart()}`),
        ].join('\n');
      }
      if (typeof inner === 'object' && inner !== null) return `${indent}${key}\n${facts(inner, `${indent}  `)}`;
      return `${indent}${key.padEnd(width)}  ${scalar(inner)}`;
    })
    .join('\n');
}

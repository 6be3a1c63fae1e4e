import type { Log, LogLevel } from '../types.ts';

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log of one JSON object per line (`time`, `level`, `message`, then the fields); `write` gets whole lines. */
export function jsonLines(write: (line: string) => void, least: LogLevel = 'debug'): Log {
  return {
    write: (level, message, fields) => {
      if (RANKS[level] < RANKS[least]) return;
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }, plainValue)}\n`);
    },
  };
}

/** What JSON would drop or refuse. */
function plainValue(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  return typeof value === 'bigint' ? value.toString() : value;
}

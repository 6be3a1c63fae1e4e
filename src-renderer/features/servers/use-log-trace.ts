import { useEffect, useState } from 'react';
import { useLive } from '../../client/index.ts';

/** How far back the halves are drawn. */
export const TRACE_MS = 60_000;
/** Deltas come up to ten times a second; five points a second draw a sawtooth as well. */
const LEAST_STEP_MS = 200;

export interface LogTrace {
  /** Engine time in milliseconds since the epoch, ascending. */
  at: readonly number[];
  /** Bytes used, per half. */
  used: readonly (readonly (number | null)[])[];
}

const empty: LogTrace = { at: [], used: [] };

/** The trace with one more point; points out of the window fall off, and a clock that jumped back begins anew. Pure. */
export function traced(trace: LogTrace, atMs: number, usedBytes: readonly (number | null)[]): LogTrace {
  const last = trace.at.at(-1);
  const before = last !== undefined && atMs < last ? empty : trace;
  if (last !== undefined && atMs >= last && atMs - last < LEAST_STEP_MS) return trace;
  const from = before.at.findIndex((at) => at >= atMs - TRACE_MS);
  const first = from === -1 ? before.at.length : from;
  return {
    at: [...before.at.slice(first), atMs],
    used: usedBytes.map((bytes, half) => [
      ...(before.used[half]?.slice(first) ?? before.at.slice(first).map(() => null)),
      bytes,
    ]),
  };
}

/** Fill of both halves of one server as the live stream carries it, since the page was opened. */
export function useLogTrace(serverName: string): LogTrace {
  const [kept, setKept] = useState<{ server: string; trace: LogTrace }>({ server: serverName, trace: empty });
  useEffect(
    () =>
      useLive.subscribe((state) => {
        const server = state.servers.find((one) => one.name === serverName);
        if (server === undefined || state.at === null || state.connection !== 'live') return;
        const atMs = new Date(state.at).getTime();
        const halves = server.nvlog.halves;
        const used = halves.length === 0 ? [null, null] : halves.map((half) => half.usedBytes);
        setKept((before) => {
          const old = before.server === serverName ? before.trace : empty;
          const trace = traced(old, atMs, used);
          return trace === old && before.server === serverName ? before : { server: serverName, trace };
        });
      }),
    [serverName],
  );
  return kept.server === serverName ? kept.trace : empty;
}

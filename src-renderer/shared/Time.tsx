import type { ReactElement } from 'react';
import { dateTime, timeOfDay, utc } from './units.ts';

/** Local time; UTC on hover. */
export function Time({ at, full = false }: { at: number | string; full?: boolean }): ReactElement {
  return (
    <time dateTime={new Date(at).toISOString()} title={utc(at)} className="nowrap">
      {full ? dateTime(at) : timeOfDay(at)}
    </time>
  );
}

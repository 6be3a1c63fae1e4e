import type { ReactElement } from 'react';
import { units } from '../../shared/index.ts';
import classes from './arrays.module.css';

export interface Segment {
  id: string;
  label: string;
  bytes: number;
  /** How it is drawn: strength of the group's colour, or a pattern for what is no content. */
  fill: 'content' | 'content-2' | 'content-3' | 'other' | 'reserve' | 'free' | 'redundancy' | 'unknown' | 'unused';
  group: number | null;
  title?: string;
}

/** Parts of a whole, to scale. What each is and how large stands beside it in words: the bar is only the picture. */
export function StackedBar({
  label,
  segments,
  tall = false,
}: {
  label: string;
  segments: readonly Segment[];
  tall?: boolean;
}): ReactElement {
  const words = segments.map((one) => `${one.label} ${units.bytes(one.bytes)}`).join(', ');
  return (
    <div className={classes['stackedBar']} data-tall={tall || undefined} role="img" aria-label={`${label}: ${words}`}>
      {segments.map((one) => (
        <span
          key={one.id}
          data-group={one.group ?? undefined}
          data-fill={one.fill}
          style={{ flexGrow: one.bytes }}
          title={`${one.label}: ${units.bytes(one.bytes)}`}
        />
      ))}
    </div>
  );
}

/** The same parts in words: swatch, name, size, share. */
export function BarLegend({
  segments,
  totalBytes,
  columns = 1,
}: {
  segments: readonly Segment[];
  totalBytes: number;
  columns?: 1 | 2;
}): ReactElement {
  return (
    <ul className={classes['barLegend']} data-columns={columns}>
      {segments.map((one) => (
        <li key={one.id} title={one.title}>
          <i data-group={one.group ?? undefined} data-fill={one.fill} />
          <span>{one.label}</span>
          <b>{units.bytes(one.bytes)}</b>
          <em>{units.percent(totalBytes === 0 ? null : one.bytes / totalBytes)}</em>
        </li>
      ))}
    </ul>
  );
}

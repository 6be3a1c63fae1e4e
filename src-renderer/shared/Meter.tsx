import type { ReactElement, ReactNode } from 'react';
import type { Tone } from './tone.ts';
import { percent } from './units.ts';
import classes from './shared.module.css';

interface Props {
  label: string;
  /** 0..1; null while unknown. */
  share: number | null;
  text?: ReactNode;
  tone?: Tone | 'accent';
  /** A job that moves is a progressbar, a level that stands is a meter. */
  role?: 'meter' | 'progressbar';
  hideLabel?: boolean;
}

export function Meter({ label, share, text, tone = 'accent', role = 'meter', hideLabel = false }: Props): ReactElement {
  const bounded = share === null ? 0 : Math.min(1, Math.max(0, share));
  return (
    <div className={classes['meter']} data-tone={tone}>
      <div className={classes['meterText']}>
        <span className={hideLabel ? 'sr-only' : undefined}>{label}</span>
        <span className={classes['meterValue']}>{text ?? percent(share)}</span>
      </div>
      <div
        className={classes['meterTrack']}
        {...(share === null && role === 'meter'
          ? // A level that nobody knows has no value to be a meter of; the text above says so.
            { 'aria-hidden': true }
          : {
              role,
              'aria-label': label,
              'aria-valuemin': 0,
              'aria-valuemax': 100,
              'aria-valuetext': typeof text === 'string' ? text : percent(share),
              ...(share === null ? {} : { 'aria-valuenow': Math.floor(bounded * 100) }),
            })}
      >
        <div className={classes['meterFill']} style={{ transform: `scaleX(${bounded})` }} />
      </div>
    </div>
  );
}

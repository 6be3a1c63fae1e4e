import type { ReactElement, ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import type { Tone } from './tone.ts';
import classes from './shared.module.css';

const icons: Record<Tone, IconName> = {
  ok: 'check-circle',
  busy: 'sync',
  warn: 'warning',
  bad: 'cross-circle',
  idle: 'info',
};

export function Callout({
  tone,
  children,
  alert = false,
}: {
  tone: Tone;
  children: ReactNode;
  alert?: boolean;
}): ReactElement {
  return (
    <div className={classes['callout']} data-tone={tone} {...(alert ? { role: 'alert' } : {})}>
      <Icon name={icons[tone]} />
      <div>{children}</div>
    </div>
  );
}

import type { ReactElement, ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import type { Tone } from './tone.ts';
import classes from './shared.module.css';

interface Props {
  tone: Tone;
  icon: IconName;
  children: ReactNode;
  quiet?: boolean;
  size?: 'm' | 'l';
  title?: string;
}

/** Text, icon and colour together; the base of every state shown in the console. */
export function Badge({ tone, icon, children, quiet = false, size = 'm', title }: Props): ReactElement {
  return (
    <span className={classes['badge']} data-tone={tone} data-quiet={quiet || undefined} data-size={size} title={title}>
      <Icon name={icon} size={size === 'l' ? 16 : 13} />
      <span>{children}</span>
    </span>
  );
}

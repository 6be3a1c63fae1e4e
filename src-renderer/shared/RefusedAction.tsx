import { Button } from '@mantine/core';
import { useId, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Refusal } from '../../src-engine/contract/index.ts';
import { Icon } from './Icon.tsx';
import classes from './shared.module.css';

interface Props {
  label: string;
  description: string;
  refusal: Refusal | null;
  danger?: boolean;
  primary?: boolean;
  busy?: boolean;
  onClick(): void;
  onPoint?(pointed: boolean): void;
}

/**
 * An action with the sentence that belongs to it. A refused one stays reachable by keyboard: it is marked disabled, does
 * nothing, and its description is the engine's reason and what would lift it. A soft refusal may be overridden in the sheet.
 */
export function RefusedAction({
  label,
  description,
  refusal,
  danger = false,
  primary = false,
  busy = false,
  onClick,
  onPoint,
}: Props): ReactElement {
  const { t } = useTranslation();
  const id = useId();
  const refused = refusal !== null && !refusal.overridable;
  return (
    <div className={classes['action']} data-tone={refused ? 'idle' : 'accent'}>
      <Button
        variant={refused ? 'default' : primary ? 'filled' : danger ? 'outline' : 'light'}
        color={danger ? 'brick' : 'iris'}
        aria-describedby={id}
        aria-disabled={refused}
        {...(refused ? { 'data-disabled': true } : {})}
        loading={busy}
        leftSection={refused ? <Icon name="lock" size={13} /> : null}
        onClick={() => {
          if (!refused) onClick();
        }}
        onPointerEnter={() => onPoint?.(true)}
        onPointerLeave={() => onPoint?.(false)}
        onFocus={() => onPoint?.(true)}
        onBlur={() => onPoint?.(false)}
      >
        {label}
      </Button>
      <p id={id} className={classes['actionText']}>
        {refusal === null ? (
          description
        ) : (
          <>
            <span className={classes['code']}>{refusal.code}</span>
            <b>{refusal.message}</b> {refusal.hint}
            {refusal.overridable ? ` ${t('action.overridable')}` : ''}
          </>
        )}
      </p>
    </div>
  );
}

import { Button } from '@mantine/core';
import { useId, type ReactElement } from 'react';
import type { Refusal } from '../../src-engine/contract/index.ts';
import { Icon } from './Icon.tsx';
import classes from './shared.module.css';

interface Props {
  refusal: Refusal;
  actions: readonly { id: string; label: string; onPoint?(pointed: boolean): void }[];
}

/** Several actions refused for one and the same reason: the reason is said once and describes each of the buttons. */
export function RefusedGroup({ refusal, actions }: Props): ReactElement {
  const id = useId();
  return (
    <div className={classes['group']}>
      <p id={id} className={classes['actionText']}>
        <span className={classes['code']}>{refusal.code}</span>
        <b>{refusal.message}</b> {refusal.hint}
      </p>
      <div className={classes['groupButtons']}>
        {actions.map((action) => (
          <Button
            key={action.id}
            variant="default"
            size="compact-sm"
            aria-disabled
            data-disabled
            aria-describedby={id}
            leftSection={<Icon name="lock" size={12} />}
            onPointerEnter={() => action.onPoint?.(true)}
            onPointerLeave={() => action.onPoint?.(false)}
          >
            {action.label}
          </Button>
        ))}
      </div>
    </div>
  );
}

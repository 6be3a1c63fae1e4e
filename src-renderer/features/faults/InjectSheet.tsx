import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { FaultKind } from '../../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useAction, useLive } from '../../client/index.ts';
import { PreviewSheet } from '../../shared/index.ts';
import { commandOf, kinds, specOf, touched } from './fault-form.ts';

export interface Asked {
  kind: FaultKind;
  target: string;
  parameter: number;
}

/** What the fault will hit, before it does. */
export function InjectSheet({ asked, onClose }: { asked: Asked; onClose(): void }): ReactElement {
  const { t } = useTranslation();
  const { kind, target, parameter } = asked;
  const inject = useAction((confirm: string | undefined) =>
    rpc().fault.inject({
      fault: specOf(kind, target, parameter),
      requestId: requestId(),
      ...(confirm === undefined ? {} : { confirm }),
    }),
  );
  const lists = useLive();
  const hit = touched(lists, kind, target);
  const list = (names: readonly string[]): string => (names.length === 0 ? t('common.none') : names.join(', '));
  return (
    <PreviewSheet
      title={t('fault.sheetTitle', { fault: t(`fault.${kind}.title`), target })}
      actionLabel={t('fault.inject')}
      danger
      busy={inject.isPending}
      error={inject.error === null ? null : explain(inject.error)}
      content={{
        steps: [t(`fault.${kind}.effect`, { target }), t('fault.stays')],
        facts: [
          { label: t('fault.serversHit'), value: list(hit.servers) },
          { label: t('fault.volumesHit'), value: list(hit.volumes) },
          { label: t('fault.mirrorsHit'), value: list(hit.mirrors) },
        ],
        command: commandOf(kind, target, parameter),
        confirm: kinds[kind].typed ? target : null,
      }}
      onConfirm={(confirm) => inject.mutate(confirm, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}

import { Button } from '@mantine/core';
import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '../../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useAction, useLive } from '../../client/index.ts';
import { Callout, PreviewSheet } from '../../shared/index.ts';
import classes from './overview.module.css';

/** A restarted server that waits for its peer's handshake, and the way to end the wait: typed, as both could then serve. */
export function PeerWait({ server }: { server: Server }): ReactElement | null {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const waiting = useLive((state) => state.volumes)
    .filter((volume) => volume.owner === server.name && volume.state === 'waiting')
    .map((volume) => volume.name);
  const skip = useAction((confirm: string) =>
    rpc().server.skipPeerWait({ server: server.name, confirm, requestId: requestId() }),
  );
  if (waiting.length === 0 && !asking) return null;
  return (
    <Callout tone="warn">
      <div className={classes['peerWait']}>
        <span>{t('peerWait.text', { volumes: waiting.join(', ') })}</span>
        <Button size="compact-xs" variant="default" onClick={() => setAsking(true)}>
          {t('peerWait.skip')}
        </Button>
      </div>
      {asking ? (
        <PreviewSheet
          title={t('peerWait.sheet', { server: server.name })}
          actionLabel={t('peerWait.skip')}
          danger
          busy={skip.isPending}
          error={skip.error === null ? null : explain(skip.error)}
          content={{
            steps: [t('peerWait.will', { volumes: waiting.join(', ') }), t('peerWait.risk')],
            facts: [],
            warning: t('peerWait.warning'),
            command: `lockstep server skip-peer-wait ${server.name} --yes`,
            confirm: server.name,
          }}
          onConfirm={(typed) => skip.mutate(typed ?? '', { onSuccess: () => setAsking(false) })}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </Callout>
  );
}

import type { TFunction } from 'i18next';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Fault, Server, Volume } from '../../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useAction, useLive } from '../../client/index.ts';
import { PreviewSheet, type SheetContent } from '../../shared/index.ts';
import { dependentsOf, farSide, waitingOn, type Dependents, type ServerAction } from './power.ts';

interface Lists {
  volumes: readonly Volume[];
  faults: readonly Fault[];
}

const names = (list: readonly { name: string }[]): string => list.map((one) => one.name).join(', ');

function powerOff(t: TFunction, server: Server, { volumes, mirrors, workloads }: Dependents): SheetContent {
  const served = volumes.filter((volume) => volume.state === 'serving');
  const none = t('common.none');
  // The engine asks for the name where something depends on a server that is up; asking it here saves a refusal.
  const typed = server.state === 'up' && (mirrors.length > 0 || workloads.length > 0);
  return {
    steps: [
      ...(served.length === 0 ? [] : [t('servers.will.hostsStop', { volumes: names(served) })]),
      t('servers.will.lastCp'),
      ...mirrors.map((mirror) => {
        const far = farSide(mirror, volumes);
        const mine = mirror.acting === server.site;
        return mine
          ? t('servers.will.primaryStops', { mirror: mirror.name, site: far.site })
          : t(`servers.will.secondaryStops.${mirror.policy}`, { mirror: mirror.name, site: far.site });
      }),
      t('servers.will.off'),
    ],
    facts: [
      { label: t('servers.will.volumes'), value: names(volumes) || none },
      { label: t('servers.will.mirrors'), value: names(mirrors) || none },
      { label: t('servers.will.workloads'), value: workloads.map((one) => one.volume).join(', ') || none },
    ],
    ...(typed ? { warning: t('servers.will.warning', { names: names(volumes) }) } : {}),
    command: `lockstep server power-off ${server.name} --yes`,
    confirm: typed ? server.name : null,
  };
}

function powerOn(t: TFunction, server: Server, { volumes, mirrors }: Dependents, { faults }: Lists): SheetContent {
  return {
    steps: [
      ...(faults.some((fault) => fault.kind === 'server-crash' && fault.subject === `server/${server.name}`)
        ? [t('servers.will.crashHealed')]
        : []),
      t('servers.will.labels'),
      ...(mirrors.length === 0 ? [] : [t('servers.will.handshake', { mirrors: names(mirrors) })]),
      ...(volumes.length === 0 || mirrors.length > 0 ? [] : [t('servers.will.serves', { volumes: names(volumes) })]),
    ],
    facts: [
      { label: t('servers.will.volumes'), value: names(volumes) || t('common.none') },
      { label: t('servers.will.mirrors'), value: names(mirrors) || t('common.none') },
    ],
    command: `lockstep server power-on ${server.name}`,
    confirm: null,
  };
}

function skipPeerWait(t: TFunction, server: Server, { volumes }: Lists): SheetContent {
  return {
    steps: [t('servers.will.skip', { volumes: waitingOn(server, volumes).join(', ') }), t('servers.will.skipRisk')],
    facts: [],
    warning: t('servers.will.skipWarning'),
    command: `lockstep server skip-peer-wait ${server.name} --yes`,
    confirm: server.name,
  };
}

/** What a change of power does to what the server serves now, before it does. */
export function PowerSheet({
  server,
  action,
  onClose,
}: {
  server: Server;
  action: ServerAction;
  onClose(): void;
}): ReactElement {
  const { t } = useTranslation();
  const volumes = useLive((state) => state.volumes);
  const mirrors = useLive((state) => state.mirrors);
  const workloads = useLive((state) => state.workloads);
  const faults = useLive((state) => state.faults);
  const act = useAction((typed: string | undefined) => {
    const input = { server: server.name, requestId: requestId() };
    const confirm = typed === undefined ? {} : { confirm: typed };
    switch (action) {
      case 'power-off':
        return rpc().server.powerOff({ ...input, ...confirm });
      case 'power-on':
        return rpc().server.powerOn(input);
      case 'skip-peer-wait':
        return rpc().server.skipPeerWait({ ...input, ...confirm });
    }
  });
  const dependents = dependentsOf(server, { volumes, mirrors, workloads });
  const lists = { volumes, faults };
  const content =
    action === 'power-off'
      ? powerOff(t, server, dependents)
      : action === 'power-on'
        ? powerOn(t, server, dependents, lists)
        : skipPeerWait(t, server, lists);
  return (
    <PreviewSheet
      title={t(`servers.actions.${action}.sheet`, { server: server.name })}
      actionLabel={t(`servers.actions.${action}.label`)}
      danger={action !== 'power-on'}
      content={content}
      error={act.error === null ? null : explain(act.error)}
      busy={act.isPending}
      onConfirm={(typed) => act.mutate(typed, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}

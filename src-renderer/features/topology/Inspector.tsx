import { Button } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useLive } from '../../client/index.ts';
import {
  Facts,
  HealthBadge,
  Icon,
  ImageStateBadge,
  Panel,
  ServerStateBadge,
  sentence,
  units,
  type Fact,
} from '../../shared/index.ts';
import type { Thing, ThingAction } from './things.ts';
import classes from './topology.module.css';

function useFacts(thing: Thing): readonly Fact[] {
  const { t } = useTranslation();
  const state = useLive();
  switch (thing.kind) {
    case 'site': {
      const site = state.sites.find((one) => one.name === thing.name);
      if (site === undefined) return [];
      return [
        { label: t('common.state'), value: t(`site.state.${site.state}`) },
        { label: t('topology.clusters'), value: site.clusters.join(', ') || t('common.none') },
        { label: t('topology.servers'), value: site.servers.join(', ') || t('common.none') },
        { label: t('topology.arrays'), value: site.arrays.join(', ') || t('common.none') },
        {
          label: t('site.capacity'),
          value: t('site.used', { used: units.bytes(site.usedBytes), size: units.bytes(site.sizeBytes) }),
        },
      ];
    }
    case 'server': {
      const server = state.servers.find((one) => one.name === thing.name);
      if (server === undefined) return [];
      return [
        { label: t('common.state'), value: <ServerStateBadge state={server.state} quiet /> },
        { label: t('topology.health'), value: <HealthBadge health={server.health} quiet /> },
        ...(server.cause === null ? [] : [{ label: t('topology.cause'), value: sentence(server.cause) }]),
        { label: t('server.heartbeat'), value: units.durationMs(server.heartbeatAgeMs) },
        { label: t('server.cp'), value: units.count(server.cp.committed), mono: true },
        { label: t('topology.pools'), value: server.pools.join(', ') || t('common.none') },
        { label: t('topology.volumes'), value: units.count(server.volumes) },
      ];
    }
    case 'array': {
      const array = state.arrays.find((one) => one.name === thing.name);
      if (array === undefined) return [];
      const bad = array.disks.filter((disk) => disk.state === 'failed' || disk.state === 'missing');
      return [
        { label: t('topology.health'), value: <HealthBadge health={array.health} quiet /> },
        { label: t('topology.disks'), value: units.count(array.disks.length) },
        {
          label: t('topology.badDisks'),
          value: bad.length === 0 ? t('common.none') : bad.map((disk) => disk.slot).join(', '),
        },
        { label: t('topology.pools'), value: array.pools.join(', ') || t('common.none') },
      ];
    }
    case 'link': {
      const link = state.links.find((one) => one.name === thing.name);
      if (link === undefined) return [];
      return [
        { label: t('common.state'), value: t(`link.state.${link.state}`) },
        { label: t('topology.joins'), value: link.sites.join(' – ') },
        { label: t('topology.latency'), value: units.durationMs(link.latencyMs) },
        {
          label: t('topology.bandwidth'),
          value:
            link.bandwidthBytesPerSecond === null
              ? t('topology.unlimited')
              : units.bytesPerSecond(link.bandwidthBytesPerSecond),
        },
        { label: t('topology.queued'), value: units.bytes(link.traffic.queuedBytes) },
      ];
    }
    case 'arc':
      return state.mirrors
        .filter((mirror) => thing.mirrors.includes(mirror.name))
        .slice(0, 12)
        .map((mirror) => ({ label: mirror.name, value: <ImageStateBadge state={mirror.imageState} /> }));
  }
}

interface Props {
  thing: Thing | null;
  actions: readonly ThingAction[];
  onFault(action: Extract<ThingAction, { kind: 'fault' }>): void;
}

/** What is picked, in figures, with what can be done to it. */
export function Inspector({ thing, actions, onFault }: Props): ReactElement {
  const { t } = useTranslation();
  return (
    <aside className={classes['inspector']} aria-label={t('topology.inspector')}>
      {thing === null ? (
        <Panel title={t('topology.nothingPicked')}>
          <p className="dim">{t('topology.pick')}</p>
        </Panel>
      ) : (
        <Picked thing={thing} actions={actions} onFault={onFault} />
      )}
    </aside>
  );
}

function Picked({ thing, actions, onFault }: Props & { thing: Thing }): ReactElement {
  const { t } = useTranslation();
  const facts = useFacts(thing);
  return (
    <Panel
      title={thing.kind === 'arc' ? t('topology.relationships', { count: thing.mirrors.length }) : thing.name}
      hint={t(`topology.kind.${thing.kind}`)}
    >
      <Facts facts={facts} />
      {actions.length === 0 ? null : (
        <div className={classes['inspectorActions']}>
          {actions.map((action) =>
            action.kind === 'open' ? (
              <Button
                key={action.to}
                component={Link}
                to={action.to}
                variant="default"
                leftSection={<Icon name={action.icon} size={14} />}
              >
                {t('topology.open', { name: action.name })}
              </Button>
            ) : (
              <Button
                key={action.fault}
                variant="default"
                leftSection={<Icon name="faults" size={14} />}
                onClick={() => onFault(action)}
              >
                {t(`fault.${action.fault}.title`)}…
              </Button>
            ),
          )}
        </div>
      )}
    </Panel>
  );
}

import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../../client/index.ts';
import type { Fault } from '../../../src-engine/contract/index.ts';
import { sentence, units, type IconName, type Tone } from '../../shared/index.ts';

export interface Alert {
  id: string;
  tone: Tone;
  icon: IconName;
  text: string;
  to: string;
}

/** The fault with its figure in units for people. */
function faultText(t: TFunction, fault: Fault): string {
  const { bytesPerSecond, latencyMs, seconds } = fault.parameters;
  const figure =
    bytesPerSecond !== undefined
      ? units.bytesPerSecond(bytesPerSecond)
      : latencyMs !== undefined
        ? units.durationMs(latencyMs)
        : units.durationSeconds(seconds);
  const subject = fault.subject.split('/').at(-1) ?? fault.subject;
  const what = t(`fault.${fault.kind}.title`);
  return figure === '–' ? t('alerts.fault', { what, subject }) : t('alerts.faultOf', { what, subject, figure });
}

/** What is wrong now, worst first: servers, relationships, workloads, links and injected faults as the engine states them. */
export function useAlerts(): readonly Alert[] {
  const { t } = useTranslation();
  const servers = useLive((state) => state.servers);
  const mirrors = useLive((state) => state.mirrors);
  const volumes = useLive((state) => state.volumes);
  const faults = useLive((state) => state.faults);
  return useMemo(() => {
    const alerts: Alert[] = [];
    for (const server of servers) {
      if (server.state === 'down') {
        const text = t('alerts.serverDown', { server: server.name, cause: sentence(server.cause ?? '') });
        alerts.push({ id: server.id, tone: 'bad', icon: 'server', text, to: '/overview' });
      } else if (server.state === 'fenced' || server.nvlog.stalled) {
        const text = t(server.state === 'fenced' ? 'alerts.serverFenced' : 'alerts.writersWait', {
          server: server.name,
        });
        alerts.push({ id: server.id, tone: 'warn', icon: 'server', text, to: '/overview' });
      }
    }
    for (const mirror of mirrors) {
      const to = `/replication/${encodeURIComponent(mirror.name)}`;
      const state = t(`imageState.${mirror.imageState}`);
      const headline = mirror.conditions[0];
      const why = headline === undefined ? '' : t(`condition.${headline.code}`);
      const text = t('alerts.mirror', { mirror: mirror.name, state, why });
      if (mirror.imageState === 'Diverged' || mirror.imageState === 'OutOfSync') {
        alerts.push({ id: mirror.id, tone: 'bad', icon: 'replication', text, to });
      } else if (
        mirror.imageState === 'Outdated' ||
        (mirror.imageState === 'Consistent' && mirror.connection !== 'connected')
      ) {
        alerts.push({ id: mirror.id, tone: 'warn', icon: 'replication', text, to });
      }
    }
    for (const volume of volumes) {
      if (volume.state === 'suspended' || volume.state === 'failed') {
        const text = t('alerts.volume', { volume: volume.name, cause: volume.cause ?? volume.state });
        alerts.push({ id: volume.id, tone: 'bad', icon: 'disk', text, to: '/overview' });
      }
    }
    for (const fault of faults)
      alerts.push({ id: fault.id, tone: 'warn', icon: 'faults', text: faultText(t, fault), to: '/faults' });
    return alerts.sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
  }, [servers, mirrors, volumes, faults, t]);
}

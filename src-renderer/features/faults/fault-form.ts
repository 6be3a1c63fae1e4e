import type { FaultKind, FaultSpec, LabInfo } from '../../../src-engine/contract/index.ts';
import { useLive, type Lists } from '../../client/index.ts';

export type TargetNoun = 'server' | 'site' | 'link' | 'lab';

/** What each kind breaks and which figure it takes. */
export const kinds: Record<
  FaultKind,
  {
    target: TargetNoun;
    parameter: 'ms' | 'kibPerSecond' | 'seconds' | null;
    initial: number;
    /** Smallest value that means something; a clock may jump back. */
    least?: number;
    typed: boolean;
  }
> = {
  'server-crash': { target: 'server', parameter: null, initial: 0, typed: false },
  'site-loss': { target: 'site', parameter: null, initial: 0, typed: true },
  'link-cut': { target: 'link', parameter: null, initial: 0, typed: false },
  'link-latency': { target: 'link', parameter: 'ms', initial: 50, least: 0, typed: false },
  'link-bandwidth': { target: 'link', parameter: 'kibPerSecond', initial: 1024, least: 1, typed: false },
  'lab-power-loss': { target: 'lab', parameter: null, initial: 0, typed: true },
  'clock-jump': { target: 'lab', parameter: 'seconds', initial: 3600, typed: false },
};

export const kindNames = Object.keys(kinds) as readonly FaultKind[];

export function specOf(kind: FaultKind, target: string, parameter: number): FaultSpec {
  switch (kind) {
    case 'server-crash':
      return { kind, server: target };
    case 'site-loss':
      return { kind, site: target };
    case 'link-cut':
      return { kind, link: target };
    case 'link-latency':
      return { kind, link: target, latencyMs: parameter };
    case 'link-bandwidth':
      return { kind, link: target, bytesPerSecond: Math.round(parameter * 1024) };
    case 'lab-power-loss':
      return { kind };
    case 'clock-jump':
      return { kind, seconds: parameter };
  }
}

/** The same as a command line (interfaces.md). */
export function commandOf(kind: FaultKind, target: string, parameter: number): string {
  switch (kind) {
    case 'link-latency':
      return `lockstep fault inject ${kind} ${target} --ms ${parameter}`;
    case 'link-bandwidth':
      return `lockstep fault inject ${kind} ${target} --bandwidth ${parameter}KiB`;
    case 'clock-jump':
      return `lockstep fault inject ${kind} --seconds ${parameter}`;
    case 'lab-power-loss':
      return `lockstep fault inject ${kind} --yes`;
    default:
      return `lockstep fault inject ${kind} ${target}${kinds[kind].typed ? ' --yes' : ''}`;
  }
}

export function useTargets(noun: TargetNoun, info: LabInfo | undefined): readonly string[] {
  const servers = useLive((state) => state.servers);
  const sites = useLive((state) => state.sites);
  const links = useLive((state) => state.links);
  switch (noun) {
    case 'server':
      return servers.map((one) => one.name);
    case 'site':
      return sites.map((one) => one.name);
    case 'link':
      return links.map((one) => one.name);
    case 'lab':
      return info === undefined ? [] : [info.name];
  }
}

/** Names of servers, volumes and relationships that the fault touches, as the lab is wired now. */
export function touched(
  lists: Lists,
  kind: FaultKind,
  target: string,
): { servers: string[]; volumes: string[]; mirrors: string[] } {
  const sitesHit =
    kind === 'site-loss' ? [target] : kind === 'lab-power-loss' ? lists.sites.map((site) => site.name) : [];
  const serversHit = lists.servers
    .filter((server) => sitesHit.includes(server.site) || (kind === 'server-crash' && server.name === target))
    .map((server) => server.name);
  const volumesHit = lists.volumes
    .filter((volume) => volume.owner !== null && serversHit.includes(volume.owner))
    .map((volume) => volume.name);
  const link = lists.links.find((one) => one.name === target);
  const mirrorsHit = lists.mirrors.filter((mirror) => {
    const onVolume = volumesHit.includes(mirror.source.volume) || volumesHit.includes(mirror.destination.volume);
    const overLink =
      link !== undefined && link.sites.includes(mirror.source.site) && link.sites.includes(mirror.destination.site);
    return onVolume || overLink;
  });
  return { servers: serversHit, volumes: volumesHit, mirrors: mirrorsHit.map((mirror) => mirror.name) };
}

import type { Fault, Mirror, Server, Volume, Workload } from '../../../src-engine/contract/index.ts';

/** The verbs of the command line, in the order in which they are offered. */
export const SERVER_ACTIONS = ['power-off', 'power-on', 'skip-peer-wait'] as const;
export type ServerAction = (typeof SERVER_ACTIONS)[number];

export type PowerRefusal = 'down' | 'up' | 'not-waiting' | 'site-lost' | 'lab-power';

/** Volumes of the server that wait for the handshake with an absent peer. */
export function waitingOn(server: Server, volumes: readonly Volume[]): readonly string[] {
  return volumes
    .filter((volume) => volume.owner === server.name && volume.state === 'waiting')
    .map((volume) => volume.name);
}

/** Why an action makes no sense in the state that the engine reports; null where it does. The engine has the last word. */
export function refusalOf(
  action: ServerAction,
  server: Server,
  volumes: readonly Volume[],
  faults: readonly Fault[],
): PowerRefusal | null {
  switch (action) {
    case 'power-off':
      return server.state === 'down' ? 'down' : null;
    case 'power-on':
      if (server.state !== 'down') return 'up';
      if (faults.some((fault) => fault.subject === `site/${server.site}`)) return 'site-lost';
      return faults.some((fault) => fault.kind === 'lab-power-loss') ? 'lab-power' : null;
    case 'skip-peer-wait':
      return waitingOn(server, volumes).length === 0 ? 'not-waiting' : null;
  }
}

export interface Dependents {
  /** In its pools. */
  volumes: readonly Volume[];
  mirrors: readonly Mirror[];
  workloads: readonly Workload[];
}

/** What stands or falls with the server: volumes in its pools, relationships of those, workloads that now write to them. */
export function dependentsOf(
  server: Server,
  lists: { volumes: readonly Volume[]; mirrors: readonly Mirror[]; workloads: readonly Workload[] },
): Dependents {
  const volumes = lists.volumes.filter((volume) => server.pools.includes(volume.pool));
  const has = (name: string): boolean => volumes.some((volume) => volume.name === name);
  return {
    volumes,
    mirrors: lists.mirrors.filter((mirror) => has(mirror.source.volume) || has(mirror.destination.volume)),
    workloads: lists.workloads.filter((one) => has(one.volume) && one.state === 'running'),
  };
}

/** The far volume of a relationship as seen from a server that holds the other. */
export function farSide(mirror: Mirror, own: readonly Volume[]): Mirror['source'] {
  return own.some((volume) => volume.name === mirror.source.volume) ? mirror.destination : mirror.source;
}

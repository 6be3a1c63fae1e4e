import { lazy } from 'react';
import { useTranslation } from 'react-i18next';
import type { Command, Feature, RailCount } from '../../app/feature.ts';
import { useLive } from '../../client/index.ts';
import { refusalOf, SERVER_ACTIONS } from './power.ts';

const Servers = lazy(async () => ({ default: (await import('./ServersPage.tsx')).ServersPage }));
const Server = lazy(async () => ({ default: (await import('./ServerPage.tsx')).ServerPage }));

function useCount(): RailCount {
  const { t } = useTranslation();
  const count = useLive((state) => state.servers.filter((server) => server.state !== 'up').length);
  return { count, tone: 'bad', label: t('servers.notUp', { count }) };
}

function useCommands(): readonly Command[] {
  const { t } = useTranslation();
  const servers = useLive((state) => state.servers);
  const volumes = useLive((state) => state.volumes);
  const faults = useLive((state) => state.faults);
  return servers.flatMap((server): Command[] => {
    const to = `/servers/${encodeURIComponent(server.name)}`;
    return [
      {
        id: server.id,
        icon: 'server',
        title: t('servers.command', { server: server.name }),
        group: 'thing',
        to,
        hint: t(`serverState.${server.state}`),
      },
      ...SERVER_ACTIONS.filter((action) => refusalOf(action, server, volumes, faults) === null).map(
        (action): Command => ({
          id: `${server.id} ${action}`,
          icon: 'arrow',
          title: t(`servers.actions.${action}.sheet`, { server: server.name }),
          group: 'action',
          to: `${to}?do=${action}`,
        }),
      ),
    ];
  });
}

export const servers = {
  place: 'servers',
  letter: 'n',
  routes: [
    { path: '/servers', element: <Servers /> },
    { path: '/servers/:server', element: <Server /> },
  ],
  useCount,
  useCommands,
} as const satisfies Feature;

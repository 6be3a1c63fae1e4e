import { lazy } from 'react';
import { useTranslation } from 'react-i18next';
import type { Command, Feature, RailCount } from '../../app/feature.ts';
import { useLive } from '../../client/index.ts';

const Replication = lazy(async () => ({ default: (await import('./ReplicationPage.tsx')).ReplicationPage }));
const Relationship = lazy(async () => ({ default: (await import('./RelationshipPage.tsx')).RelationshipPage }));

function useCount(): RailCount {
  const { t } = useTranslation();
  const count = useLive((state) => state.mirrors.filter((mirror) => mirror.imageState !== 'Synchronized').length);
  return { count, tone: 'warn', label: t('rail.notSynchronized', { count }) };
}

function useCommands(): readonly Command[] {
  const { t } = useTranslation();
  const mirrors = useLive((state) => state.mirrors);
  return mirrors.flatMap((mirror): Command[] => {
    const to = `/replication/${encodeURIComponent(mirror.name)}`;
    const hint = t(`imageState.${mirror.imageState}`);
    const actions = mirror.actions.filter(({ allowed, refusal }) => allowed || refusal?.overridable === true);
    return [
      { id: mirror.id, icon: 'replication', title: mirror.name, group: 'relationship', to, hint },
      ...actions.map(({ action }): Command => ({
        id: `${mirror.id} ${action}`,
        icon: 'arrow',
        title: t('sheet.title', { action: t(`action.${action}.label`), mirror: mirror.name }),
        group: 'action',
        to: `${to}?do=${action}`,
      })),
    ];
  });
}

export const replication = {
  place: 'replication',
  letter: 'r',
  routes: [
    { path: '/replication', element: <Replication /> },
    { path: '/replication/:mirror', element: <Relationship /> },
  ],
  useCount,
  useCommands,
} as const satisfies Feature;

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../client/index.ts';
import type { IconName } from '../shared/index.ts';

/** Pages by the letter that follows `g`. */
export const PLACE_KEYS = {
  o: 'overview',
  r: 'replication',
  c: 'recovery',
  f: 'faults',
  e: 'events',
} as const;

export interface Command {
  id: string;
  icon: IconName;
  /** What it does, for people. */
  title: string;
  group: 'go' | 'relationship' | 'action';
  to: string;
  hint?: string;
}

/**
 * Everything one can jump to or do now. An action leads to its sheet, never past it; what the engine refuses in the present
 * state is not offered here (its page says why).
 */
export function useCommands(): readonly Command[] {
  const { t } = useTranslation();
  const mirrors = useLive((state) => state.mirrors);
  return useMemo(() => {
    const commands: Command[] = Object.entries(PLACE_KEYS).map(([key, place]) => ({
      id: place,
      icon: place,
      title: t(`rail.${place}`),
      group: 'go',
      to: `/${place}`,
      hint: `g ${key}`,
    }));
    for (const mirror of mirrors) {
      const to = `/replication/${encodeURIComponent(mirror.name)}`;
      commands.push({
        id: mirror.id,
        icon: 'replication',
        title: mirror.name,
        group: 'relationship',
        to,
        hint: t(`imageState.${mirror.imageState}`),
      });
      for (const { action, allowed, refusal } of mirror.actions) {
        if (!allowed && refusal?.overridable !== true) continue;
        commands.push({
          id: `${mirror.id} ${action}`,
          icon: 'arrow',
          title: t('sheet.title', { action: t(`action.${action}.label`), mirror: mirror.name }),
          group: 'action',
          to: `${to}?do=${action}`,
        });
      }
    }
    return commands;
  }, [mirrors, t]);
}

/** Those whose title holds every word typed, in any order. Pure. */
export function matching(commands: readonly Command[], typed: string): readonly Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return commands.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)));
}

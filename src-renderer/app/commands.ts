import { useTranslation } from 'react-i18next';
import type { Command, Feature } from './feature.ts';
import { features } from './features.ts';

const noCommands = (): readonly Command[] => [];

/**
 * Everything one can jump to or do now: the pages, then what each feature offers. What the engine refuses in the present
 * state is not offered here (its page says why).
 */
export function useCommands(): readonly Command[] {
  const { t } = useTranslation();
  const pages = features.map(({ place, letter }): Command => ({
    id: place,
    icon: place,
    title: t(`rail.${place}`),
    group: 'go',
    to: `/${place}`,
    hint: `g ${letter}`,
  }));
  // The list of features never changes while the console runs: every render calls the same hooks in the same order.
  const offered = features.flatMap((feature: Feature) => (feature.useCommands ?? noCommands)());
  return [...pages, ...offered];
}

/** Those whose title holds every word typed, in any order. Pure. */
export function matching(commands: readonly Command[], typed: string): readonly Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return commands.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)));
}

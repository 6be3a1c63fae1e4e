import type { ComponentType } from 'react';
import type { RouteObject } from 'react-router';
import type { IconName, Tone } from '../shared/index.ts';

/** Something one can jump to or do now. An action leads to its sheet, never past it. */
export interface Command {
  id: string;
  icon: IconName;
  /** What it does, for people. */
  title: string;
  group: CommandGroup;
  /** An address; one that begins with `?` stays on the present page and is added to its address. */
  to: string;
  hint?: string;
}
/** Sections of the palette, in order. */
export const COMMAND_GROUPS = ['go', 'relationship', 'thing', 'action'] as const;
export type CommandGroup = (typeof COMMAND_GROUPS)[number];

/** A count beside a page's name in the rail; nothing is drawn for zero. */
export interface RailCount {
  count: number;
  tone: Tone;
  /** The count in words. */
  label: string;
}

/**
 * One noun of the console: a folder below `features/`. The shell knows pages only through this: a new feature is its
 * folder, its line in `features.ts` and its text in `text/i18n.ts`.
 */
export interface Feature {
  /** Address, icon and key of its name in the rail, all in one word. */
  readonly place: IconName;
  /** The letter that follows `g`. */
  readonly letter: string;
  /** Pages come on demand: the shell and the connection are the first paint. The first is that of `/<place>`. */
  readonly routes: readonly RouteObject[];
  /** A hook, called at every render of the rail. */
  readonly useCount?: () => RailCount;
  /** A hook, called at every render of the palette: what is refused now is left out (its page says why). */
  readonly useCommands?: () => readonly Command[];
  /** Stands over whatever page is open, while a lab is: the sheets that the address asks for. */
  readonly Overlay?: ComponentType;
}

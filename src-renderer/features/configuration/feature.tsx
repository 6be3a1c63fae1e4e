import { lazy, Suspense, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import type { Command, Feature } from '../../app/feature.ts';
import { useLive } from '../../client/index.ts';
import { CREATIONS, sheetAddress, sheetIn, sheetsOf, wordsKey, type Noun, type SheetName } from './sheets.ts';

const Settings = lazy(async () => ({ default: (await import('./SettingsPage.tsx')).SettingsPage }));
const Sheets = lazy(async () => ({ default: (await import('./Sheets.tsx')).Sheets }));

/** The open sheet, over whatever page is behind it. */
function Overlay(): ReactElement | null {
  const [search] = useSearchParams();
  const open = sheetIn(search);
  if (open === null) return null;
  return (
    <Suspense fallback={null}>
      <Sheets key={`${open.name} ${open.of ?? ''}`} open={open} />
    </Suspense>
  );
}

/** In the palette a name leads to what can be changed of it; renaming and deleting say what they are about. */
function useCommands(): readonly Command[] {
  const { t } = useTranslation();
  const lists = {
    site: useLive((state) => state.sites),
    cluster: useLive((state) => state.clusters),
    server: useLive((state) => state.servers),
    link: useLive((state) => state.links),
    array: useLive((state) => state.arrays),
    pool: useLive((state) => state.pools),
    volume: useLive((state) => state.volumes),
    mirror: useLive((state) => state.mirrors),
  };
  const creations = CREATIONS.map((sheet): Command => ({
    id: sheet,
    icon: 'plus',
    title: t(`config.sheet.${sheet}.button`),
    group: 'action',
    to: sheetAddress(sheet),
  }));
  const ofThings = (Object.keys(lists) as Noun[]).flatMap((noun) =>
    lists[noun].flatMap(({ name }) =>
      sheetsOf(noun)
        .filter((sheet) => !sheet.startsWith('create-'))
        .map((sheet: SheetName): Command => ({
          id: `${sheet} ${name}`,
          icon: 'arrow',
          title: t(`config.sheet.${wordsKey(sheet) as 'rename'}.title`, { what: t(`config.noun.${noun}`), name }),
          group: 'action',
          to: sheetAddress(sheet, name),
        })),
    ),
  );
  return [...creations, ...ofThings];
}

export const configuration = {
  place: 'settings',
  letter: 's',
  routes: [{ path: '/settings', element: <Settings /> }],
  useCommands,
  Overlay,
} as const satisfies Feature;

import { notifications } from '@mantine/notifications';
import { useTranslation } from 'react-i18next';
import type { Noun } from './sheets.ts';

/** Says in the corner what was done: the sheet is gone by then. */
export function useSaid(): (what: 'created' | 'changed' | 'deleted', noun: Noun, name: string) => void {
  const { t } = useTranslation();
  return (what, noun, name) =>
    void notifications.show({ message: t(`config.${what}`, { what: t(`config.noun.${noun}`), name }) });
}

import { Modal } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { features } from './features.ts';
import classes from './shell.module.css';

export function KeyboardHelp({ onClose }: { onClose(): void }): ReactElement {
  const { t } = useTranslation();
  const rows: readonly (readonly [string, string])[] = [
    ['Ctrl K', t('keys.palette')],
    ...features.map(({ letter, place }) => [`g ${letter}`, t('keys.goTo', { place: t(`rail.${place}`) })] as const),
    ['j', t('keys.jobs')],
    ['?', t('keys.help')],
    ['Esc', t('keys.close')],
  ];
  return (
    <Modal opened onClose={onClose} title={t('keys.title')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <dl className={classes['keys']}>
        {rows.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

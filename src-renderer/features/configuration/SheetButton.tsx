import { Button, Menu } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useStale, Icon } from '../../shared/index.ts';
import { sheetsOf, useSheet, wordsKey, type Noun, type SheetName } from './sheets.ts';
import classes from './configuration.module.css';

interface Props {
  sheet: SheetName;
  /** What it is about, by name: see `OpenSheet`. */
  of?: string;
  variant?: 'default' | 'filled' | 'light' | 'subtle';
  compact?: boolean;
}

/** Opens one of the sheets; its words and its icon are always the same. */
export function SheetButton({ sheet, of, variant = 'default', compact = false }: Props): ReactElement {
  const { t } = useTranslation();
  const open = useSheet();
  const stale = useStale();
  const makes = sheet.startsWith('create-') || sheet === 'protect-volume';
  return (
    <Button
      variant={variant}
      {...(compact ? { size: 'compact-xs' } : {})}
      disabled={stale}
      leftSection={makes ? <Icon name="plus" size={13} /> : null}
      onClick={() => open(sheet, of)}
    >
      {t(`config.sheet.${wordsKey(sheet)}.button`)}
    </Button>
  );
}

/** A button with everything that can be made here: for places where several things may be next. */
export function CreateMenu({ sheets, of }: { sheets: readonly SheetName[]; of?: string }): ReactElement {
  const { t } = useTranslation();
  const open = useSheet();
  const stale = useStale();
  return (
    <Menu position="bottom-end" transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <Button
          variant="default"
          disabled={stale}
          leftSection={<Icon name="plus" size={13} />}
          rightSection={<Icon name="chevron-down" size={12} />}
        >
          {t('config.create')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {sheets.map((sheet) => (
          <Menu.Item key={sheet} onClick={() => open(sheet, of)}>
            {t(`config.sheet.${wordsKey(sheet)}.button`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Three dots beside a thing: what can be changed of it. The same list opens by right-click where a table offers it. */
export function ThingMenu({ noun, name }: { noun: Noun; name: string }): ReactElement {
  const { t } = useTranslation();
  const open = useSheet();
  const stale = useStale();
  return (
    <Menu position="bottom-end" floatingStrategy="fixed" transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <button
          type="button"
          className={classes['dots']}
          aria-label={t('config.moreOf', { name })}
          title={t('config.moreOf', { name })}
          data-row-menu=""
          disabled={stale}
          onClick={(event) => event.stopPropagation()}
        >
          <Icon name="more" />
        </button>
      </Menu.Target>
      <Menu.Dropdown onClick={(event) => event.stopPropagation()}>
        {sheetsOf(noun).map((sheet) => (
          <Menu.Item
            key={sheet}
            {...(sheet.startsWith('delete-') ? { color: 'var(--bad)' } : {})}
            onClick={() => open(sheet, name)}
          >
            {t(`config.sheet.${wordsKey(sheet)}.button`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

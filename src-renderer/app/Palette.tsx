import { Modal, TextInput } from '@mantine/core';
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useSearchParams } from 'react-router';
import { Icon } from '../shared/index.ts';
import { matching, useCommands } from './commands.ts';
import type { Command } from './feature.ts';
import classes from './shell.module.css';

/** What a page keeps in its address while a sheet opens over it. */
const kept = (search: URLSearchParams): [string, string][] =>
  [...search].filter(([key]) => key !== 'sheet' && key !== 'of');

/** Jump anywhere, open any allowed action: type, arrow keys, Enter. */
export function Palette({ onClose }: { onClose(): void }): ReactElement {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const list = useId();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const found = matching(useCommands(), typed);
  const active = Math.min(at, found.length - 1);
  const current = useRef<HTMLLIElement>(null);
  useEffect(() => {
    // Newer browsers answer with a promise, which is no clean-up.
    current.current?.scrollIntoView?.({ block: 'nearest' });
  }, [active]);
  const run = (command: Command | undefined): void => {
    if (command === undefined) return;
    onClose();
    const stays = command.to.startsWith('?');
    void navigate(
      stays ? `?${new URLSearchParams([...kept(search), ...new URLSearchParams(command.to)])}` : command.to,
    );
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      setAt((active + step + found.length) % found.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(found[active]);
    }
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('palette.title')}
      size="lg"
      yOffset="12vh"
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <TextInput
        aria-label={t('palette.title')}
        placeholder={t('palette.placeholder')}
        role="combobox"
        aria-expanded
        aria-controls={list}
        {...(found.length === 0 ? {} : { 'aria-activedescendant': `${list}-${active}` })}
        aria-autocomplete="list"
        autoComplete="off"
        spellCheck={false}
        data-autofocus
        leftSection={<Icon name="search" size={14} />}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id={list} role="listbox" aria-label={t('palette.found')} className={classes['commands']}>
        {found.map((command, index) => (
          <li
            key={command.id}
            id={`${list}-${index}`}
            ref={index === active ? current : null}
            role="option"
            aria-selected={index === active}
            onPointerMove={() => setAt(index)}
            onClick={() => run(command)}
          >
            <Icon name={command.icon} size={14} />
            <span>{command.title}</span>
            <span className={classes['commandHint']}>{command.hint ?? t(`palette.group.${command.group}`)}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 ? <p className="dim">{t('common.nothingMatches')}</p> : null}
    </Modal>
  );
}

import { Button, Modal, TextInput } from '@mantine/core';
import { useState, type ReactElement, type ReactNode, type SyntheticEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Callout } from './Callout.tsx';
import { CopyButton } from './CopyButton.tsx';
import { Icon } from './Icon.tsx';
import { Facts, type Fact } from './layout.tsx';
import { useStale } from './stale.ts';
import classes from './shared.module.css';

export interface SheetContent {
  steps: readonly string[];
  facts: readonly Fact[];
  warning?: ReactNode;
  command: string;
  /** What must be typed; null where one more click is enough. */
  confirm: string | null;
  blocked?: ReactNode;
}

interface Props {
  title: string;
  actionLabel: string;
  danger: boolean;
  /** Null while the engine is being asked. */
  content: SheetContent | null;
  error: string | null;
  busy: boolean;
  extra?: ReactNode;
  onConfirm(typed: string | undefined): void;
  onClose(): void;
}

/** Shows exactly what will happen before it happens. Destructive actions ask for the name; an error keeps what was typed. */
export function PreviewSheet(props: Props): ReactElement {
  const { title, actionLabel, danger, content, error, busy, extra, onConfirm, onClose } = props;
  const { t } = useTranslation();
  const stale = useStale();
  const [typed, setTyped] = useState('');
  const needed = content?.confirm ?? null;
  const ready = !stale && content !== null && content.blocked === undefined && (needed === null || typed === needed);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (ready && !busy) onConfirm(needed === null ? undefined : typed);
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size="lg"
      centered
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form onSubmit={submit} className={classes['sheet']}>
        {extra}
        {content === null ? (
          error === null && !stale ? (
            <p className="dim">{t('sheet.asking')}</p>
          ) : null
        ) : (
          <>
            {content.warning === undefined ? null : <Callout tone={danger ? 'bad' : 'warn'}>{content.warning}</Callout>}
            {content.steps.length === 0 ? null : (
              <ol className={classes['sheetEffects']} aria-label={t('sheet.steps')}>
                {content.steps.map((step) => (
                  <li key={step} data-tone="accent">
                    <Icon name="arrow" size={14} />
                    <span>{step}</span>
                  </li>
                ))}
              </ol>
            )}
            {content.facts.length === 0 ? null : (
              <div className={classes['sheetFacts']}>
                <Facts facts={content.facts} />
              </div>
            )}
            {content.blocked}
            {needed === null || content.blocked !== undefined ? null : (
              <TextInput
                label={t('sheet.typeName', { name: needed })}
                value={typed}
                onChange={(event) => setTyped(event.currentTarget.value)}
                autoComplete="off"
                spellCheck={false}
                data-autofocus
              />
            )}
            <code className={classes['command']}>{content.command}</code>
          </>
        )}
        {stale ? (
          <Callout tone="warn" alert>
            {t('sheet.stale')}
          </Callout>
        ) : null}
        {error === null || stale ? null : (
          <Callout tone="bad" alert>
            {error}
          </Callout>
        )}
        <div className={classes['sheetFoot']}>
          {content === null ? null : <CopyButton text={content.command} label={t('sheet.copyCommand')} />}
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" color={danger ? 'brick' : 'iris'} disabled={!ready} loading={busy}>
            {actionLabel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

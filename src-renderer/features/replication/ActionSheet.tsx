import { SegmentedControl } from '@mantine/core';
import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Mirror, MirrorAction, MirrorPreview, SideName } from '../../../src-engine/contract/index.ts';
import { explain, useMirrorPreview } from '../../client/index.ts';
import { Callout, PreviewSheet, Time, units, type Fact, type SheetContent } from '../../shared/index.ts';
import { dangerous, useMirrorAction } from './mirror-action.ts';

interface Props {
  mirror: Mirror;
  action: MirrorAction;
  onClose(): void;
}

function useContent(mirror: Mirror, preview: MirrorPreview | undefined): SheetContent | null {
  const { t } = useTranslation();
  if (preview === undefined) return null;
  const { winner, overwritten, loss, lastSafe, expectedSeconds, kept, refusal } = preview;
  const facts: Fact[] = [];
  if (winner !== null) facts.push({ label: t('sheet.winner'), value: t('sheet.image', winner) });
  if (overwritten !== null) {
    const amount = { ...overwritten, regions: units.count(overwritten.regions), size: units.bytes(overwritten.bytes) };
    facts.push({ label: t('sheet.overwritten'), value: t('sheet.overwrittenValue', amount) });
  }
  if (loss !== null) {
    facts.push({
      label: t('sheet.loss'),
      value:
        loss.writes === 0
          ? t(loss.known ? 'sheet.noLoss' : 'sheet.unknownLoss')
          : t('sheet.lossValue', { writes: units.count(loss.writes), size: units.bytes(loss.bytes) }),
    });
  }
  if (lastSafe !== null) {
    facts.push({
      label: t('sheet.lastSafe'),
      value: (
        <>
          {t('sheet.lastSafeValue', { cp: units.count(lastSafe.cp), sequence: units.count(lastSafe.sequence) })}{' '}
          {lastSafe.at === null ? null : <Time at={lastSafe.at} />}
        </>
      ),
    });
  }
  if (kept !== null) facts.push({ label: t('sheet.kept'), value: kept });
  if (expectedSeconds !== null)
    facts.push({ label: t('sheet.expected'), value: units.durationSeconds(expectedSeconds) });
  const hardRefusal = refusal !== null && !refusal.overridable;
  const warning =
    refusal !== null && refusal.overridable
      ? `${refusal.code}: ${refusal.message}`
      : loss !== null && (!loss.known || loss.writes > 0)
        ? loss.text
        : undefined;
  return {
    steps: preview.steps,
    facts,
    command: preview.command,
    confirm: preview.needsConfirmation || refusal?.overridable === true ? mirror.name : null,
    ...(warning === undefined ? {} : { warning }),
    ...(hardRefusal
      ? { blocked: <Callout tone="warn" alert>{`${refusal.code}: ${refusal.message} ${refusal.hint}`}</Callout> }
      : {}),
  };
}

/** The engine says what would happen; only then can it be asked to do it. */
export function ActionSheet({ mirror, action, onClose }: Props): ReactElement {
  const { t } = useTranslation();
  const [keep, setKeep] = useState<SideName>('source');
  const preview = useMirrorPreview(mirror.name, action, action === 'resolve' ? keep : undefined);
  const act = useMirrorAction();
  const content = useContent(mirror, preview.data);
  const label = t(`action.${action}.label`);
  const error = act.error ?? preview.error;
  return (
    <PreviewSheet
      title={t('sheet.title', { action: label, mirror: mirror.name })}
      actionLabel={label}
      danger={dangerous.has(action)}
      content={content}
      error={error === null ? null : explain(error)}
      busy={act.isPending}
      extra={
        action === 'resolve' ? (
          <SegmentedControl
            aria-label={t('sheet.keep')}
            value={keep}
            onChange={(value) => setKeep(value === 'destination' ? 'destination' : 'source')}
            data={(['source', 'destination'] as const).map((side) => ({
              value: side,
              label: t('sheet.keepSide', mirror[side]),
            }))}
          />
        ) : undefined
      }
      onConfirm={(confirm) => act.mutate({ mirror: mirror.name, action, confirm, keep }, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}

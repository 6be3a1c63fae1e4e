import { useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { notifications } from '@mantine/notifications';
import type { LabSettingName, LabSettingsView } from '../../../src-engine/contract/index.ts';
import { rpc } from '../../client/index.ts';
import { FormSheet, text, type Field, type Values } from '../../shared/form/index.ts';
import { schemas } from './input.ts';
import { settingKinds, settingNames, shownSetting, typedSetting, useLabSettings } from './lab-settings.ts';
import type { SheetProps } from './TopologySheets.tsx';

function Form({ view, onClose }: { view: LabSettingsView; onClose(): void }): ReactElement {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const { settings, defaults, bounds } = view;
  const field = (name: LabSettingName): Field => {
    const kind = settingKinds[name];
    const label = t(`config.settings.${name}`);
    if (kind === 'choice') {
      const options =
        name === 'mirrorPolicy'
          ? (['availability', 'strict'] as const).map((value) => ({ value, label: t(`policy.${value}`) }))
          : (['auto', 'manual'] as const).map((value) => ({
              value,
              label: t(`config.mirror.recoveryOption.${value}`),
            }));
      return { kind, key: name, label, segments: true, options };
    }
    const bound = bounds[name];
    const value = Number(defaults[name]);
    const hint =
      name === 'resyncBytesPerSecond'
        ? t('config.settings.resyncHint')
        : bound === undefined
          ? t('config.settings.default', { value: shownSetting(value, name) })
          : t('config.settings.range', {
              from: shownSetting(bound.minimum, name),
              to: shownSetting(bound.maximum, name),
              value: shownSetting(value, name),
            });
    return { kind, key: name, label, hint };
  };
  const changed = (values: Values): LabSettingName[] =>
    settingNames.filter((name) => text(values, name) !== typedSetting(settings, name));
  return (
    <FormSheet
      id="set-lab"
      title={t('config.sheet.set-lab.title')}
      lead={t('config.sheet.set-lab.lead')}
      actionLabel={t('config.act.set')}
      schema={schemas.settings}
      initial={Object.fromEntries(settingNames.map((name) => [name, typedSetting(settings, name)]))}
      fields={() => settingNames.map(field)}
      shape={(flat) => ({
        settings: Object.fromEntries(
          Object.entries(flat).filter(([name, value]) => settings[name as LabSettingName] !== value),
        ),
      })}
      fieldOf={(path) => path.replace(/^settings\./, '')}
      command={(values) => {
        const pairs = changed(values).map((name) => ` --set ${name}=${text(values, name)}`);
        return `lockstep lab settings${pairs.join('')}`;
      }}
      onSubmit={async (input, requestId) => {
        queries.setQueryData(['lab', 'settings'], await rpc().lab.set({ ...input, requestId }));
        notifications.show({ message: t('config.settings.saved') });
      }}
      onClose={onClose}
    />
  );
}

/** Opens with the values as they are now; what others change meanwhile does not touch what is being typed. */
export function SetLab({ onClose }: SheetProps): ReactElement | null {
  const view = useLabSettings().data;
  return view === undefined ? null : <Form view={view} onClose={onClose} />;
}

import { SegmentedControl, useMantineColorScheme } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { explain, useLabInfo, useLive } from '../../client/index.ts';
import { Callout, CopyButton, Facts, Page, Panel, Time, units } from '../../shared/index.ts';
import { settingNames, shownSetting, useLabSettings } from './lab-settings.ts';
import { SheetButton } from './SheetButton.tsx';
import classes from './configuration.module.css';

function LabSettings(): ReactElement {
  const { t } = useTranslation();
  const { data, error } = useLabSettings();
  if (data === undefined)
    return error === null ? (
      <p className="dim">{t('common.loading')}</p>
    ) : (
      <Callout tone="warn">{explain(error)}</Callout>
    );
  return (
    <div className={classes['stack']}>
      <Facts
        facts={settingNames.map((name) => {
          const value = data.settings[name];
          return {
            label: t(`config.settings.${name}`),
            value:
              typeof value !== 'string'
                ? value === 0 && name === 'resyncBytesPerSecond'
                  ? t('config.settings.none')
                  : shownSetting(value, name)
                : value === 'availability' || value === 'strict'
                  ? t(`policy.${value}`)
                  : t(`config.mirror.recoveryOption.${value}`),
          };
        })}
      />
    </div>
  );
}

const schemes = ['auto', 'light', 'dark'] as const;

export function SettingsPage(): ReactElement {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const info = useLabInfo().data;
  const host = useLive((state) => state.host);
  return (
    <Page title={t('config.settings.title')} lead={t('config.settings.lead')}>
      <div className={classes['settings']}>
        <Panel
          title={t('config.settings.lab')}
          hint={t('config.settings.labHint')}
          actions={<SheetButton sheet="set-lab" compact />}
        >
          <LabSettings />
        </Panel>
        <div className={classes['column']}>
          <Panel title={t('config.settings.look')} hint={t('config.settings.lookHint')}>
            <SegmentedControl
              size="xs"
              aria-label={t('config.settings.theme')}
              value={colorScheme}
              onChange={(value) => setColorScheme(schemes.find((one) => one === value) ?? 'auto')}
              data={schemes.map((value) => ({ value, label: t(`theme.${value}`) }))}
            />
          </Panel>
          <Panel
            title={t('config.settings.directory')}
            actions={
              info === undefined ? null : (
                <CopyButton text={info.directory} label={t('config.settings.copyDirectory')} />
              )
            }
          >
            {info === undefined ? (
              <p className="dim">{t('common.loading')}</p>
            ) : (
              <Facts
                facts={[
                  { label: t('config.settings.lab'), value: info.name },
                  { label: t('config.settings.directory'), value: info.directory, mono: true },
                  { label: t('config.settings.format'), value: units.count(info.formatVersion) },
                  { label: t('config.settings.created'), value: <Time at={info.createdAt} full /> },
                  { label: t('config.settings.opened'), value: <Time at={info.openedAt} full /> },
                  { label: t('config.settings.used'), value: units.bytes(info.usedBytes) },
                  { label: t('config.settings.free'), value: units.bytes(info.freeBytes) },
                ]}
              />
            )}
          </Panel>
          <Panel title={t('config.settings.about')}>
            {host === null ? null : (
              <Facts
                facts={[
                  { label: t('config.settings.version'), value: `Lockstep ${host.version}` },
                  { label: t('config.settings.host'), value: t(`config.settings.hostKind.${host.host}`) },
                  { label: t('config.settings.starts'), value: units.count(host.engineStarts) },
                  { label: t('config.settings.lastCrash'), value: host.lastCrash ?? t('common.none') },
                  { label: t('config.settings.license'), value: 'MIT' },
                ]}
              />
            )}
          </Panel>
        </div>
      </div>
    </Page>
  );
}

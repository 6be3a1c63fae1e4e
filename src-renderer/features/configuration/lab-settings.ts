import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import type { LabSettingName, LabSettings, LabSettingsView } from '../../../src-engine/contract/index.ts';
import { rpc } from '../../client/index.ts';
import { units } from '../../shared/index.ts';

export type SettingKind = 'duration' | 'rate' | 'count' | 'choice';

/** In the order in which they are shown, and how each is written. */
export const settingKinds: Record<LabSettingName, SettingKind> = {
  cpIntervalMs: 'duration',
  peerWaitMs: 'duration',
  mirrorTimeoutMs: 'duration',
  strictTimeoutMs: 'duration',
  resyncBytesPerSecond: 'rate',
  mirrorPolicy: 'choice',
  mirrorRecovery: 'choice',
  keepEvents: 'count',
};
export const settingNames = Object.keys(settingKinds) as readonly LabSettingName[];

export function useLabSettings(): UseQueryResult<LabSettingsView> {
  return useQuery({ queryKey: ['lab', 'settings'], queryFn: () => rpc().lab.settings({}), retry: false });
}

/** As it may be typed again. */
export function typedSetting(settings: LabSettings, name: LabSettingName): string {
  const value = settings[name];
  if (typeof value === 'string') return value;
  const kind = settingKinds[name];
  return kind === 'duration' ? units.durationText(value) : kind === 'rate' ? units.sizeText(value) : String(value);
}

/** As it is read. */
export function shownSetting(value: number, name: LabSettingName): string {
  const kind = settingKinds[name];
  return kind === 'duration'
    ? units.durationMs(value)
    : kind === 'rate'
      ? units.bytesPerSecond(value)
      : units.count(value);
}

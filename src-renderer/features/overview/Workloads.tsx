import { Button, Select } from '@mantine/core';
import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Profile, Workload } from '../../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useAction, useLive } from '../../client/index.ts';
import { Badge, Callout, DenseTable, units, type Column, type IconName, type Tone } from '../../shared/index.ts';
import classes from './overview.module.css';

const look: Record<Workload['state'], { tone: Tone; icon: IconName }> = {
  running: { tone: 'ok', icon: 'play' },
  paused: { tone: 'warn', icon: 'pause' },
  stalled: { tone: 'warn', icon: 'clock' },
  stopped: { tone: 'idle', icon: 'dash' },
  interrupted: { tone: 'warn', icon: 'warning' },
  failed: { tone: 'bad', icon: 'cross-circle' },
};
const profiles: readonly Profile[] = ['mixed', 'random', 'sequential', 'hot-spot'];

/** The built-in workloads with their ledgers: start, stop, and the audit that proves no acknowledged write was lost. */
export function Workloads(): ReactElement {
  const { t } = useTranslation();
  const workloads = useLive((state) => state.workloads);
  const volumes = useLive((state) => state.volumes);
  const usable = volumes.filter((volume) => volume.state === 'serving').map((volume) => volume.name);
  const [volume, setVolume] = useState<string | null>(null);
  const [profile, setProfile] = useState<Profile>('mixed');
  const chosen = volume !== null && usable.includes(volume) ? volume : (usable[0] ?? null);
  const start = useAction((name: string) =>
    rpc().workload.start({ volume: name, profile, queueDepth: 4, ratePerSecond: 200, requestId: requestId() }),
  );
  const stop = useAction((id: string) => rpc().workload.stop({ workload: id, requestId: requestId() }));
  const audit = useAction(() => rpc().workload.audit({}));
  const columns: Column<Workload>[] = [
    { id: 'volume', title: t('common.volume'), value: (row) => row.volume, cell: (row) => <b>{row.volume}</b> },
    {
      id: 'state',
      title: t('common.state'),
      value: (row) => row.state,
      cell: (row) => (
        <Badge {...look[row.state]} quiet {...(row.cause === null ? {} : { title: row.cause })}>
          {t(`workload.state.${row.state}`)}
        </Badge>
      ),
      widthPx: 116,
    },
    { id: 'profile', title: t('workload.profile'), value: (row) => row.profile, widthPx: 100 },
    {
      id: 'rate',
      title: t('workload.rate'),
      value: (row) => row.operationsPerSecond,
      cell: (row) => `${units.si(row.operationsPerSecond)}/s`,
      align: 'right',
      widthPx: 84,
    },
    {
      id: 'acknowledged',
      title: t('workload.acknowledged'),
      value: (row) => row.acknowledgedWrites,
      cell: (row) => units.count(row.acknowledgedWrites),
      align: 'right',
      widthPx: 150,
    },
    {
      id: 'act',
      title: t('common.actions'),
      plain: true,
      value: () => '',
      align: 'right',
      widthPx: 84,
      cell: (row) =>
        row.state === 'running' || row.state === 'paused' || row.state === 'stalled' ? (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={t('workload.stopOn', { volume: row.volume })}
            onClick={() => stop.mutate(row.id)}
          >
            {t('workload.stop')}
          </Button>
        ) : null,
    },
  ];
  const error = start.error ?? stop.error ?? audit.error;
  const result = audit.data;
  const clean = result !== undefined && result.lost + result.torn + result.stale + result.misplaced === 0;
  return (
    <>
      <DenseTable
        label={t('workload.title')}
        rows={workloads.toReversed()}
        columns={columns}
        rowKey={(row) => row.id}
        empty={<p className={classes['pad']}>{t('workload.none')}</p>}
      />
      <div className={classes['workloadBar']}>
        <Select
          aria-label={t('common.volume')}
          data={usable}
          value={chosen}
          onChange={setVolume}
          w={150}
          allowDeselect={false}
        />
        <Select
          aria-label={t('workload.profile')}
          data={profiles.map((value) => ({ value, label: value }))}
          value={profile}
          onChange={(value) => setProfile(profiles.find((one) => one === value) ?? 'mixed')}
          w={120}
          allowDeselect={false}
        />
        <Button
          variant="default"
          disabled={chosen === null}
          loading={start.isPending}
          onClick={() => chosen !== null && start.mutate(chosen)}
        >
          {t('workload.start')}
        </Button>
        <Button
          variant="default"
          loading={audit.isPending}
          disabled={workloads.length === 0}
          onClick={() => audit.mutate(undefined)}
        >
          {t('workload.audit')}
        </Button>
      </div>
      {error === null ? null : (
        <div className={classes['pad']}>
          <Callout tone="bad" alert>
            {explain(error)}
          </Callout>
        </div>
      )}
      {result === undefined ? null : (
        <div className={classes['pad']} role="status">
          <Callout tone={clean ? 'ok' : 'bad'}>
            {t('workload.auditResult', {
              acknowledged: units.count(result.acknowledged),
              verified: units.count(result.verified),
              lost: result.lost,
              torn: result.torn,
              stale: result.stale,
              misplaced: result.misplaced,
            })}
          </Callout>
        </div>
      )}
    </>
  );
}

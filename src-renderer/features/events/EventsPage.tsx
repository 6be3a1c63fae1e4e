import { Button, Select, Switch, TextInput } from '@mantine/core';
import { useState, type ReactElement } from 'react';
import { useSearchParams } from 'react-router';
import { useTranslation } from 'react-i18next';
import type { LabEvent } from '../../../src-engine/contract/index.ts';
import {
  Callout,
  DenseTable,
  Icon,
  Page,
  Panel,
  SeverityBadge,
  saveFile,
  Time,
  severities,
  units,
  type Column,
} from '../../shared/index.ts';
import { useEvents, type Filter } from './use-events.ts';
import classes from './events.module.css';

const areas = ['mirror', 'server', 'link', 'volume', 'job', 'fault', 'workload', 'drill', 'alert', 'admin'] as const;

/** An alert that waits for somebody to say that it was seen. */
function isOpen({ severity, acknowledged }: LabEvent): boolean {
  return acknowledged === undefined && severities.indexOf(severity) <= severities.indexOf('warning');
}

export function EventsPage(): ReactElement {
  const { t } = useTranslation();
  const [search] = useSearchParams();
  const [filter, setFilter] = useState<Filter>({ severity: null, kind: null, open: search.has('open') });
  const [text, setText] = useState('');
  const [following, setFollowing] = useState(true);
  const { events, more, loading, error, older, acknowledge } = useEvents(filter, following);
  const [busy, setBusy] = useState(false);
  const waiting = events.filter(isOpen).map((one) => one.id);
  const seen = async (ids: readonly number[]): Promise<void> => {
    setBusy(true);
    await acknowledge(ids);
    setBusy(false);
  };
  const columns: Column<LabEvent>[] = [
    {
      id: 'id',
      title: t('events.id'),
      value: (row) => row.id,
      cell: (row) => <span className="mono">{row.id}</span>,
      align: 'right',
      widthPx: 76,
    },
    {
      id: 'at',
      title: t('common.time'),
      value: (row) => row.at,
      cell: (row) => <Time at={row.at} full />,
      widthPx: 164,
    },
    {
      id: 'severity',
      title: t('events.severity'),
      value: (row) => row.severity,
      cell: (row) => <SeverityBadge severity={row.severity} />,
      widthPx: 112,
    },
    {
      id: 'kind',
      title: t('events.kind'),
      value: (row) => row.kind,
      cell: (row) => <span className="mono">{row.kind}</span>,
      widthPx: 180,
      // Where it is narrow the words say more than the kind.
      hideBelowPx: 1060,
    },
    {
      id: 'subject',
      title: t('events.subject'),
      value: (row) => row.subject,
      cell: (row) => <span className="mono">{row.subject}</span>,
      widthPx: 150,
    },
    {
      id: 'message',
      title: t('common.what'),
      value: (row) => row.message,
      cell: (row) => <span title={row.message}>{row.message}</span>,
    },
    {
      id: 'acknowledged',
      title: t('events.acknowledged'),
      plain: true,
      value: (row) => row.acknowledged?.at ?? '',
      align: 'right',
      widthPx: 124,
      cell: (row) =>
        isOpen(row) ? (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={t('events.acknowledgeOne', { id: row.id })}
            disabled={busy}
            onClick={() => void seen([row.id])}
          >
            {t('events.acknowledge')}
          </Button>
        ) : row.acknowledged === undefined ? (
          ''
        ) : (
          <span className="dim" title={t('events.by', { who: row.acknowledged.by })}>
            <Icon name="check" size={12} /> <Time at={row.acknowledged.at} />
          </span>
        ),
    },
  ];
  return (
    <Page
      title={t('events.title')}
      lead={t('events.lead')}
      actions={
        <>
          <Button
            variant="default"
            disabled={waiting.length === 0}
            loading={busy}
            leftSection={<Icon name="check" size={14} />}
            onClick={() => void seen(waiting)}
          >
            {t('events.acknowledgeAll', { count: waiting.length })}
          </Button>
          <Button
            variant="default"
            disabled={events.length === 0}
            leftSection={<Icon name="down" size={14} />}
            onClick={() => saveFile('lockstep-events.json', 'application/json', JSON.stringify(events, null, 2))}
          >
            {t('events.export')}
          </Button>
        </>
      }
    >
      <Panel
        title={t('events.stream')}
        hint={t('events.loaded', { text: units.count(events.length) })}
        flush
        actions={
          <>
            <Switch
              size="xs"
              label={t('events.follow')}
              checked={following}
              onChange={(event) => setFollowing(event.currentTarget.checked)}
            />
            <Switch
              size="xs"
              label={t('events.openOnly')}
              checked={filter.open}
              onChange={(event) => setFilter({ ...filter, open: event.currentTarget.checked })}
            />
            <Select
              aria-label={t('events.minSeverity')}
              placeholder={t('events.minSeverity')}
              clearable
              w={150}
              data={severities.map((value) => ({ value, label: t(`severity.${value}`) }))}
              value={filter.severity}
              onChange={(value) => setFilter({ ...filter, severity: severities.find((one) => one === value) ?? null })}
            />
            <Select
              aria-label={t('events.area')}
              placeholder={t('events.area')}
              clearable
              w={110}
              data={[...areas]}
              value={filter.kind}
              onChange={(kind) => setFilter({ ...filter, kind })}
            />
            <TextInput
              aria-label={t('common.filter')}
              placeholder={t('common.filter')}
              leftSection={<Icon name="search" size={14} />}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
              w={150}
            />
          </>
        }
      >
        {error === null ? null : (
          <div className={classes['pad']}>
            <Callout tone="bad" alert>
              {error}
            </Callout>
          </div>
        )}
        <DenseTable
          label={t('events.title')}
          rows={events}
          columns={columns}
          rowKey={(row) => String(row.id)}
          filter={text}
          height="max(320px, calc(100vh - 250px))"
          empty={<p className={classes['pad']}>{loading ? t('common.loading') : t('common.nothingMatches')}</p>}
        />
        {more && events.length > 0 ? (
          <div className={classes['more']}>
            <Button variant="default" loading={loading} onClick={older}>
              {t('events.older')}
            </Button>
          </div>
        ) : null}
      </Panel>
    </Page>
  );
}

import { Button, Select, Switch, TextInput } from '@mantine/core';
import { useState, type ReactElement } from 'react';
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

export function EventsPage(): ReactElement {
  const { t } = useTranslation();
  const [filter, setFilter] = useState<Filter>({ severity: null, kind: null });
  const [text, setText] = useState('');
  const [following, setFollowing] = useState(true);
  const { events, more, loading, error, older } = useEvents(filter, following);
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
    },
    {
      id: 'subject',
      title: t('events.subject'),
      value: (row) => row.subject,
      cell: (row) => <span className="mono">{row.subject}</span>,
      widthPx: 180,
    },
    {
      id: 'message',
      title: t('common.what'),
      value: (row) => row.message,
      cell: (row) => <span title={row.message}>{row.message}</span>,
    },
  ];
  return (
    <Page
      title={t('events.title')}
      lead={t('events.lead')}
      actions={
        <Button
          variant="default"
          disabled={events.length === 0}
          leftSection={<Icon name="down" size={14} />}
          onClick={() => saveFile('lockstep-events.json', 'application/json', JSON.stringify(events, null, 2))}
        >
          {t('events.export')}
        </Button>
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
            <Select
              aria-label={t('events.minSeverity')}
              placeholder={t('events.minSeverity')}
              clearable
              w={170}
              data={severities.map((value) => ({ value, label: t(`severity.${value}`) }))}
              value={filter.severity}
              onChange={(value) => setFilter({ ...filter, severity: severities.find((one) => one === value) ?? null })}
            />
            <Select
              aria-label={t('events.area')}
              placeholder={t('events.area')}
              clearable
              w={130}
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
              w={190}
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

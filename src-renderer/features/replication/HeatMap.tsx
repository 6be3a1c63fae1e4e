import { ActionIcon } from '@mantine/core';
import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Mirror } from '../../../src-engine/contract/index.ts';
import { DenseTable, Icon, units, type Column } from '../../shared/index.ts';
import classes from './replication.module.css';

const STRETCHES = 256;
/** A single marked region must be seen: the faintest colour is far from none. */
const FAINTEST = 0.28;

interface Stretch {
  index: number;
  fromBytes: number;
  toBytes: number;
  share: number;
}

function stretchesOf({ regions, regionSizeBytes, heat }: Mirror['fractureLog']): Stretch[] {
  const count = heat.length === 0 ? Math.min(STRETCHES, regions) : heat.length;
  const size = (regions * regionSizeBytes) / Math.max(1, count);
  return Array.from({ length: count }, (_, index) => ({
    index,
    fromBytes: index * size,
    toBytes: (index + 1) * size,
    share: heat[index] ?? 0,
  }));
}

function shade(share: number): string {
  const strength = Math.round((FAINTEST + (1 - FAINTEST) * share) * 100);
  return `color-mix(in srgb, var(--warn-mark) ${strength}%, var(--raised))`;
}

/** Where in the volume the marks are: one cell per stretch, in reading order. The same stands in a table behind it. */
export function HeatMap({ fractureLog }: { fractureLog: Mirror['fractureLog'] }): ReactElement {
  const { t } = useTranslation();
  const [asTable, setAsTable] = useState(false);
  const stretches = stretchesOf(fractureLog);
  const marked = stretches.filter((one) => one.share > 0);
  const worst = marked.reduce((most, one) => Math.max(most, one.share), 0);
  const columns: Column<Stretch>[] = [
    {
      id: 'from',
      title: t('fractureLog.from'),
      value: (row) => row.fromBytes,
      cell: (row) => units.bytes(row.fromBytes),
    },
    {
      id: 'to',
      title: t('fractureLog.to'),
      value: (row) => row.toBytes,
      cell: (row) => units.bytes(row.toBytes),
      widthPx: 110,
    },
    {
      id: 'share',
      title: t('fractureLog.share'),
      value: (row) => row.share,
      cell: (row) => units.percent(row.share),
      align: 'right',
      widthPx: 100,
    },
  ];
  return (
    <div className={classes['heat']}>
      {asTable ? (
        <DenseTable
          label={t('fractureLog.asTable')}
          rows={marked}
          columns={columns}
          rowKey={(row) => `${row.index}`}
          height={200}
          empty={<p className={classes['pad']}>{t('fractureLog.none')}</p>}
        />
      ) : (
        <div
          className={classes['heatGrid']}
          role="img"
          aria-label={
            marked.length === 0
              ? t('fractureLog.heatEmpty')
              : t('fractureLog.heat', {
                  marked: marked.length,
                  stretches: stretches.length,
                  worst: units.percent(worst),
                })
          }
        >
          {stretches.map((one) => (
            <span
              key={one.index}
              className={classes['heatCell']}
              data-marked={one.share > 0 || undefined}
              style={one.share > 0 ? { background: shade(one.share) } : {}}
              title={
                one.share > 0
                  ? t('fractureLog.stretch', {
                      from: units.bytes(one.fromBytes),
                      to: units.bytes(one.toBytes),
                      share: units.percent(one.share),
                    })
                  : undefined
              }
            />
          ))}
        </div>
      )}
      <div className={classes['heatAxis']}>
        <span>0 B – {units.bytes(fractureLog.regions * fractureLog.regionSizeBytes)}</span>
        <span className={classes['heatScale']}>
          {t('fractureLog.less')} <i className={classes['heatCell']} />
          {[0.05, 0.5, 1].map((share) => (
            <i key={share} style={{ background: shade(share) }} />
          ))}{' '}
          {t('fractureLog.more')}
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-pressed={asTable}
            aria-label={t('fractureLog.asTable')}
            title={t('fractureLog.asTable')}
            onClick={() => setAsTable(!asTable)}
          >
            <Icon name={asTable ? 'chart' : 'table'} size={14} />
          </ActionIcon>
        </span>
      </div>
    </div>
  );
}

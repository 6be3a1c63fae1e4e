import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import type { Pool, StorageArray } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import {
  DenseTable,
  EmptyState,
  HealthBadge,
  Meter,
  Page,
  Panel,
  TableFilter,
  units,
  useTableAddress,
  type Column,
} from '../../shared/index.ts';
import { SheetButton, ThingMenu } from '../configuration/index.ts';
import { rawBytes, reasonsOf } from './capacity.ts';
import { useReasonWords } from './use-reason-words.ts';
import classes from './arrays.module.css';

const FULL_SOON = 0.85;

/** Used share of the usable bytes; null while no pool says how large it is. */
function usedShare(pools: readonly Pool[]): number | null {
  const size = pools.reduce((sum, pool) => sum + pool.sizeBytes, 0);
  return size === 0 ? null : pools.reduce((sum, pool) => sum + pool.usedBytes, 0) / size;
}

export function ArraysPage(): ReactElement {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const arrays = useLive((state) => state.arrays);
  const pools = useLive((state) => state.pools);
  const address = useTableAddress({ id: 'name', desc: false });
  const words = useReasonWords();
  const path = (array: StorageArray): string => `/arrays/${encodeURIComponent(array.name)}`;
  const of = new Map<string, Pool[]>();
  for (const pool of pools) of.set(pool.array, [...(of.get(pool.array) ?? []), pool]);
  const poolsOf = (array: StorageArray): readonly Pool[] => of.get(array.name) ?? [];
  const reason = (array: StorageArray): string => reasonsOf(array, poolsOf(array)).map(words).join(' ');
  const ok = (array: StorageArray): number =>
    array.disks.filter((disk) => disk.state === 'ok' || disk.state === 'unused').length;
  const columns: Column<StorageArray>[] = [
    {
      id: 'name',
      title: t('arrays.name'),
      value: (row) => row.name,
      cell: (row) => (
        <Link to={path(row)} className={classes['nameLink']} onClick={(event) => event.stopPropagation()}>
          {row.name}
        </Link>
      ),
      widthPx: 132,
    },
    {
      id: 'health',
      title: t('arrays.health'),
      value: (row) => t(`health.${row.health}`),
      cell: (row) => <HealthBadge health={row.health} />,
      widthPx: 116,
    },
    { id: 'site', title: t('arrays.site'), value: (row) => row.site, widthPx: 92 },
    {
      id: 'disks',
      title: t('arrays.disks'),
      value: (row) => row.disks.length,
      cell: (row) => t('arrays.disksOf', { ok: ok(row), all: row.disks.length }),
      widthPx: 118,
    },
    {
      id: 'pools',
      title: t('arrays.pools'),
      value: (row) => row.pools.join(', '),
      cell: (row) => (row.pools.length === 0 ? <span className="dim">–</span> : row.pools.join(', ')),
      widthPx: 112,
    },
    {
      id: 'raw',
      title: t('arrays.raw'),
      value: (row) => rawBytes(row),
      cell: (row) => units.bytes(rawBytes(row)),
      align: 'right',
      widthPx: 76,
    },
    {
      id: 'used',
      title: t('arrays.used'),
      value: (row) => usedShare(poolsOf(row)) ?? -1,
      cell: (row) => {
        const share = usedShare(poolsOf(row));
        return share === null ? (
          <span className="dim">–</span>
        ) : (
          <span className={classes['meterCell']}>
            <Meter
              label={t('arrays.usedOf', { array: row.name })}
              hideLabel
              share={share}
              tone={share > FULL_SOON ? 'warn' : 'accent'}
            />
          </span>
        );
      },
      widthPx: 122,
    },
    {
      id: 'reason',
      title: t('arrays.reason'),
      value: (row) => reason(row),
      cell: (row) => {
        const text = reason(row);
        return text === '' ? <span className="dim">{t('arrays.allWell')}</span> : <span title={text}>{text}</span>;
      },
    },
    {
      id: 'menu',
      title: t('common.actions'),
      plain: true,
      value: () => '',
      cell: (row) => <ThingMenu noun="array" name={row.name} />,
      align: 'right',
      widthPx: 56,
    },
  ];
  return (
    <Page title={t('arrays.title')} lead={t('arrays.lead')} actions={<SheetButton sheet="create-array" />}>
      <Panel title={t('arrays.list')} flush actions={<TableFilter address={address} />}>
        {arrays.length === 0 ? (
          <EmptyState icon="arrays" title={t('arrays.emptyTitle')} action={<SheetButton sheet="create-array" />}>
            {t('arrays.emptyText')}
          </EmptyState>
        ) : (
          <DenseTable
            label={t('arrays.title')}
            rows={arrays}
            columns={columns}
            rowKey={(row) => row.id}
            address={address}
            onOpen={(row) => void navigate(path(row))}
            empty={<p className={classes['pad']}>{t('common.nothingMatches')}</p>}
            {...(arrays.length > 20 ? { height: 'calc(100vh - 220px)' } : {})}
          />
        )}
      </Panel>
    </Page>
  );
}

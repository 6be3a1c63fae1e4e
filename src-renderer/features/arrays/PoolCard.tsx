import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Pool, StorageArray, Volume } from '../../../src-engine/contract/index.ts';
import { Facts, HealthBadge, units } from '../../shared/index.ts';
import { ThingMenu } from '../configuration/index.ts';
import { contentOf, groupOf } from './capacity.ts';
import { BarLegend, StackedBar, type Segment } from './StackedBar.tsx';
import classes from './arrays.module.css';

const FILLS = ['content', 'content-2', 'content-3'] as const;

function useSegments(pool: Pool, volumes: readonly Volume[], group: number | null): readonly Segment[] {
  const { t } = useTranslation();
  const content = contentOf(pool, volumes);
  const segments: Segment[] = content.volumes.map((volume, index) => ({
    id: volume.id,
    label: volume.name,
    bytes: volume.usedBytes,
    fill: FILLS[index % FILLS.length] ?? 'content',
    group,
  }));
  segments.push(
    {
      id: 'other',
      label: t('arrays.pool.other'),
      bytes: content.otherBytes,
      fill: 'other',
      group,
      title: t('arrays.pool.otherText'),
    },
    {
      id: 'reserve',
      label: t('arrays.pool.reserve'),
      bytes: pool.reserveBytes,
      fill: 'reserve',
      group,
      title: t('arrays.pool.reserveText'),
    },
    { id: 'free', label: t('arrays.pool.free'), bytes: pool.freeBytes, fill: 'free', group },
  );
  return segments;
}

/** One pool: how it is bound, who owns it, and what its bytes are. */
export function PoolCard({
  array,
  pool,
  volumes,
}: {
  array: StorageArray;
  pool: Pool;
  volumes: readonly Volume[];
}): ReactElement {
  const { t } = useTranslation();
  const group = groupOf(array, pool.name);
  const segments = useSegments(pool, volumes, group);
  return (
    <section className={classes['pool']} aria-label={pool.name} data-group={group ?? undefined}>
      <header>
        <i />
        <h3>{pool.name}</h3>
        <HealthBadge health={pool.health} quiet />
        <span className="dim">
          {t(`raid.${pool.level}`)}, {t(`arrays.pool.survives.${pool.level}`)}
        </span>
        <span className={classes['poolMenu']}>
          <ThingMenu noun="pool" name={pool.name} />
        </span>
      </header>
      <div className={classes['poolBody']}>
        <Facts
          facts={[
            {
              label: t('arrays.pool.owner'),
              value:
                pool.owner === null ? (
                  t('arrays.pool.noOwner')
                ) : (
                  <Link className={classes['nameLink']} to={`/servers/${encodeURIComponent(pool.owner)}`}>
                    {pool.owner}
                  </Link>
                ),
            },
            { label: t('arrays.pool.epoch'), value: units.count(pool.owner === null ? null : pool.epoch), mono: true },
            { label: t('arrays.pool.cp'), value: units.count(pool.owner === null ? null : pool.cp), mono: true },
            { label: t('arrays.pool.slots'), value: pool.slots.join(', '), mono: true },
            { label: t('arrays.pool.size'), value: units.bytes(pool.sizeBytes === 0 ? null : pool.sizeBytes) },
          ]}
        />
        <div className={classes['poolCapacity']}>
          {pool.sizeBytes === 0 ? (
            <p className="dim">{t('arrays.pool.unknown')}</p>
          ) : (
            <>
              <StackedBar label={t('arrays.pool.capacity', { pool: pool.name })} segments={segments} />
              <BarLegend segments={segments} totalBytes={pool.sizeBytes} columns={2} />
            </>
          )}
          {pool.volumes.length === 0 ? <p className="dim">{t('arrays.pool.noVolumes')}</p> : null}
        </div>
      </div>
    </section>
  );
}

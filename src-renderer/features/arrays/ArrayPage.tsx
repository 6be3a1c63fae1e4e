import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import type { Pool, StorageArray } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import { Callout, EmptyState, HealthBadge, Page, Panel, Stat, units } from '../../shared/index.ts';
import { SheetButton, ThingMenu } from '../configuration/index.ts';
import { FaultNotes, faultsOn } from '../servers/index.ts';
import { groupOf, rawBytes, reasonsOf, sharesOf, type Share } from './capacity.ts';
import { PoolCard } from './PoolCard.tsx';
import { Shelf } from './Shelf.tsx';
import { BarLegend, StackedBar, type Segment } from './StackedBar.tsx';
import { useReasonWords } from './use-reason-words.ts';
import classes from './arrays.module.css';

function Figures({ array, pools }: { array: StorageArray; pools: readonly Pool[] }): ReactElement {
  const { t } = useTranslation();
  const sum = (of: (pool: Pool) => number): number => pools.reduce((total, pool) => total + of(pool), 0);
  const size = sum((pool) => pool.sizeBytes);
  // Nothing is said of pools that nobody has open: their sizes are not known.
  const known = pools.length === 0 || size > 0;
  const used = sum((pool) => pool.usedBytes);
  const unused = array.disks.filter((disk) => disk.pool === null);
  const unusedBytes = unused.reduce((total, disk) => total + disk.sizeBytes, 0);
  return (
    <div className={classes['figures']}>
      <Stat
        label={t('arrays.figures.raw')}
        value={units.bytes(rawBytes(array))}
        detail={t('arrays.figures.rawDetail', { count: array.disks.length })}
      />
      <Stat
        label={t('arrays.figures.usable')}
        value={units.bytes(known ? size : null)}
        detail={t('arrays.figures.usableDetail')}
      />
      <Stat
        label={t('arrays.figures.used')}
        value={units.bytes(known ? used : null)}
        detail={t('arrays.figures.usedDetail', { share: units.percent(size === 0 ? null : used / size) })}
      />
      <Stat
        label={t('arrays.figures.free')}
        value={units.bytes(known ? sum((pool) => pool.freeBytes) : null)}
        detail={t('arrays.figures.freeDetail')}
      />
      <Stat
        label={t('arrays.figures.unused')}
        value={units.count(unused.length)}
        detail={t('arrays.figures.unusedDetail', { bytes: units.bytes(unusedBytes) })}
      />
    </div>
  );
}

const FILL_OF: Record<Share['use'], Segment['fill']> = {
  used: 'content',
  reserve: 'reserve',
  free: 'free',
  redundancy: 'redundancy',
  unknown: 'unknown',
  unused: 'unused',
};

function CapacityMap({ array, pools }: { array: StorageArray; pools: readonly Pool[] }): ReactElement {
  const { t } = useTranslation();
  const segments = sharesOf(array, pools).map((share): Segment => ({
    id: `${share.pool ?? ''} ${share.use}`,
    label: share.pool === null ? t('arrays.map.unused') : t(`arrays.map.${share.use}`, { pool: share.pool }),
    bytes: share.bytes,
    fill: FILL_OF[share.use],
    group: groupOf(array, share.pool),
  }));
  return (
    <div className={classes['stack']}>
      <StackedBar tall label={t('arrays.map.label', { array: array.name })} segments={segments} />
      <BarLegend segments={segments} totalBytes={rawBytes(array)} columns={2} />
    </div>
  );
}

function Reasons({ array, pools }: { array: StorageArray; pools: readonly Pool[] }): ReactElement | null {
  const { t } = useTranslation();
  const words = useReasonWords();
  const reasons = reasonsOf(array, pools);
  if (reasons.length === 0) return null;
  return (
    <Callout tone={array.health === 'failed' ? 'bad' : 'warn'}>
      <ul className={classes['notes']} aria-label={t('arrays.reasons.title')}>
        {reasons.map((reason) => (
          <li key={words(reason)}>{words(reason)}</li>
        ))}
      </ul>
    </Callout>
  );
}

export function ArrayPage(): ReactElement {
  const { t } = useTranslation();
  const name = useParams()['array'] ?? '';
  const array = useLive((state) => state.arrays.find((one) => one.name === name || one.id === name));
  const allPools = useLive((state) => state.pools);
  const volumes = useLive((state) => state.volumes);
  const faults = useLive((state) => state.faults);
  if (array === undefined) {
    return (
      <Page title={name}>
        <EmptyState
          bare
          icon="arrays"
          title={t('arrays.unknown', { name })}
          action={<Link to="/arrays">{t('arrays.toList')}</Link>}
        >
          {t('arrays.unknownText')}
        </EmptyState>
      </Page>
    );
  }
  const pools = allPools.filter((pool) => pool.array === array.name);
  const unused = array.disks.some((disk) => disk.pool === null);
  return (
    <Page
      title={array.name}
      badges={<HealthBadge health={array.health} />}
      lead={t('arrays.leadOf', { cluster: array.cluster, site: array.site })}
      actions={
        <>
          {unused ? <SheetButton sheet="create-pool" of={array.name} /> : null}
          <ThingMenu noun="array" name={array.name} />
        </>
      }
    >
      <FaultNotes faults={faultsOn(faults, [`array/${array.name}`, `disk/${array.name}`, `site/${array.site}`])} />
      <Reasons array={array} pools={pools} />
      <Figures array={array} pools={pools} />
      <Panel title={t('arrays.shelf.title')} hint={t('arrays.shelf.hint')}>
        <Shelf array={array} pools={pools} />
      </Panel>
      <Panel title={t('arrays.pool.title')} flush>
        {pools.length === 0 ? (
          <p className={classes['pad']}>{t('arrays.pool.none')}</p>
        ) : (
          pools.map((pool) => <PoolCard key={pool.id} array={array} pool={pool} volumes={volumes} />)
        )}
      </Panel>
      <Panel title={t('arrays.map.title')} hint={t('arrays.map.hint')}>
        <CapacityMap array={array} pools={pools} />
      </Panel>
    </Page>
  );
}

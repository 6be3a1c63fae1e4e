import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Pool, StorageArray } from '../../../src-engine/contract/index.ts';
import { Badge, units, type IconName, type Tone } from '../../shared/index.ts';
import { groupOf, memberOf } from './capacity.ts';
import classes from './arrays.module.css';

type Disk = StorageArray['disks'][number];

const look: Record<Disk['state'], { tone: Tone; icon: IconName }> = {
  ok: { tone: 'ok', icon: 'check-circle' },
  failed: { tone: 'bad', icon: 'cross-circle' },
  missing: { tone: 'bad', icon: 'dash' },
  unused: { tone: 'idle', icon: 'circle' },
};

function Slot({ disk, array, pool }: { disk: Disk; array: StorageArray; pool: Pool | undefined }): ReactElement {
  const { t } = useTranslation();
  const member = pool === undefined ? null : memberOf(pool, disk.slot);
  return (
    <li className={classes['slot']} data-state={disk.state} data-group={groupOf(array, disk.pool) ?? undefined}>
      <span className={classes['slotNumber']}>
        <span className="sr-only">{t('arrays.shelf.slot', { slot: disk.slot })}</span>
        <span aria-hidden="true">{disk.slot}</span>
      </span>
      <span className={classes['slotBody']}>
        <Badge {...look[disk.state]} quiet>
          {t(`arrays.shelf.state.${disk.state}`)}
        </Badge>
        <b>{disk.pool ?? t('arrays.shelf.noPool')}</b>
        <span>
          {member === null
            ? '–'
            : member.pair === null
              ? t('arrays.shelf.member', { at: member.at, of: member.of })
              : t('arrays.shelf.pair', { pair: member.pair, at: member.at })}
        </span>
        <span>{units.bytes(disk.sizeBytes)}</span>
      </span>
    </li>
  );
}

/** The enclosure as it would stand in a rack: one carrier per slot, its group as a coloured handle. */
export function Shelf({ array, pools }: { array: StorageArray; pools: readonly Pool[] }): ReactElement {
  const { t } = useTranslation();
  return (
    <div className={classes['enclosure']}>
      <ol className={classes['slots']} aria-label={t('arrays.shelf.list', { array: array.name })}>
        {array.disks.map((disk) => (
          <Slot key={disk.slot} disk={disk} array={array} pool={pools.find((pool) => pool.slots.includes(disk.slot))} />
        ))}
      </ol>
    </div>
  );
}

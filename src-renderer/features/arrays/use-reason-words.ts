import { useTranslation } from 'react-i18next';
import type { Reason } from './capacity.ts';

export function useReasonWords(): (reason: Reason) => string {
  const { t } = useTranslation();
  return (reason) => {
    if (reason.kind === 'disk')
      return reason.pool === null
        ? t(`arrays.reasons.disk.${reason.state}`, { slot: reason.slot })
        : t(`arrays.reasons.diskOfPool.${reason.state}`, { slot: reason.slot, pool: reason.pool });
    return reason.health === 'unknown' && !reason.owned
      ? t('arrays.reasons.poolUnowned', { pool: reason.pool })
      : t(`arrays.reasons.pool.${reason.health}`, { pool: reason.pool });
  };
}

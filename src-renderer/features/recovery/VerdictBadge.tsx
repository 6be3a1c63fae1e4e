import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Badge } from '../../shared/index.ts';

export function VerdictBadge({ verdict, size = 'm' }: { verdict: 'pass' | 'fail'; size?: 'm' | 'l' }): ReactElement {
  const { t } = useTranslation();
  return (
    <Badge
      tone={verdict === 'pass' ? 'ok' : 'bad'}
      icon={verdict === 'pass' ? 'check-circle' : 'cross-circle'}
      size={size}
    >
      {t(`report.verdict.${verdict}`)}
    </Badge>
  );
}

import { useMemo, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '../../../src-engine/contract/index.ts';
import { useSeries } from '../../client/index.ts';
import { HostCharts, marksOf, type Mark } from '../../shared/index.ts';
import classes from './servers.module.css';

const WINDOW_SECONDS = 120;

/** What hosts do on the volumes that the server serves. */
export function Charts({ server, marks }: { server: Server; marks: readonly Mark[] }): ReactElement {
  const { t } = useTranslation();
  const series = useSeries(WINDOW_SECONDS, { server: server.name }).data;
  if (series === undefined) return <p className="dim">{t('common.loading')}</p>;
  return <HostCharts series={series} marks={marks} windowSeconds={WINDOW_SECONDS} className={classes['charts']} />;
}

/** Faults and changes of state within the window of the charts. */
export function useMarks(server: string): readonly Mark[] {
  const series = useSeries(WINDOW_SECONDS, { server }).data;
  return useMemo(() => (series === undefined ? [] : marksOf(series)), [series]);
}

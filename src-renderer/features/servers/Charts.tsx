import { useMemo, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '../../../src-engine/contract/index.ts';
import { useSeries } from '../../client/index.ts';
import { TimeSeries, units, type Mark } from '../../shared/index.ts';
import classes from './servers.module.css';

const WINDOW_SECONDS = 120;

/** What hosts do on the volumes that the server serves. */
export function Charts({ server, marks }: { server: Server; marks: readonly Mark[] }): ReactElement {
  const { t } = useTranslation();
  const series = useSeries(WINDOW_SECONDS, { server: server.name }).data;
  if (series === undefined) return <p className="dim">{t('common.loading')}</p>;
  // Without writes there is no latency: the figure of the last one would pass for one of now.
  const whileWriting = (values: readonly (number | null)[]): (number | null)[] =>
    values.map((value, index) => ((series.writesPerSecond[index] ?? 0) > 0 ? value : null));
  const shared = { times: series.at, marks, windowMs: WINDOW_SECONDS * 1000 };
  return (
    <div className={classes['charts']}>
      <TimeSeries
        {...shared}
        title={t('overview.charts.iops')}
        format={units.si}
        series={[
          { label: t('overview.charts.write'), colour: 'series-1', values: series.writesPerSecond },
          { label: t('overview.charts.read'), colour: 'series-2', values: series.readsPerSecond },
        ]}
      />
      <TimeSeries
        {...shared}
        title={t('overview.charts.throughput')}
        binary
        format={units.bytesPerSecond}
        series={[
          { label: t('overview.charts.write'), colour: 'series-1', values: series.writtenBytesPerSecond },
          { label: t('overview.charts.read'), colour: 'series-2', values: series.readBytesPerSecond },
        ]}
      />
      <TimeSeries
        {...shared}
        title={t('overview.charts.latency')}
        format={units.durationMs}
        series={[
          { label: 'p50', colour: 'series-1', values: whileWriting(series.latencyP50Ms) },
          { label: 'p99', colour: 'series-3', values: whileWriting(series.latencyP99Ms) },
        ]}
      />
    </div>
  );
}

/** Faults and changes of state within the window of the charts. */
export function useMarks(server: string): readonly Mark[] {
  const series = useSeries(WINDOW_SECONDS, { server }).data;
  return useMemo(
    () =>
      (series?.marks ?? []).map((mark) => ({
        at: mark.at,
        label: mark.message,
        tone: mark.kind.startsWith('fault') ? ('bad' as const) : ('busy' as const),
      })),
    [series],
  );
}

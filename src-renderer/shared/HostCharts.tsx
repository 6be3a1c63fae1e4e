import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Series } from '../../src-engine/contract/index.ts';
import { TimeSeries, type Mark } from './TimeSeries.tsx';
import * as units from './units.ts';

/** Faults and changes of state within the window of a series, as charts draw them. Pure. */
export function marksOf(series: Series): Mark[] {
  return series.marks.map((mark) => ({
    at: mark.at,
    label: mark.message,
    tone: mark.kind.startsWith('fault') ? 'bad' : 'busy',
  }));
}

interface Props {
  series: Series;
  marks: readonly Mark[];
  windowSeconds: number;
  className: string | undefined;
}

/** What hosts do: operations, throughput and latency, side by side on one time axis. */
export function HostCharts({ series, marks, windowSeconds, className }: Props): ReactElement {
  const { t } = useTranslation();
  // Without writes there is no latency: the figure of the last one would pass for one of now.
  const whileWriting = (values: readonly (number | null)[]): (number | null)[] =>
    values.map((value, index) => ((series.writesPerSecond[index] ?? 0) > 0 ? value : null));
  const shared = { times: series.at, marks, windowMs: windowSeconds * 1000 };
  return (
    <div className={className}>
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

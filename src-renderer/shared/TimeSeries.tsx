import 'uplot/dist/uPlot.min.css';
import { ActionIcon, Tooltip, useComputedColorScheme } from '@mantine/core';
import { useEffect, useId, useRef, useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type uPlot from 'uplot';
import { Icon } from './Icon.tsx';
import { Time } from './Time.tsx';
import type { Tone } from './tone.ts';
import { timeOfDay } from './units.ts';
import classes from './shared.module.css';

export interface Series {
  label: string;
  /** One of the series tokens. */
  colour: 'series-1' | 'series-2' | 'series-3';
  values: readonly (number | null)[];
}

export interface Mark {
  at: number;
  label: string;
  tone: Tone;
}

interface Props {
  title: string;
  /** Milliseconds since the epoch, ascending; all series have this length. */
  times: readonly number[];
  series: readonly Series[];
  format(value: number | null): string;
  marks?: readonly Mark[];
  height?: number;
  /** Width of the time window in milliseconds; the right edge is the newest sample. */
  windowMs?: number;
  /** Bytes: the axis steps in powers of two. */
  binary?: boolean;
}

const TABLE_ROWS = 60;
/** How near the cursor must come to a mark for its words, as a share of the window. */
const MARK_REACH = 0.012;
const BINARY_STEPS = Array.from({ length: 50 }, (_, exponent) => 2 ** exponent);

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A streaming chart with a fixed window. The same figures stand in a table behind it, for eyes, ears and copying. */
export function TimeSeries(props: Props): ReactElement {
  const { title, times, series, format, marks = [], height = 132, windowMs = 120_000 } = props;
  const { t } = useTranslation();
  const [asTable, setAsTable] = useState(false);
  const scheme = useComputedColorScheme('light');
  const id = useId();
  // The legend reads the newest figures, or those under the cursor, which all charts of a page share.
  const [pointed, setPointed] = useState<number | null>(null);
  const at = pointed !== null && pointed < times.length ? pointed : times.length - 1;
  const pointedAt = pointed === null ? undefined : times[pointed];
  const near = marks.find((mark) => pointedAt !== undefined && Math.abs(mark.at - pointedAt) <= windowMs * MARK_REACH);
  return (
    <figure className={classes['chart']} aria-labelledby={id}>
      <figcaption className={classes['chartHead']}>
        <span className={classes['chartTitle']}>
          <span id={id}>{title}</span>
          {pointedAt === undefined ? null : (
            <span className={classes['chartAt']}>
              <Time at={pointedAt} />
              {near === undefined ? null : <em data-tone={near.tone}>{near.label}</em>}
            </span>
          )}
        </span>
        <Tooltip label={asTable ? t('chart.asChart') : t('chart.asTable')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-pressed={asTable}
            aria-label={t('chart.tableOf', { title })}
            onClick={() => setAsTable(!asTable)}
          >
            <Icon name={asTable ? 'chart' : 'table'} size={14} />
          </ActionIcon>
        </Tooltip>
        <span className={classes['chartLegend']}>
          {series.map((one, index) => (
            <span key={one.label}>
              <i style={{ background: `var(--${one.colour})` }} />
              {one.label} <b>{format(series[index]?.values[at] ?? null)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      {asTable ? (
        <div className={classes['chartTable']} style={{ height }} tabIndex={0} role="region" aria-label={title}>
          <table className={classes['table']}>
            <thead>
              <tr>
                <th scope="col">{t('common.time')}</th>
                {series.map((one) => (
                  <th key={one.label} scope="col" data-align="right">
                    {one.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times
                .map((at, index) => ({ at, index }))
                .slice(-TABLE_ROWS)
                .reverse()
                .map(({ at, index }) => (
                  <tr key={at}>
                    <td>
                      <Time at={at} />
                    </td>
                    {series.map((one) => (
                      <td key={one.label} data-align="right">
                        {format(one.values[index] ?? null)}
                      </td>
                    ))}
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Plot key={scheme} {...props} marks={marks} height={height} windowMs={windowMs} onPoint={setPointed} />
      )}
    </figure>
  );
}

function Plot({
  times,
  series,
  format,
  marks,
  height,
  windowMs,
  onPoint,
  binary = false,
}: Props & {
  marks: readonly Mark[];
  height: number;
  windowMs: number;
  onPoint(index: number | null): void;
}): ReactElement {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // What the drawing callbacks read; the plot object itself outlives many renders.
  const live = useRef({ marks, format, windowMs, onPoint });
  live.current = { marks, format, windowMs, onPoint };
  const data = [times.map((at) => at / 1000), ...series.map((one) => [...one.values])] as uPlot.AlignedData;
  const latestData = useRef(data);
  latestData.current = data;
  const shape = series.map((one) => `${one.label}:${one.colour}`).join('|');

  useEffect(() => {
    const element = holder.current;
    if (element === null) return undefined;
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import('uplot').then(({ default: UPlot }) => {
      if (gone) return;
      const axis = {
        stroke: token('faint'),
        grid: { stroke: token('grid'), width: 1 },
        ticks: { show: false },
        font: `11px ${getComputedStyle(document.body).fontFamily}`,
      };
      const drawn = new UPlot(
        {
          width: Math.max(80, element.clientWidth),
          height,
          legend: { show: false },
          padding: [8, 28, 0, 0],
          cursor: { sync: { key: 'page' }, points: { size: 6 }, drag: { x: false, y: false } },
          scales: {
            x: {
              time: true,
              range: (self) => {
                const newest = self.data[0].at(-1) ?? Date.now() / 1000;
                return [newest - live.current.windowMs / 1000, newest];
              },
            },
            // Nothing and little must not look alike: the axis starts at zero and never collapses.
            y: { range: (_self, _min, max) => [0, max === null || max <= 0 ? 1 : max * 1.15] },
          },
          axes: [
            { ...axis, size: 22, space: 90, values: (_self, splits) => splits.map((at) => timeOfDay(at * 1000)) },
            {
              ...axis,
              size: 74,
              space: 30,
              ...(binary ? { incrs: BINARY_STEPS } : {}),
              values: (_self, splits) => splits.map((value) => live.current.format(value)),
            },
          ],
          series: [
            {},
            ...series.map((one, index) => ({
              label: one.label,
              stroke: token(one.colour),
              width: 1.6,
              points: { show: false },
              ...(index === 0 && series.length === 1 ? { fill: `${token(one.colour)}1f` } : {}),
            })),
          ],
          hooks: {
            setCursor: [(self) => live.current.onPoint(self.cursor.idx ?? null)],
            draw: [
              (self) => {
                for (const mark of live.current.marks) {
                  const x = self.valToPos(mark.at / 1000, 'x', true);
                  if (x < self.bbox.left || x > self.bbox.left + self.bbox.width) continue;
                  self.ctx.save();
                  self.ctx.strokeStyle = token(`${mark.tone}-mark`);
                  self.ctx.setLineDash([4, 3]);
                  self.ctx.lineWidth = 1.5;
                  self.ctx.beginPath();
                  self.ctx.moveTo(x, self.bbox.top);
                  self.ctx.lineTo(x, self.bbox.top + self.bbox.height);
                  self.ctx.stroke();
                  self.ctx.restore();
                }
              },
            ],
          },
        },
        latestData.current,
        element,
      );
      plot.current = drawn;
      observer = new ResizeObserver(() => drawn.setSize({ width: Math.max(80, element.clientWidth), height }));
      observer.observe(element);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
    // The plot is rebuilt only when its shape changes; samples arrive through setData below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [height, shape, binary]);

  useEffect(() => {
    plot.current?.setData(latestData.current);
  });

  return <div ref={holder} style={{ height }} aria-hidden="true" />;
}

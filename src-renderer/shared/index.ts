/**
 * What every page is made of: states as text with icon and colour, refused actions with their reason, preview sheets,
 * charts with a table behind them, dense tables, and numbers with units. Nothing here talks to the engine.
 */
export { Badge } from './Badge.tsx';
export { Callout } from './Callout.tsx';
export { CopyButton } from './CopyButton.tsx';
export { DenseTable, type Column } from './DenseTable.tsx';
export { HostCharts, marksOf } from './HostCharts.tsx';
export { Icon, Logo, type IconName } from './Icon.tsx';
export { EmptyState, Facts, Page, Panel, Stat, type Fact } from './layout.tsx';
export { Meter } from './Meter.tsx';
export { PreviewSheet, type SheetContent } from './PreviewSheet.tsx';
export { RefusedAction } from './RefusedAction.tsx';
export { RefusedGroup } from './RefusedGroup.tsx';
export { saveBlob, saveFile } from './save-file.ts';
export { sentence } from './sentence.ts';
export { Stale, useStale } from './stale.ts';
export * from './states.tsx';
export { TableFilter } from './TableFilter.tsx';
export { Time } from './Time.tsx';
export { TimeSeries, type Mark, type Series as ChartSeries } from './TimeSeries.tsx';
export { worstTone, type Tone } from './tone.ts';
export * as units from './units.ts';
export { useTableAddress, type Sort, type TableAddress } from './use-table-address.ts';

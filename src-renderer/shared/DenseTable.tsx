import {
  createColumnHelper,
  createFilteredRowModel,
  createSortedRowModel,
  globalFilteringFeature,
  columnFilteringFeature,
  rowSortingFeature,
  filterFn_includesString,
  sortFn_basic,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import {
  useEffect,
  useMemo,
  useRef,
  useState,
  type MouseEvent,
  type ReactElement,
  type ReactNode,
  type RefObject,
} from 'react';
import { Icon } from './Icon.tsx';
import type { TableAddress } from './use-table-address.ts';
import classes from './shared.module.css';

const features = tableFeatures({
  rowSortingFeature,
  columnFilteringFeature,
  globalFilteringFeature,
  sortedRowModel: createSortedRowModel(),
  filteredRowModel: createFilteredRowModel(),
  sortFns: { basic: sortFn_basic },
  filterFns: { includesString: filterFn_includesString },
});

export interface Column<Row> {
  id: string;
  title: string;
  /** What sorting and filtering look at. */
  value(row: Row): string | number;
  cell?(row: Row): ReactNode;
  align?: 'left' | 'right';
  /** Holds buttons, not values: its title is for screen readers and nothing sorts by it. */
  plain?: boolean;
  /** In pixels. One column may be left out: it takes the rest, and never less than `FREE_COLUMN_PX`. */
  widthPx?: number;
  /** Left out where the table itself is narrower than this, in pixels: for what another page says better. */
  hideBelowPx?: number;
}

interface Props<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowKey(row: Row): string;
  filter?: string;
  initialSort?: { id: string; desc: boolean };
  /** Filter and order come from the page's address instead (`useTableAddress`). */
  address?: TableAddress;
  onOpen?(row: Row): void;
  empty?: ReactNode;
  /** Fixed height in pixels: the table scrolls and draws only the rows in sight. Without it the table grows. */
  height?: number | string;
}

const ROW_PX = 34;
const FREE_COLUMN_PX = 120;

/** A right-click on a row opens the menu that the row has a button for (`data-row-menu`), if it has one. */
function openRowMenu(event: MouseEvent<HTMLTableRowElement>): void {
  const button = event.currentTarget.querySelector<HTMLElement>('[data-row-menu]');
  if (button === null) return;
  event.preventDefault();
  if (button.getAttribute('aria-expanded') !== 'true') button.click();
}

/** Width of an element as it is now; null until it was measured. */
function useWidth(element: RefObject<HTMLElement | null>): number | null {
  const [width, setWidth] = useState<number | null>(null);
  useEffect(() => {
    const measured = element.current;
    if (measured === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(measured.clientWidth));
    observer.observe(measured);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

/** Sortable, filterable, virtualised. Rows are reached with the Tab key when they lead somewhere. */
export function DenseTable<Row>(props: Props<Row>): ReactElement {
  const { label, rows, columns: all, rowKey, address, initialSort, onOpen, empty, height } = props;
  const filter = address?.filter ?? props.filter ?? '';
  const [ownSorting, setOwnSorting] = useState(initialSort === undefined ? [] : [initialSort]);
  // An address may name a column that this table never had.
  const sorting = (address === undefined ? ownSorting : [address.sort]).filter(({ id }) =>
    all.some((column) => column.id === id && column.plain !== true),
  );
  const scroller = useRef<HTMLDivElement>(null);
  const widthPx = useWidth(scroller);
  const columns = useMemo(
    () => all.filter(({ hideBelowPx = 0 }) => widthPx === null || widthPx === 0 || widthPx >= hideBelowPx),
    [all, widthPx],
  );
  // Narrower than this nothing is squeezed: the table scrolls sideways in its own frame.
  const leastPx = columns.reduce((sum, column) => sum + (column.widthPx ?? FREE_COLUMN_PX), 0);

  const definitions = useMemo(() => {
    const helper = createColumnHelper<typeof features, { row: Row }>();
    return helper.columns(
      columns.map((column) =>
        helper.accessor((entry) => column.value(entry.row), {
          id: column.id,
          header: column.title,
          sortFn: 'basic',
          filterFn: 'includesString',
          sortDescFirst: false,
        }),
      ),
    );
  }, [columns]);
  const data = useMemo(() => rows.map((row) => ({ row })), [rows]);
  const table = useTable({
    features,
    columns: definitions,
    data,
    state: { sorting, globalFilter: filter },
    onSortingChange: (change) => {
      const next = typeof change === 'function' ? change(sorting) : change;
      if (address === undefined) setOwnSorting(next);
      else if (next[0] !== undefined) address.setSort(next[0]);
    },
    globalFilterFn: 'includesString',
    getRowId: (entry) => rowKey(entry.row),
    enableSortingRemoval: false,
  });

  const shown = table.getRowModel().rows;
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    enabled: height !== undefined,
  });
  const items = height === undefined ? null : virtual.getVirtualItems();
  const first = items?.[0];
  const last = items?.at(-1);
  const before = first?.start ?? 0;
  const after = items === null || last === undefined ? 0 : virtual.getTotalSize() - last.end;
  const visible = items === null ? shown : items.flatMap((item) => shown[item.index] ?? []);
  const byId = new Map(columns.map((column) => [column.id, column]));

  return (
    <div
      ref={scroller}
      className={classes['tableScroll']}
      style={height === undefined ? {} : { height }}
      {...(height === undefined ? {} : { tabIndex: 0, role: 'group', 'aria-label': label })}
    >
      <table
        className={classes['table']}
        style={{ minWidth: leastPx }}
        aria-label={label}
        aria-rowcount={shown.length + 1}
      >
        <colgroup>
          {columns.map((column) => (
            <col key={column.id} style={column.widthPx === undefined ? {} : { width: column.widthPx }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {table.getHeaderGroups()[0]?.headers.map((header) => {
              const sorted = header.column.getIsSorted();
              const column = byId.get(header.column.id);
              if (column?.plain === true) {
                return (
                  <th key={header.id} scope="col">
                    <span className="sr-only">{column.title}</span>
                  </th>
                );
              }
              return (
                <th
                  key={header.id}
                  scope="col"
                  data-align={column?.align}
                  aria-sort={sorted === false ? 'none' : sorted === 'asc' ? 'ascending' : 'descending'}
                >
                  <button type="button" onClick={() => header.column.toggleSorting(sorted === 'asc')}>
                    {column?.title}
                    {sorted === false ? null : <Icon name={sorted === 'asc' ? 'up' : 'down'} size={12} />}
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {before > 0 ? <tr aria-hidden="true" style={{ height: before }} /> : null}
          {visible.map((row) => (
            <tr
              key={row.id}
              aria-rowindex={row.index + 2}
              data-open={onOpen === undefined ? undefined : true}
              onContextMenu={openRowMenu}
              onClick={onOpen === undefined ? undefined : () => onOpen(row.original.row)}
            >
              {columns.map((column) => (
                <td key={column.id} data-align={column.align}>
                  {column.cell?.(row.original.row) ?? column.value(row.original.row)}
                </td>
              ))}
            </tr>
          ))}
          {after > 0 ? <tr aria-hidden="true" style={{ height: after }} /> : null}
        </tbody>
      </table>
      {shown.length === 0 ? <div className={classes['tableEmpty']}>{empty}</div> : null}
    </div>
  );
}

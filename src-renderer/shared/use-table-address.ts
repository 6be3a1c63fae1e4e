import { useSearchParams } from 'react-router';

export interface Sort {
  id: string;
  desc: boolean;
}

export interface TableAddress {
  /** As typed; empty shows everything. */
  filter: string;
  sort: Sort;
  setFilter(filter: string): void;
  setSort(sort: Sort): void;
}

/** `-` before a column's id: falling. Anything else that is no such word is the table's own order. */
function sortOf(word: string | null, initial: Sort): Sort {
  const match = /^(-?)([A-Za-z][A-Za-z0-9]*)$/.exec(word ?? '');
  return match?.[2] === undefined ? initial : { id: match[2], desc: match[1] === '-' };
}

/**
 * Filter and order of a page's table, kept in its address (`?sort=-heartbeat&filter=north`): a link or a reload comes back to
 * the same rows. The table's own order and an empty filter stand in no address.
 */
export function useTableAddress(initial: Sort): TableAddress {
  const [search, setSearch] = useSearchParams();
  const change = (key: string, value: string): void =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === '') next.delete(key);
        else next.set(key, value);
        return next;
      },
      { replace: true },
    );
  return {
    filter: search.get('filter') ?? '',
    sort: sortOf(search.get('sort'), initial),
    setFilter: (filter) => change('filter', filter),
    setSort: ({ id, desc }) =>
      change('sort', id === initial.id && desc === initial.desc ? '' : `${desc ? '-' : ''}${id}`),
  };
}

import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../../client/index.ts';
import { DenseTable, type Column } from '../../shared/index.ts';
import type { Thing } from './things.ts';

interface Row {
  readonly kind: 'site' | 'server' | 'array' | 'link';
  readonly name: string;
  readonly where: string;
  readonly state: string;
}

/** The map's content for those who would rather read it. */
export function AsTable({ onPick }: { onPick(thing: Thing): void }): ReactElement {
  const { t } = useTranslation();
  const { sites, servers, arrays, links } = useLive();
  const rows: readonly Row[] = [
    ...sites.map((site) => ({
      kind: 'site' as const,
      name: site.name,
      where: '',
      state: t(`site.state.${site.state}`),
    })),
    ...servers.map((server) => ({
      kind: 'server' as const,
      name: server.name,
      where: server.site,
      state: t(`serverState.${server.state}`),
    })),
    ...arrays.map((array) => ({
      kind: 'array' as const,
      name: array.name,
      where: array.site,
      state: t(`health.${array.health}`),
    })),
    ...links.map((link) => ({
      kind: 'link' as const,
      name: link.name,
      where: link.sites.join(' – '),
      state: t(`link.state.${link.state}`),
    })),
  ];
  const columns: Column<Row>[] = [
    { id: 'name', title: t('topology.name'), value: (row) => row.name, cell: (row) => <b>{row.name}</b> },
    { id: 'kind', title: t('topology.what'), value: (row) => t(`topology.kind.${row.kind}`), widthPx: 130 },
    { id: 'where', title: t('topology.where'), value: (row) => row.where, widthPx: 200 },
    { id: 'state', title: t('common.state'), value: (row) => row.state, widthPx: 150 },
  ];
  return (
    <DenseTable
      label={t('topology.title')}
      rows={rows}
      columns={columns}
      rowKey={(row) => `${row.kind}/${row.name}`}
      onOpen={({ kind, name }) => onPick({ kind, name })}
      height="100%"
    />
  );
}

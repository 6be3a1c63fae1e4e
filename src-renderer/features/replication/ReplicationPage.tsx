import { TextInput } from '@mantine/core';
import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../../client/index.ts';
import { EmptyState, Icon, Page, Panel } from '../../shared/index.ts';
import { SheetButton } from '../configuration/index.ts';
import { MirrorTable } from './MirrorTable.tsx';

export function ReplicationPage(): ReactElement {
  const { t } = useTranslation();
  const [filter, setFilter] = useState('');
  const empty = useLive((state) => state.mirrors.length === 0);
  return (
    <Page
      title={t('replication.title')}
      lead={t('replication.lead')}
      actions={
        <>
          <SheetButton sheet="create-mirror" />
          <SheetButton sheet="protect-volume" variant="filled" />
        </>
      }
    >
      <Panel
        title={t('replication.list')}
        flush
        actions={
          <TextInput
            aria-label={t('common.filter')}
            placeholder={t('common.filter')}
            leftSection={<Icon name="search" size={14} />}
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value)}
          />
        }
      >
        {empty ? (
          <EmptyState
            icon="replication"
            title={t('replication.emptyTitle')}
            action={<SheetButton sheet="protect-volume" variant="filled" />}
          >
            {t('replication.emptyText')}
          </EmptyState>
        ) : (
          <MirrorTable filter={filter} />
        )}
      </Panel>
    </Page>
  );
}

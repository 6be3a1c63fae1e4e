import { TextInput } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from './Icon.tsx';
import type { TableAddress } from './use-table-address.ts';

/** The field that filters a page's table through its address. */
export function TableFilter({ address }: { address: TableAddress }): ReactElement {
  const { t } = useTranslation();
  return (
    <TextInput
      aria-label={t('common.filter')}
      placeholder={t('common.filter')}
      leftSection={<Icon name="search" size={14} />}
      value={address.filter}
      onChange={(event) => address.setFilter(event.currentTarget.value)}
    />
  );
}

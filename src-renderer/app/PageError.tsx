import { Button } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useRouteError } from 'react-router';
import { Callout, CopyButton, Page } from '../shared/index.ts';

/** A page that threw: the shell stays, the lab goes on, and the details can be handed to whoever mends it. */
export function PageError(): ReactElement {
  const { t } = useTranslation();
  const error = useRouteError();
  const message = error instanceof Error ? error.message : String(error);
  const details = error instanceof Error ? (error.stack ?? message) : message;
  return (
    <Page
      title={t('pageError.title')}
      lead={t('pageError.text')}
      actions={
        <>
          <CopyButton text={details} label={t('pageError.copy')} />
          <Button onClick={() => window.location.reload()}>{t('pageError.again')}</Button>
        </>
      }
    >
      <Callout tone="bad" alert>
        {message}
      </Callout>
    </Page>
  );
}

import { Button, NumberInput, Select } from '@mantine/core';
import { useState, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Fault, FaultKind } from '../../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useAction, useLabInfo, useLive } from '../../client/index.ts';
import { Badge, Callout, DenseTable, EmptyState, Icon, Page, Panel, Time, type Column } from '../../shared/index.ts';
import { kindNames, kinds, useTargets } from './fault-form.ts';
import { InjectSheet, type Asked } from './InjectSheet.tsx';
import classes from './faults.module.css';

function Injector({ kind, onAsk }: { kind: FaultKind; onAsk(asked: Asked): void }): ReactElement {
  const { t } = useTranslation();
  const { target: noun, parameter, initial, least } = kinds[kind];
  const targets = useTargets(noun, useLabInfo().data);
  const [picked, setPicked] = useState<string | null>(null);
  const [value, setValue] = useState<number | string>(initial);
  const target = picked !== null && targets.includes(picked) ? picked : (targets[0] ?? null);
  // An emptied field is no zero.
  const figure = typeof value === 'number' ? value : value.trim() === '' ? Number.NaN : Number(value);
  const valid = Number.isFinite(figure) && figure >= (least ?? -Infinity);
  return (
    <section className={classes['kind']} aria-label={t(`fault.${kind}.title`)}>
      <h3>{t(`fault.${kind}.title`)}</h3>
      <p>{t(`fault.${kind}.text`)}</p>
      <div className={classes['kindForm']}>
        {noun === 'lab' ? null : (
          <Select
            aria-label={t(`fault.target.${noun}`)}
            data={[...targets]}
            value={target}
            onChange={setPicked}
            allowDeselect={false}
            placeholder={t(`fault.target.${noun}`)}
          />
        )}
        {parameter === null ? null : (
          <NumberInput
            aria-label={t(`fault.parameter.${parameter}`)}
            value={value}
            onChange={setValue}
            suffix={` ${t(`fault.unit.${parameter}`)}`}
            thousandSeparator=" "
            allowDecimal={false}
            {...(least === undefined ? {} : { min: least })}
          />
        )}
        <Button
          variant="default"
          aria-label={t('fault.preview', { fault: t(`fault.${kind}.title`) })}
          disabled={target === null || !valid}
          onClick={() => target !== null && onAsk({ kind, target, parameter: figure })}
        >
          {t('fault.inject')}
        </Button>
      </div>
    </section>
  );
}

function Broken(): ReactElement {
  const { t } = useTranslation();
  const faults = useLive((state) => state.faults);
  const clear = useAction((fault: string | undefined) =>
    rpc().fault.clear({ requestId: requestId(), ...(fault === undefined ? {} : { fault }) }),
  );
  const columns: Column<Fault>[] = [
    {
      id: 'kind',
      title: t('fault.kind'),
      value: (row) => row.kind,
      cell: (row) => (
        <Badge tone="bad" icon="faults">
          {t(`fault.${row.kind}.title`)}
        </Badge>
      ),
      widthPx: 190,
    },
    {
      id: 'subject',
      title: t('fault.subject'),
      value: (row) => row.subject,
      cell: (row) => <span className="mono">{row.subject}</span>,
      widthPx: 190,
    },
    { id: 'message', title: t('common.what'), value: (row) => row.message },
    {
      id: 'at',
      title: t('fault.since'),
      value: (row) => row.injectedAt,
      cell: (row) => <Time at={row.injectedAt} />,
      widthPx: 100,
    },
    {
      id: 'clear',
      title: t('common.actions'),
      plain: true,
      value: () => '',
      align: 'right',
      widthPx: 90,
      cell: (row) => (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={t('fault.clearOne', { subject: row.subject })}
          loading={clear.isPending && clear.variables === row.id}
          onClick={() => clear.mutate(row.id)}
        >
          {t('fault.clear')}
        </Button>
      ),
    },
  ];
  return (
    <Panel
      title={t('fault.broken')}
      hint={faults.length === 0 ? undefined : t('fault.count', { count: faults.length })}
      flush
      actions={
        <Button
          disabled={faults.length === 0}
          loading={clear.isPending && clear.variables === undefined}
          onClick={() => clear.mutate(undefined)}
        >
          {t('fault.healAll')}
        </Button>
      }
    >
      {clear.error === null ? null : (
        <div className={classes['pad']}>
          <Callout tone="bad" alert>
            {explain(clear.error)}
          </Callout>
        </div>
      )}
      {faults.length === 0 ? (
        <div className={classes['whole']} data-tone="ok">
          <Icon name="check-circle" /> {t('fault.none')}
        </div>
      ) : (
        <DenseTable label={t('fault.broken')} rows={faults} columns={columns} rowKey={(row) => row.id} />
      )}
    </Panel>
  );
}

export function FaultsPage(): ReactElement {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<Asked | null>(null);
  const empty = useLive((state) => state.sites.length === 0);
  return (
    <Page title={t('fault.title')} lead={t('fault.lead')}>
      <Broken />
      <Panel title={t('fault.injectTitle')} hint={t('fault.injectHint')} flush>
        {empty ? (
          <EmptyState icon="faults" title={t('overview.emptyTitle')}>
            {t('overview.emptyText')}
          </EmptyState>
        ) : (
          <div className={classes['kinds']}>
            {kindNames.map((kind) => (
              <Injector key={kind} kind={kind} onAsk={setAsked} />
            ))}
          </div>
        )}
      </Panel>
      {asked === null ? null : <InjectSheet asked={asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

import { Button, Modal } from '@mantine/core';
import type { TFunction } from 'i18next';
import { useEffect, useRef, useState, type ReactElement, type ReactNode } from 'react';
import { Controller, useForm, useWatch, type FieldErrors, type Resolver } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { z } from 'zod';
import { explain, refusalOf } from '../../client/index.ts';
import { Callout } from '../Callout.tsx';
import { CopyButton } from '../CopyButton.tsx';
import { useStale } from '../stale.ts';
import { dropDraft, readDraft, writeDraft } from './draft.ts';
import { FieldInput } from './FieldInput.tsx';
import { readFields, text, wordsOf, type Field, type Values } from './fields.ts';
import shared from '../shared.module.css';
import classes from './form.module.css';

export interface FormSheetProps<Input> {
  /** Names the draft that survives a reload: one per sheet and subject. */
  id: string;
  title: string;
  lead?: ReactNode;
  actionLabel: string;
  danger?: boolean;
  /** The contract's own input schema, or one made of its parts: the only place where rules come from. */
  schema: z.ZodType<Input>;
  /** Which fields there are may depend on what is chosen in others. */
  fields(values: Values): readonly Field[];
  initial: Values;
  /** The contract's input from the fields' values, where keys and fields do not stand one to one. */
  shape?(flat: Record<string, unknown>): unknown;
  /** The field that a path of the input (or the field of a refusal) belongs to, where it has another name. */
  fieldOf?(path: string): string;
  /** The true command line for what is typed so far. */
  command(values: Values): string;
  /** Beside the fields: what the engine says it would give. `input` is null until it is valid. */
  preview?(input: Input | null, values: Values): ReactNode;
  /** `requestId` stays the same while nothing was changed: pressing the button again after a lost answer acts once. */
  onSubmit(input: Input, requestId: string): Promise<unknown>;
  onClose(): void;
}

interface Rules<Input> {
  schema: z.ZodType<Input>;
  fields: readonly Field[];
  shape: (flat: Record<string, unknown>) => unknown;
  fieldOf: (path: string) => string;
}

type Verdict<Input> = { input: Input } | { errors: Record<string, string> };

function judge<Input>(t: TFunction, rules: Rules<Input>, values: Values): Verdict<Input> {
  const { input, complaints } = readFields(rules.fields, values);
  const parsed = rules.schema.safeParse(rules.shape(input));
  const errors: Record<string, string> = {};
  for (const [key, complaint] of Object.entries(complaints)) errors[key] = t(`form.complaint.${complaint}`);
  if (parsed.success) return Object.keys(errors).length === 0 ? { input: parsed.data } : { errors };
  for (const issue of parsed.error.issues) {
    const key = rules.fieldOf(issue.path.join('.'));
    const {
      least,
      most,
      text: said,
    } = wordsOf(
      issue,
      rules.fields.find((field) => field.key === key),
    );
    errors[key] ??=
      least === undefined
        ? most === undefined
          ? capital(said ?? issue.message)
          : t('form.atMost', { value: most })
        : t('form.atLeast', { value: least });
  }
  return { errors };
}

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/**
 * A form over the page. Rules and their words are the contract's, a refusal stands at its field or above the buttons, what
 * was typed is never lost: not by an error, not while the engine is away, not by a reload. Enter submits.
 */
export function FormSheet<Input>(props: FormSheetProps<Input>): ReactElement {
  const { id, title, lead, actionLabel, danger = false, schema, initial, command, preview, onSubmit, onClose } = props;
  const { t } = useTranslation();
  const stale = useStale();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const closed = useRef(false);
  const sent = useRef({ what: '', requestId: '' });
  const rulesFor = (values: Values): Rules<Input> => ({
    schema,
    fields: props.fields(values),
    shape: props.shape ?? ((flat) => flat),
    fieldOf: props.fieldOf ?? ((path) => path),
  });
  const resolver: Resolver<Values> = (values) => {
    const verdict = judge(t, rulesFor(values), values);
    if ('input' in verdict) return { values, errors: {} };
    const errors = Object.fromEntries(
      Object.entries(verdict.errors).map(([key, message]) => [key, { type: 'contract', message }]),
    );
    return { values: {}, errors: errors as FieldErrors<Values> };
  };
  const [start] = useState<Values>(() => ({ ...initial, ...readDraft(id) }));
  const form = useForm<Values>({ defaultValues: start, resolver });
  const values = useWatch({ control: form.control }) as Values;
  const fields = props.fields(values);
  const verdict = judge(t, rulesFor(values), values);
  useEffect(() => {
    if (!closed.current) writeDraft(id, values);
  }, [id, values]);

  const close = (): void => {
    closed.current = true;
    dropDraft(id);
    onClose();
  };
  const submit = form.handleSubmit(async (typed) => {
    const now = judge(t, rulesFor(typed), typed);
    if (!('input' in now) || busy || stale) return;
    setBusy(true);
    setError(null);
    // A suggestion that was taken is a name from here on: what this very form makes must not change it.
    for (const field of fields)
      if (field.kind === 'name' && field.suggestion !== undefined && text(typed, field.key) === '')
        form.setValue(field.key, field.suggestion);
    const what = JSON.stringify(now.input);
    if (sent.current.what !== what) sent.current = { what, requestId: crypto.randomUUID() };
    try {
      await onSubmit(now.input, sent.current.requestId);
      close();
    } catch (reason) {
      const field = refusalOf(reason)?.field;
      const key = field === undefined ? undefined : rulesFor(typed).fieldOf(field);
      if (key !== undefined && fields.some((one) => one.key === key))
        form.setError(key, { message: explain(reason) }, { shouldFocus: true });
      else setError(explain(reason));
    } finally {
      setBusy(false);
    }
  });
  const line = command(values);
  return (
    <Modal
      opened
      onClose={close}
      title={title}
      closeOnClickOutside={false}
      size={preview === undefined ? 'lg' : 880}
      centered
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        noValidate
        className={shared['sheet']}
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        {lead === undefined ? null : <p className={classes['lead']}>{lead}</p>}
        <div className={preview === undefined ? undefined : classes['split']}>
          <div className={classes['fields']}>
            {fields.map((field, index) => (
              <Controller
                key={field.key}
                name={field.key}
                control={form.control}
                render={({ field: { ref, onChange, onBlur, value }, fieldState }) => (
                  <FieldInput
                    field={field}
                    first={index === 0}
                    refer={ref}
                    value={value ?? ''}
                    error={fieldState.error?.message}
                    onBlur={onBlur}
                    onChange={onChange}
                  />
                )}
              />
            ))}
          </div>
          {preview === undefined ? null : (
            <section className={classes['preview']} aria-label={t('form.preview')}>
              {stale ? (
                <p className="dim">{t('form.notNow')}</p>
              ) : (
                preview('input' in verdict ? verdict.input : null, values)
              )}
            </section>
          )}
        </div>
        <code className={shared['command']}>{line}</code>
        {stale ? (
          <Callout tone="warn" alert>
            {t('form.stale')}
          </Callout>
        ) : null}
        {error === null || stale ? null : (
          <Callout tone="bad" alert>
            {error}
          </Callout>
        )}
        <div className={`${shared['sheetFoot'] ?? ''} ${classes['foot'] ?? ''}`}>
          <CopyButton text={line} label={t('sheet.copyCommand')} />
          <Button variant="default" onClick={close}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" color={danger ? 'brick' : 'iris'} disabled={stale} loading={busy}>
            {actionLabel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

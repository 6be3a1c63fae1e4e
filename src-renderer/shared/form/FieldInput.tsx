import { Checkbox, Select, SegmentedControl, Switch, TextInput } from '@mantine/core';
import type { ReactElement, Ref } from 'react';
import { useTranslation } from 'react-i18next';
import type { Field, Value } from './fields.ts';
import classes from './form.module.css';

interface Props {
  field: Field;
  value: Value;
  error: string | undefined;
  first: boolean;
  refer: Ref<never>;
  onChange(value: Value): void;
  onBlur(): void;
}

/** One field by its kind. What is wrong with it stands below it and is announced with it. */
export function FieldInput({ field, value, error, first, refer, onChange, onBlur }: Props): ReactElement {
  const { t } = useTranslation();
  const label = field.optional === true ? t('form.optional', { label: field.label }) : field.label;
  const shared = { label, error, onBlur, ...(field.hint === undefined ? {} : { description: field.hint }) };
  const focus = first ? { 'data-autofocus': true } : {};
  const typed = typeof value === 'string' ? value : '';
  switch (field.kind) {
    case 'choice':
      if (field.segments === true) {
        return (
          <div className={classes['segments']}>
            <span className={classes['label']}>{label}</span>
            <SegmentedControl
              ref={refer}
              size="xs"
              aria-label={field.label}
              data={field.options.map((option) => ({ ...option }))}
              value={typed}
              onChange={onChange}
            />
            {field.hint === undefined ? null : <span className={classes['hint']}>{field.hint}</span>}
            {error === undefined ? null : (
              <span role="alert" className={classes['error']}>
                {error}
              </span>
            )}
          </div>
        );
      }
      return (
        <Select
          {...shared}
          {...focus}
          ref={refer}
          data={field.options.map((option) => ({ ...option }))}
          value={typed === '' ? null : typed}
          onChange={(next) => onChange(next ?? '')}
          placeholder={t(field.options.length === 0 ? 'form.nothingToChoose' : 'form.choosePlaceholder')}
          allowDeselect={field.optional === true}
          clearable={field.optional === true}
          searchable={field.options.length > 12}
          nothingFoundMessage={t('common.nothingMatches')}
        />
      );
    case 'many': {
      const picked = Array.isArray(value) ? [...(value as readonly string[])] : [];
      return (
        <Checkbox.Group {...shared} value={picked} onChange={onChange}>
          <div className={classes['slots']}>
            {field.options.map((option, index) => (
              <Checkbox
                key={option.value}
                {...(index === 0 ? { ref: refer } : {})}
                size="xs"
                value={option.value}
                label={option.label}
                disabled={option.disabled ?? false}
              />
            ))}
          </div>
        </Checkbox.Group>
      );
    }
    case 'switch':
      return (
        <Switch
          {...shared}
          ref={refer}
          size="xs"
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    case 'name':
    case 'typed':
    case 'size':
    case 'duration':
    case 'rate':
    case 'count':
      return (
        <TextInput
          {...shared}
          {...focus}
          ref={refer}
          value={typed}
          onChange={(event) => onChange(event.currentTarget.value)}
          onFocus={(event) => {
            // A suggestion is there to be typed over.
            if (field.kind === 'name' && first) event.currentTarget.select();
          }}
          placeholder={
            field.kind === 'name' ? field.suggestion : 'placeholder' in field ? field.placeholder : undefined
          }
          {...(field.kind === 'count' ? { inputMode: 'numeric' as const } : {})}
          autoComplete="off"
          spellCheck={false}
        />
      );
  }
}

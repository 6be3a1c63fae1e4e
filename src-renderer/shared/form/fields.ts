import type { z } from 'zod';
import * as units from '../units.ts';

/** What a field holds while it is edited: text as typed, a switch, or the options picked. */
export type Value = string | boolean | readonly string[];
export type Values = Record<string, Value>;

export interface Option {
  value: string;
  label: string;
  disabled?: boolean;
}

interface Common {
  /** The key of the contract's input, so that its words land here. */
  key: string;
  label: string;
  hint?: string;
  /** Left out of the input while it is empty. */
  optional?: boolean;
}

/** `size` takes 64MiB, `duration` 10ms, `rate` 100MiB or "unlimited": the same words as the command line. */
export type Field = Common &
  (
    | { kind: 'name'; /** Used when nothing is typed. */ suggestion?: string }
    | { kind: 'size' | 'duration' | 'rate' | 'count'; placeholder?: string }
    | { kind: 'choice'; options: readonly Option[]; segments?: boolean }
    | { kind: 'many'; options: readonly Option[] }
    | { kind: 'switch' }
    | { kind: 'typed'; name: string }
  );

/** What is wrong with a field, said by the form itself; everything else is said by the contract. */
export type Complaint = 'choose' | 'size' | 'duration' | 'count' | 'typed';

interface Read {
  input: Record<string, unknown>;
  complaints: Record<string, Complaint>;
}

export function text(values: Values, key: string): string {
  const value = values[key];
  return typeof value === 'string' ? value.trim() : '';
}

/** One field as the contract wants it, or the complaint about it. `undefined` is left out of the input. */
function read(field: Field, values: Values): { value: unknown } | { complaint: Complaint } {
  const typed = text(values, field.key);
  const missing = field.optional === true && typed === '';
  switch (field.kind) {
    case 'name':
      return { value: typed === '' ? (field.suggestion ?? (missing ? undefined : '')) : typed };
    case 'choice': {
      const known = field.options.some((option) => option.value === typed && option.disabled !== true);
      return known ? { value: typed } : missing ? { value: undefined } : { complaint: 'choose' };
    }
    case 'many': {
      const picked = values[field.key];
      const list = Array.isArray(picked) ? (picked as readonly string[]).map(Number) : [];
      return list.length > 0
        ? { value: list }
        : field.optional === true
          ? { value: undefined }
          : { complaint: 'choose' };
    }
    case 'switch':
      return { value: values[field.key] === true ? true : undefined };
    case 'typed':
      return typed === field.name ? { value: typed } : { complaint: 'typed' };
    case 'size':
    case 'rate': {
      if (missing) return { value: undefined };
      if (field.kind === 'rate' && typed === 'unlimited') return { value: null };
      const size = units.parseSize(typed);
      return size === null ? { complaint: 'size' } : { value: size };
    }
    case 'duration': {
      if (missing) return { value: undefined };
      const durationMs = units.parseDurationMs(typed);
      return durationMs === null ? { complaint: 'duration' } : { value: durationMs };
    }
    case 'count': {
      if (missing) return { value: undefined };
      return /^\d+$/.test(typed) ? { value: Number(typed) } : { complaint: 'count' };
    }
  }
}

/** The input as the contract wants it, keys without a value left out. Pure. */
export function readFields(fields: readonly Field[], values: Values): Read {
  const input: Record<string, unknown> = {};
  const complaints: Record<string, Complaint> = {};
  for (const field of fields) {
    const found = read(field, values);
    if ('complaint' in found) complaints[field.key] = found.complaint;
    else if (found.value !== undefined) input[field.key] = found.value;
  }
  return { input, complaints };
}

/** Bounds in the field's own unit; the contract's own sentence wherever it has one. */
export function wordsOf(
  issue: z.core.$ZodIssue,
  field: Field | undefined,
): { least?: string; most?: string; text?: string } {
  const figure = (value: number | bigint): string => {
    const number = Number(value);
    if (field?.kind === 'size' || field?.kind === 'rate') return units.bytes(number);
    return field?.kind === 'duration' ? units.durationMs(number) : units.count(number);
  };
  if (issue.code === 'too_small' && issue.origin === 'number') return { least: figure(issue.minimum) };
  if (issue.code === 'too_big' && issue.origin === 'number') return { most: figure(issue.maximum) };
  if (issue.code === 'not_multiple_of') return { text: `${issue.message} (${figure(issue.divisor)})` };
  return { text: issue.message };
}

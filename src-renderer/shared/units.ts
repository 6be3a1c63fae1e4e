/**
 * Numbers as people read them: IEC for bytes, SI for rates of operations, durations with two leading units at most.
 * A figure that does not exist is an en dash, never a zero.
 */
const NONE = '–';
const MINUS = '−';
const IEC = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const SI = ['', 'k', 'M', 'G'];

type Maybe = number | null | undefined;

function scaled(value: number, base: number, last: number): [number, number] {
  let magnitude = Math.abs(value);
  let step = 0;
  // 999.95 would print as 1000.0: go up one step before that happens.
  while (magnitude >= base * 0.99995 && step < last) {
    magnitude /= base;
    step += 1;
  }
  return [magnitude, step];
}

function digits(magnitude: number): string {
  if (magnitude >= 100 || Number.isInteger(magnitude)) return magnitude.toFixed(0);
  return magnitude >= 10 ? magnitude.toFixed(1) : magnitude.toFixed(2);
}

function sign(value: number): string {
  return value < 0 ? MINUS : '';
}

export function bytes(value: Maybe): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const [magnitude, step] = scaled(value, 1024, IEC.length - 1);
  return `${sign(value)}${digits(magnitude)} ${IEC[step] ?? ''}`;
}

export function bytesPerSecond(value: Maybe): string {
  const text = bytes(value);
  return text === NONE ? NONE : `${text}/s`;
}

/** SI: 1.25 k, 3.4 M. */
export function si(value: Maybe): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const [magnitude, step] = scaled(value, 1000, SI.length - 1);
  const unit = SI[step] ?? '';
  const text = step === 0 && magnitude >= 10 ? magnitude.toFixed(0) : digits(magnitude);
  return `${sign(value)}${text}${unit === '' ? '' : ` ${unit}`}`;
}

/** A whole number; thin group separators from five digits on: 9204, 1 204 331. */
export function count(value: Maybe): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const text = Math.abs(Math.round(value)).toString();
  return `${sign(value)}${text.length < 5 ? text : text.replace(/\B(?=(\d{3})+$)/g, '\u202f')}`;
}

export function durationMs(value: Maybe): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const ms = Math.abs(value);
  const prefix = sign(value);
  if (ms < 1) return `${prefix}${ms === 0 ? '0' : ms.toFixed(2)} ms`;
  if (ms < 1000) return `${prefix}${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${prefix}${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds).toFixed(0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${prefix}${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${prefix}${hours} h ${minutes % 60} min`;
  return `${prefix}${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function durationSeconds(value: Maybe): string {
  return durationMs(value === null || value === undefined ? value : value * 1000);
}

/** A share of one as percent; never rounds up to 100 %. */
export function percent(share: Maybe): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return NONE;
  const value = share * 100;
  if (value >= 100) return '100 %';
  if (value > 99.9) return '99.9 %';
  return `${value < 10 ? value.toFixed(1) : value.toFixed(value >= 99 ? 1 : 0)} %`;
}

function instant(at: number | string): Date {
  return new Date(at);
}

/** Local time of day with seconds. */
export function timeOfDay(at: number | string): string {
  const date = instant(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** Local date and time, ISO order. */
export function dateTime(at: number | string): string {
  const date = instant(at);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
  return `${day} ${timeOfDay(at)}`;
}

export function utc(at: number | string): string {
  return `${instant(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`;
}

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/** `4096`, `64MiB`, `1G` (= GiB), `1GB` (decimal), as the command line reads them; null where it is no size. */
export function parseSize(text: string): number | null {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)$/.exec(text.trim());
  const factor = FACTORS[(match?.[2] ?? '?').toLowerCase().replace(/ib$/, '')];
  const size = Number(match?.[1]) * (factor ?? Number.NaN);
  return Number.isSafeInteger(size) ? size : null;
}

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** `10s`, `500ms`, `2m`; a bare number is seconds, as on the command line. In milliseconds; null where it is no duration. */
export function parseDurationMs(text: string): number | null {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)$/.exec(text.trim());
  const seconds = Number(match?.[1]) * (SECONDS[match?.[2] ?? '?'] ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : null;
}

/** A size as it may be typed again: the largest unit that needs no fraction (67108864 is 64MiB). */
export function sizeText(size: number): string {
  let value = size;
  let step = 0;
  while (value >= 1024 && value % 1024 === 0 && step < IEC.length - 2) {
    value /= 1024;
    step += 1;
  }
  return step === 0 ? String(value) : `${value}${IEC[step] ?? ''}`;
}

/** A duration as it may be typed again: 1500 is 1500ms, 60000 is 60s. */
export function durationText(durationMs: number): string {
  return durationMs >= 1000 && durationMs % 1000 === 0 ? `${durationMs / 1000}s` : `${durationMs}ms`;
}

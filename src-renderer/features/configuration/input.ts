import { contract } from '../../../src-engine/contract/index.ts';
import type { Lists } from '../../client/index.ts';
import { units, type Tone } from '../../shared/index.ts';
import type { Option } from '../../shared/form/index.ts';

/** The schema that the engine itself checks the input of a procedure with. */
export function inputOf<Schema>(procedure: {
  readonly '~orpc': { readonly inputSchema?: Schema | undefined };
}): Schema {
  const schema = procedure['~orpc'].inputSchema;
  if (schema === undefined) throw new Error('a procedure of the contract has no input schema');
  return schema;
}

export const schemas = {
  site: inputOf(contract.site.create),
  cluster: inputOf(contract.cluster.create),
  server: inputOf(contract.server.create),
  link: inputOf(contract.link.create),
  setLink: inputOf(contract.link.set),
  array: inputOf(contract.array.create),
  pool: inputOf(contract.pool.create),
  volume: inputOf(contract.volume.create),
  grow: inputOf(contract.volume.grow),
  mirror: inputOf(contract.mirror.create),
  settings: inputOf(contract.lab.set),
} as const;

interface Named {
  readonly name: string;
}

const MAX_NAME = 63;

/** `wanted`, or `wanted-2` and so on where the name is taken already. */
export function freeName(wanted: string, taken: readonly Named[]): string {
  const names = new Set(taken.map((one) => one.name));
  for (let number = 1; ; number++) {
    const end = number === 1 ? '' : `-${number}`;
    const name = `${wanted.slice(0, MAX_NAME - end.length)}${end}`;
    if (!names.has(name)) return name;
  }
}

/** `west-1`, `west-2`, ...: the first that is free. */
export function numberedName(prefix: string, taken: readonly Named[]): string {
  const names = new Set(taken.map((one) => one.name));
  for (let number = 1; ; number++) if (!names.has(`${prefix}-${number}`)) return `${prefix}-${number}`;
}

export const optionsOf = (things: readonly Named[], label: (name: string) => string = (name) => name): Option[] =>
  things.map(({ name }) => ({ value: name, label: label(name) }));

/** Chosen before it is asked: what the sheet was opened for, or the only one there is. */
export function preset(of: string | null, things: readonly Named[]): string {
  if (of !== null && things.some((one) => one.name === of)) return of;
  return things.length === 1 ? (things[0]?.name ?? '') : '';
}

/** What is not filled in yet stands in a command line as a word in capitals. */
export const word = (typed: string, placeholder: string): string =>
  typed === '' ? placeholder : typed.replaceAll(/\s+/g, '');

export function flag(name: string, typed: string): string {
  return typed === '' ? '' : ` --${name} ${word(typed, '')}`;
}

/** Where the pool's volumes live, in words. */
export function poolLabel(
  lists: Lists,
  name: string,
  template: (values: { pool: string; site: string; free: string }) => string,
): string {
  const pool = lists.pools.find((one) => one.name === name);
  return pool === undefined ? name : template({ pool: name, site: pool.site, free: units.bytes(pool.freeBytes) });
}

/** The link that joins two sites, if any does. */
export function linkBetween(lists: Lists, a: string, b: string): string | null {
  return lists.links.find((link) => link.sites.includes(a) && link.sites.includes(b) && a !== b)?.name ?? null;
}

export const refusalTone = (allowed: boolean): Tone => (allowed ? 'ok' : 'bad');

/** The settings of a lab: defaults, what somebody set over them, and the live values that everything else reads. */
import { labSettingsSchema, type LabSettingName, type LabSettings, type LabSettingsView } from '../contract/index.ts';
import { KEEP, type Catalog } from './catalog/index.ts';
import type { ServerSettings } from './server/types.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
/** Null goes back to the default. */
export type SettingsChange = { readonly [Name in LabSettingName]?: LabSettings[Name] | null | undefined };

const NAMES = Object.keys(labSettingsSchema.shape) as LabSettingName[];

export class LabSettingsKeeper {
  /** One object for the life of the lab; its values change under whoever reads them. */
  readonly server: ServerSettings;
  readonly #catalog: Catalog;
  readonly #defaults: LabSettings;
  readonly #live: Mutable<ServerSettings>;
  #values: LabSettings;

  constructor(catalog: Catalog, base: ServerSettings) {
    this.#catalog = catalog;
    this.#defaults = {
      cpIntervalMs: base.cpIntervalMs,
      peerWaitMs: base.peerWaitMs,
      mirrorTimeoutMs: base.mirrorTimeoutMs,
      strictTimeoutMs: base.strictTimeoutMs,
      resyncBytesPerSecond: base.resyncBytesPerSecond,
      mirrorRecovery: 'auto',
      mirrorPolicy: 'availability',
      keepEvents: KEEP.events,
    };
    this.#live = { ...base };
    this.server = this.#live;
    this.#values = { ...this.#defaults };
    for (const { id, body } of catalog.all('settings')) {
      // One that this program does not know, or not with that value, counts as not set.
      const parsed = labSettingsSchema.partial().safeParse({ [id]: (body as { readonly value?: unknown }).value });
      if (parsed.success) this.#values = merged(this.#values, parsed.data);
    }
    this.#apply();
  }

  get values(): LabSettings {
    return this.#values;
  }

  view(): LabSettingsView {
    return { settings: { ...this.#values }, defaults: { ...this.#defaults }, bounds: BOUNDS };
  }

  /** All or nothing; what changed, as sentences. */
  set(change: SettingsChange): readonly string[] {
    const wanted = NAMES.filter((name) => change[name] !== undefined);
    const next = merged(
      this.#values,
      Object.fromEntries(wanted.map((name) => [name, change[name] ?? this.#defaults[name]])),
    );
    this.#catalog.transaction(() => {
      for (const name of wanted) {
        if (change[name] === null) this.#catalog.remove('settings', name);
        else this.#catalog.put('settings', { id: name, name, body: { id: name, value: next[name] } });
      }
    });
    const changed = wanted.filter((name) => next[name] !== this.#values[name]);
    const told = changed.map((name) => `${name} from ${this.#values[name]} to ${next[name]}`);
    this.#values = next;
    this.#apply();
    return told;
  }

  #apply(): void {
    const { cpIntervalMs, peerWaitMs, mirrorTimeoutMs, strictTimeoutMs, resyncBytesPerSecond, keepEvents } =
      this.#values;
    Object.assign(this.#live, {
      cpIntervalMs,
      peerWaitMs,
      mirrorTimeoutMs,
      strictTimeoutMs,
      resyncBytesPerSecond,
    } satisfies Partial<ServerSettings>);
    if (keepEvents < this.#catalog.keepEvents) this.#catalog.pruneEvents(keepEvents);
    this.#catalog.keepEvents = keepEvents;
  }
}

function merged(values: LabSettings, over: { readonly [Name in LabSettingName]?: unknown }): LabSettings {
  return { ...values, ...over } as LabSettings;
}

/** From the contract's own schema, so that they are said once. */
const BOUNDS: LabSettingsView['bounds'] = Object.fromEntries(
  Object.entries(labSettingsSchema.shape).flatMap(([name, schema]) =>
    'minValue' in schema && schema.minValue !== null && schema.maxValue !== null
      ? [[name, { minimum: schema.minValue, maximum: schema.maxValue }]]
      : [],
  ),
);

import type { FaultKind } from '../../../src-engine/contract/index.ts';
import type { IconName } from '../../shared/index.ts';

/** What can be picked on the map. */
export type Thing =
  | { readonly kind: 'site' | 'server' | 'array' | 'link'; readonly name: string }
  | { readonly kind: 'arc'; readonly name: string; readonly mirrors: readonly string[] };

/** One line of the context menu and of the inspector: leads to a page, or to the sheet of a fault. */
export type ThingAction =
  | { readonly kind: 'open'; readonly icon: IconName; readonly to: string; readonly name: string }
  | { readonly kind: 'fault'; readonly icon: IconName; readonly fault: FaultKind; readonly target: string };

const fault = (kind: FaultKind, target: string): ThingAction => ({
  kind: 'fault',
  icon: 'faults',
  fault: kind,
  target,
});

const page = (noun: string, icon: IconName, name: string): readonly ThingAction[] => [
  { kind: 'open', icon, to: `/${noun}/${encodeURIComponent(name)}`, name },
];

/** What can be done with a thing, in the order of the menu. Pure. */
export function actionsOf(thing: Thing): readonly ThingAction[] {
  switch (thing.kind) {
    case 'site':
      return [fault('site-loss', thing.name)];
    case 'server':
      return [...page('servers', 'server', thing.name), fault('server-crash', thing.name)];
    case 'array':
      return page('arrays', 'disk', thing.name);
    case 'link':
      return [fault('link-cut', thing.name), fault('link-latency', thing.name), fault('link-bandwidth', thing.name)];
    case 'arc':
      return thing.mirrors.slice(0, 12).flatMap((mirror) => page('replication', 'replication', mirror));
  }
}

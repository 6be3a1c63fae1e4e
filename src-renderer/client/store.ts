import { create } from 'zustand';
import type {
  Cluster,
  Drill,
  Fault,
  HostStatus,
  Job,
  Link,
  Live,
  LiveNoun,
  Mirror,
  Pool,
  Sample,
  Server,
  Site,
  StorageArray,
  Volume,
  Workload,
} from '../../src-engine/contract/index.ts';

export interface Lists {
  sites: readonly Site[];
  clusters: readonly Cluster[];
  servers: readonly Server[];
  links: readonly Link[];
  arrays: readonly StorageArray[];
  pools: readonly Pool[];
  volumes: readonly Volume[];
  mirrors: readonly Mirror[];
  workloads: readonly Workload[];
  faults: readonly Fault[];
  jobs: readonly Job[];
  drills: readonly Drill[];
}

/** `live`: figures are now. `lost`: what is shown is of `at` and must look it. */
export type Connection = 'connecting' | 'live' | 'lost';

export interface LiveState extends Lists {
  connection: Connection;
  /** The host refuses this session: only its printed address leads back. */
  sessionEnded: boolean;
  host: HostStatus | null;
  /** True once the first snapshot of the open lab is here. */
  ready: boolean;
  /** Engine time of the newest message. */
  at: string | null;
  samples: readonly Sample[];
  lastEventId: number;
}

const NOUNS: readonly LiveNoun[] = [
  'sites',
  'clusters',
  'servers',
  'links',
  'arrays',
  'pools',
  'volumes',
  'mirrors',
  'workloads',
  'faults',
  'jobs',
  'drills',
];
/** Ten minutes of samples, about one a second. */
const SAMPLES_KEPT = 600;

const emptyLists: Lists = {
  sites: [],
  clusters: [],
  servers: [],
  links: [],
  arrays: [],
  pools: [],
  volumes: [],
  mirrors: [],
  workloads: [],
  faults: [],
  jobs: [],
  drills: [],
};

export const initialState: LiveState = {
  ...emptyLists,
  connection: 'connecting',
  sessionEnded: false,
  host: null,
  ready: false,
  at: null,
  samples: [],
  lastEventId: 0,
};

export const useLive = create<LiveState>(() => initialState);

interface WithId {
  readonly id: string;
}

/** Replaces by id, keeps the order of creation, appends what is new. */
export function mergeById<T extends WithId>(
  old: readonly T[],
  changed: readonly T[],
  removed: ReadonlySet<string>,
): readonly T[] {
  const pending = new Map(changed.map((one) => [one.id, one]));
  const kept = old.flatMap((one) => {
    const next = pending.get(one.id);
    pending.delete(one.id);
    if (removed.has(one.id)) return [];
    return [next ?? one];
  });
  return [...kept, ...pending.values()];
}

/** The state after one message of the live stream. Pure. */
export function applyLive(state: LiveState, message: Live): LiveState {
  const next: LiveState = { ...state, at: message.at, lastEventId: message.lastEventId, ready: true };
  const lists: Record<string, readonly WithId[]> = {};
  for (const noun of NOUNS) {
    const changed: readonly WithId[] | undefined = message[noun];
    const removed = new Set((message.removed ?? []).filter((one) => one.noun === noun).map((one) => one.id));
    if (message.kind === 'snapshot') lists[noun] = changed ?? [];
    else if (changed !== undefined || removed.size > 0)
      lists[noun] = mergeById<WithId>(state[noun], changed ?? [], removed);
  }
  Object.assign(next, lists);
  if (message.sample !== undefined) next.samples = [...state.samples, message.sample].slice(-SAMPLES_KEPT);
  return next;
}

/**
 * The stream behind the console: one snapshot, then what changed, a few times a second. The lists are made once per
 * change of the lab, however many consoles follow.
 */
import type { Live, LiveNoun } from '../contract/index.ts';
import { isFinished } from '../contract/index.ts';
import { instant } from './instant.ts';
import type { Lab } from './lab.ts';

const EVERY_MS = 250;
/** Followers that look within this time share one making. */
const SHARED_MS = 100;
const FINISHED_JOBS = 50;

type Lists = { [Noun in LiveNoun]: NonNullable<Live[Noun]> };

function listsOf(lab: Lab): Lists {
  const { topology, views } = lab;
  const jobs = lab.jobs.list();
  const finished = new Set(
    jobs
      .filter((job) => isFinished(job.state))
      .slice(-FINISHED_JOBS)
      .map((job) => job.id),
  );
  return {
    sites: topology.sites.list().map((site) => views.site(site)),
    clusters: topology.clusters.list().map((cluster) => views.cluster(cluster)),
    servers: topology.servers.list().map((server) => views.servers.show(server)),
    links: topology.links.list().map((link) => views.link(link)),
    arrays: topology.arrays.list().map((array) => views.array(array)),
    pools: topology.pools.list().map((pool) => views.pool(pool)),
    volumes: topology.volumes.list().map((volume) => lab.volumes.present(volume)),
    mirrors: topology.mirrors.list().map((mirror) => lab.mirrors.present(mirror)),
    workloads: lab.workloads.list(),
    faults: lab.faults.list(),
    jobs: jobs.filter((job) => !isFinished(job.state) || finished.has(job.id)),
    drills: lab.drills.list(),
  };
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

/** All lists at one moment, and each item as text: what a follower was sent is told from what is by comparing texts. */
interface Moment {
  readonly lists: Lists;
  readonly texts: ReadonlyMap<LiveNoun, ReadonlyMap<string, string>>;
}

/** The present moment, kept until something changes. */
export class LiveLists {
  readonly #lab: Lab;
  #moment: Moment | null = null;
  #madeAtMs = 0;
  #stale = false;

  constructor(lab: Lab) {
    this.#lab = lab;
    lab.onChange(() => {
      this.#stale = true;
    });
  }

  get lab(): Lab {
    return this.#lab;
  }

  /** The same object as long as nothing changed. */
  now(fresh = false): Moment {
    const nowMs = this.#lab.clock.nowMs();
    // Between two looks of a follower any number of changes cost one making; a new follower sees what is, at once.
    if (this.#moment === null || (this.#stale && (fresh || nowMs - this.#madeAtMs >= SHARED_MS))) {
      const lists = listsOf(this.#lab);
      const texts = new Map<LiveNoun, ReadonlyMap<string, string>>();
      for (const noun of NOUNS) texts.set(noun, new Map(lists[noun].map((item) => [item.id, JSON.stringify(item)])));
      this.#moment = { lists, texts };
      this.#madeAtMs = nowMs;
      this.#stale = false;
    }
    return this.#moment;
  }
}

export async function* followLive(live: LiveLists, signal: AbortSignal | undefined): AsyncGenerator<Live, void> {
  const { lab } = live;
  let sent = live.now(true);
  let sampleAt = lab.sampler.latest?.at ?? 0;
  let lastEventId = lab.events.lastId;
  yield {
    kind: 'snapshot',
    at: instant(lab.clock.wallMs()),
    ...sent.lists,
    ...(lab.sampler.latest === null ? {} : { sample: lab.sampler.latest }),
    lastEventId,
  };
  while (!lab.closed && signal?.aborted !== true) {
    await pause(lab, signal);
    if (lab.closed || isAborted(signal)) return;
    const moment = live.now();
    const { delta, removed } = difference(sent, moment);
    sent = moment;
    const sample = lab.sampler.latest !== null && lab.sampler.latest.at !== sampleAt ? lab.sampler.latest : null;
    sampleAt = lab.sampler.latest?.at ?? sampleAt;
    const eventId = lab.events.lastId;
    if (Object.keys(delta).length === 0 && removed.length === 0 && sample === null && eventId === lastEventId) continue;
    lastEventId = eventId;
    yield {
      kind: 'delta',
      at: instant(lab.clock.wallMs()),
      ...(delta as Partial<Lists>),
      ...(removed.length === 0 ? {} : { removed }),
      ...(sample === null ? {} : { sample }),
      lastEventId,
    };
  }
}

function difference(
  before: Moment,
  now: Moment,
): {
  readonly delta: Partial<Record<LiveNoun, unknown[]>>;
  readonly removed: { noun: LiveNoun; id: string }[];
} {
  const delta: Partial<Record<LiveNoun, unknown[]>> = {};
  const removed: { noun: LiveNoun; id: string }[] = [];
  if (before === now) return { delta, removed };
  for (const noun of NOUNS) {
    const had = before.texts.get(noun) ?? NO_TEXTS;
    const has = now.texts.get(noun) ?? NO_TEXTS;
    const items: readonly { readonly id: string }[] = now.lists[noun];
    const changed = items.filter((item) => had.get(item.id) !== has.get(item.id));
    for (const id of had.keys()) if (!has.has(id)) removed.push({ noun, id });
    if (changed.length > 0) delta[noun] = changed;
  }
  return { delta, removed };
}
const NO_TEXTS: ReadonlyMap<string, string> = new Map();

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function pause(lab: Lab, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = lab.clock.after(EVERY_MS, resolve);
    signal?.addEventListener(
      'abort',
      () => {
        timer.cancel();
        resolve();
      },
      { once: true },
    );
  });
}

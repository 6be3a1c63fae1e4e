/** The stream behind the console: one snapshot, then what changed, at most ten times a second. */
import type { Live, LiveNoun } from '../contract/index.ts';
import { isFinished } from '../contract/index.ts';
import { instant } from './instant.ts';
import type { Lab } from './lab.ts';

const EVERY_MS = 250;
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
    servers: topology.servers.list().map((server) => views.server(server)),
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

export async function* followLive(lab: Lab, signal: AbortSignal | undefined): AsyncGenerator<Live, void> {
  const sent = new Map<LiveNoun, Map<string, string>>();
  const note = (noun: LiveNoun, items: readonly { readonly id: string }[]): void => {
    sent.set(noun, new Map(items.map((item) => [item.id, JSON.stringify(item)])));
  };
  const first = listsOf(lab);
  for (const noun of NOUNS) note(noun, first[noun]);
  let sampleAt = lab.sample?.at ?? 0;
  yield {
    kind: 'snapshot',
    at: instant(lab.clock.wallMs()),
    ...first,
    ...(lab.sample === null ? {} : { sample: lab.sample }),
    lastEventId: lab.events.lastId,
  };
  let lastEventId = lab.events.lastId;
  while (!lab.closed && signal?.aborted !== true) {
    await pause(lab, signal);
    if (lab.closed || isAborted(signal)) return;
    const lists = listsOf(lab);
    const delta: Partial<Record<LiveNoun, unknown[]>> = {};
    const removed: { noun: LiveNoun; id: string }[] = [];
    for (const noun of NOUNS) {
      const before = sent.get(noun) ?? new Map<string, string>();
      const changed = (lists[noun] as readonly { readonly id: string }[]).filter(
        (item) => before.get(item.id) !== JSON.stringify(item),
      );
      const ids = new Set(lists[noun].map((item) => item.id));
      for (const id of before.keys()) if (!ids.has(id)) removed.push({ noun, id });
      if (changed.length > 0) delta[noun] = changed;
      note(noun, lists[noun]);
    }
    const sample = lab.sample !== null && lab.sample.at !== sampleAt ? lab.sample : null;
    sampleAt = lab.sample?.at ?? sampleAt;
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

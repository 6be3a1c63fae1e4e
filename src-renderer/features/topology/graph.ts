import type { Lists } from '../../client/index.ts';

/** What stands on the map and what runs between; names, no positions. Live figures are looked up where they are drawn. */
export interface Graph {
  readonly sites: readonly SiteArea[];
  readonly links: readonly { readonly name: string; readonly from: string; readonly to: string }[];
  readonly arcs: readonly Arc[];
}
export interface SiteArea {
  readonly name: string;
  /** Each server with the arrays whose pools it owns. */
  readonly racks: readonly { readonly server: string | null; readonly arrays: readonly string[] }[];
}
/** Relationships that run from one array to another, bundled: a thousand of them are no thousand lines. */
export interface Arc {
  readonly id: string;
  /** The array that sends: of the acting side. */
  readonly from: string;
  readonly to: string;
  readonly mirrors: readonly string[];
}

type Input = Pick<Lists, 'sites' | 'servers' | 'arrays' | 'pools' | 'volumes' | 'links' | 'mirrors'>;

export const siteId = (name: string): string => `site/${name}`;
export const serverId = (name: string): string => `server/${name}`;
export const arrayId = (name: string): string => `array/${name}`;

function racksOf(site: string, { servers, arrays, pools }: Input): SiteArea['racks'] {
  const owner = new Map<string, string>();
  for (const pool of pools) if (pool.owner !== null) owner.set(pool.array, owner.get(pool.array) ?? pool.owner);
  const here = arrays.filter((array) => array.site === site);
  const local = servers.filter((server) => server.site === site);
  // An array whose owner is down stands where the servers of its cluster stand.
  const standsWith = (array: (typeof here)[number]): string | null =>
    owner.get(array.name) ?? local.find((server) => server.cluster === array.cluster)?.name ?? null;
  const racks = local.map((server) => ({
    server: server.name,
    arrays: here.filter((array) => standsWith(array) === server.name).map((array) => array.name),
  }));
  const known = new Set(racks.flatMap((rack) => rack.arrays));
  const alone = here.filter((array) => !known.has(array.name)).map((array) => array.name);
  return alone.length === 0 ? racks : [...racks, { server: null, arrays: alone }];
}

function arcsOf({ mirrors, volumes, pools }: Input): readonly Arc[] {
  const arrayOfPool = new Map(pools.map((pool) => [pool.name, pool.array]));
  const arrayOfVolume = new Map(volumes.map((volume) => [volume.name, arrayOfPool.get(volume.pool)]));
  const arcs = new Map<string, Arc & { mirrors: string[] }>();
  for (const mirror of mirrors) {
    const source = arrayOfVolume.get(mirror.source.volume);
    const destination = arrayOfVolume.get(mirror.destination.volume);
    if (source === undefined || destination === undefined) continue;
    const [from, to] = mirror.direction === 'forward' ? [source, destination] : [destination, source];
    const id = `arc/${from}/${to}`;
    const arc = arcs.get(id) ?? { id, from, to, mirrors: [] };
    arc.mirrors.push(mirror.name);
    arcs.set(id, arc);
  }
  return [...arcs.values()];
}

/** Pure: the same lists give the same graph. */
export function graphOf(lists: Input): Graph {
  return {
    sites: lists.sites.map((site) => ({ name: site.name, racks: racksOf(site.name, lists) })),
    links: lists.links.map((link) => ({ name: link.name, from: link.sites[0], to: link.sites[1] })),
    arcs: arcsOf(lists),
  };
}

import dagre from '@dagrejs/dagre';
import { arrayId, serverId, siteId, type Graph, type SiteArea } from './graph.ts';

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Its site: the position is relative to it. */
  readonly parent?: string;
}
export type Places = ReadonlyMap<string, Place>;

export const BOX = { width: 228, server: 84, array: 66 } as const;
const GAP = 14;
const PAD = 18;
const HEAD = 44;
/** Between sites there is room for what the link and the relationships have to say. */
const BETWEEN_SITES = 260;

function rackHeight(rack: SiteArea['racks'][number]): number {
  const boxes = (rack.server === null ? 0 : 1) + rack.arrays.length;
  return (rack.server === null ? 0 : BOX.server) + rack.arrays.length * BOX.array + GAP * Math.max(0, boxes - 1);
}

function placeRacks(site: SiteArea, places: Map<string, Place>): { width: number; height: number } {
  const parent = siteId(site.name);
  const columns = Math.max(1, Math.ceil(Math.sqrt(site.racks.length / 1.6)));
  let y = HEAD;
  for (let first = 0; first < site.racks.length; first += columns) {
    const row = site.racks.slice(first, first + columns);
    row.forEach((rack, column) => {
      const x = PAD + column * (BOX.width + GAP);
      let top = y;
      const put = (id: string, height: number): void => {
        places.set(id, { x, y: top, width: BOX.width, height, parent });
        top += height + GAP;
      };
      if (rack.server !== null) put(serverId(rack.server), BOX.server);
      for (const array of rack.arrays) put(arrayId(array), BOX.array);
    });
    y += Math.max(...row.map(rackHeight)) + GAP * 2;
  }
  const used = Math.min(columns, Math.max(1, site.racks.length));
  const height = site.racks.length === 0 ? HEAD + BOX.array + PAD : y - GAP * 2 + PAD;
  return { width: 2 * PAD + used * BOX.width + (used - 1) * GAP, height };
}

/** The automatic layout: sites from left to right along their links, racks in a grid inside. Pure. */
export function autoPlaces(graph: Graph): Places {
  const places = new Map<string, Place>();
  const plan = new dagre.graphlib.Graph();
  plan.setGraph({ rankdir: 'LR', ranksep: BETWEEN_SITES, nodesep: 56 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const site of graph.sites) plan.setNode(siteId(site.name), placeRacks(site, places));
  for (const link of graph.links) plan.setEdge(siteId(link.from), siteId(link.to));
  dagre.layout(plan);
  for (const site of graph.sites) {
    const id = siteId(site.name);
    const { x, y, width, height } = plan.node(id) as { x: number; y: number; width: number; height: number };
    places.set(id, { x: x - width / 2, y: y - height / 2, width, height });
  }
  return places;
}

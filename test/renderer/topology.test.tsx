import { screen } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import { autoPlaces, BOX } from '../../src-renderer/features/topology/place.ts';
import { graphOf } from '../../src-renderer/features/topology/graph.ts';
import { actionsOf } from '../../src-renderer/features/topology/things.ts';
import { loadArrangement, saveArrangement } from '../../src-renderer/features/topology/arrangement.ts';
import type { Lists } from '../../src-renderer/client/index.ts';
import { calm } from './lab/data.ts';
import { MemoryLab } from './lab/router.ts';
import { renderConsole } from './render.tsx';

const lists = (): Lists => {
  const { sites, clusters, servers, links, arrays, pools, volumes, mirrors, workloads, faults, jobs, drills } = calm();
  return {
    sites: sites ?? [],
    clusters: clusters ?? [],
    servers: servers ?? [],
    links: links ?? [],
    arrays: arrays ?? [],
    pools: pools ?? [],
    volumes: volumes ?? [],
    mirrors: mirrors ?? [],
    workloads: workloads ?? [],
    faults: faults ?? [],
    jobs: jobs ?? [],
    drills: drills ?? [],
  };
};

describe('what stands on the map', () => {
  test('every server with its arrays, every link, and relationships bundled by the arrays they join', () => {
    const graph = graphOf(lists());
    expect(graph.sites.map((site) => site.name)).toEqual(['north', 'south']);
    expect(graph.sites.flatMap((site) => site.racks.map((rack) => rack.server))).toEqual(['north-1', 'south-1']);
    expect(graph.links).toHaveLength(lists().links.length);
    expect(graph.arcs.flatMap((arc) => arc.mirrors).sort()).toEqual(
      lists()
        .mirrors.map((mirror) => mirror.name)
        .sort(),
    );
  });

  test('an arc turns round with the direction of its relationships', () => {
    const before = graphOf(lists()).arcs;
    const turned = lists();
    const after = graphOf({
      ...turned,
      mirrors: turned.mirrors.map((mirror) => ({ ...mirror, direction: 'reversed' as const })),
    }).arcs;
    expect(after.map((arc) => [arc.from, arc.to])).toEqual(before.map((arc) => [arc.to, arc.from]));
  });

  test('an array whose owner is gone still has its place', () => {
    const lost = lists();
    const graph = graphOf({ ...lost, servers: [], pools: lost.pools.map((pool) => ({ ...pool, owner: null })) });
    expect(graph.sites.flatMap((site) => site.racks.flatMap((rack) => rack.arrays)).sort()).toEqual(
      lost.arrays.map((array) => array.name).sort(),
    );
  });
});

describe('where it stands', () => {
  test('nothing overlaps and everything lies inside its site, for one server as for a hundred', () => {
    for (const servers of [0, 1, 7, 100]) {
      const racks = Array.from({ length: servers }, (_, i) => ({
        server: `s${i}`,
        arrays: Array.from({ length: i % 3 }, (__, k) => `a${i}-${k}`),
      }));
      const places = autoPlaces({ sites: [{ name: 'x', racks }], links: [], arcs: [] });
      const site = places.get('site/x');
      if (site === undefined) throw new Error('the site has no place');
      const inside = [...places.values()].filter((place) => place.parent !== undefined);
      for (const [index, place] of inside.entries()) {
        expect(place.width).toBe(BOX.width);
        expect(place.x).toBeGreaterThanOrEqual(0);
        expect(place.x + place.width).toBeLessThanOrEqual(site.width);
        expect(place.y + place.height).toBeLessThanOrEqual(site.height);
        for (const other of inside.slice(index + 1)) {
          const apart =
            place.x + place.width <= other.x ||
            other.x + other.width <= place.x ||
            place.y + place.height <= other.y ||
            other.y + other.height <= place.y;
          expect(apart).toBe(true);
        }
      }
    }
  });

  test('what was arranged by hand is kept for this lab and survives unreadable storage', () => {
    saveArrangement('lab-1', { 'site/north': { x: 5, y: 7 } });
    expect(loadArrangement('lab-1')).toEqual({ 'site/north': { x: 5, y: 7 } });
    expect(loadArrangement('lab-2')).toEqual({});
    localStorage.setItem('lockstep.topology.lab-1', '{"site/north":{"x":"far"},"site/south":null');
    expect(loadArrangement('lab-1')).toEqual({});
    saveArrangement('lab-1', {});
    expect(localStorage.getItem('lockstep.topology.lab-1')).toBeNull();
  });
});

describe('what can be done', () => {
  test('faults lead to their sheets and things to their pages', () => {
    expect(actionsOf({ kind: 'server', name: 'north-1' })).toMatchObject([
      { kind: 'open', to: '/servers/north-1' },
      { kind: 'fault', fault: 'server-crash', target: 'north-1' },
    ]);
    expect(actionsOf({ kind: 'link', name: 'a' }).map((action) => action.kind)).toEqual(['fault', 'fault', 'fault']);
    expect(actionsOf({ kind: 'arc', name: 'x', mirrors: ['orders'] })).toMatchObject([{ to: '/replication/orders' }]);
  });

  test('the map can be read as a table, and what is picked there is inspected', async () => {
    const { user } = renderConsole(new MemoryLab(calm()), '/topology?as=table');
    await user.click(await screen.findByRole('cell', { name: 'north-1' }));
    const inspector = await screen.findByRole('complementary', { name: 'Inspector' });
    await vi.waitFor(() => expect(inspector.textContent).toContain('north-1'));
    expect(inspector.textContent).toContain('Server crash');
  });
});

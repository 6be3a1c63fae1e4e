/** What is alike for everything that is configured: it can get another name, and it can go. */
import type { Deleted } from '../../contract/index.ts';
import type { Lab } from '../lab.ts';
import type { Procedures } from './procedures.ts';

export function changeRoutes(os: Procedures, lab: Lab) {
  const { topology, views, removal, renaming } = lab;
  const deleted = async (record: Deleted, done: Promise<void>): Promise<Deleted> => {
    await done;
    return { id: record.id, name: record.name };
  };
  return {
    site: {
      rename: os.site.rename.handler(async ({ input }) =>
        views.site(await renaming.rename(topology.sites, topology.sites.find(input.site), input.name)),
      ),
      delete: os.site.delete.handler(({ input }) => {
        const site = topology.sites.find(input.site);
        return deleted(site, removal.site(site, input.confirm));
      }),
    },
    cluster: {
      rename: os.cluster.rename.handler(async ({ input }) =>
        views.cluster(await renaming.rename(topology.clusters, topology.clusters.find(input.cluster), input.name)),
      ),
      delete: os.cluster.delete.handler(({ input }) => {
        const cluster = topology.clusters.find(input.cluster);
        return deleted(cluster, removal.cluster(cluster, input.confirm));
      }),
    },
    server: {
      rename: os.server.rename.handler(async ({ input }) =>
        views.servers.show(await renaming.rename(topology.servers, topology.servers.find(input.server), input.name)),
      ),
      delete: os.server.delete.handler(({ input }) => {
        const server = topology.servers.find(input.server);
        return deleted(server, removal.server(server, input.confirm));
      }),
    },
    link: {
      rename: os.link.rename.handler(async ({ input }) =>
        views.link(await renaming.rename(topology.links, topology.links.find(input.link), input.name)),
      ),
      delete: os.link.delete.handler(({ input }) => {
        const link = topology.links.find(input.link);
        return deleted(link, removal.link(link, input.confirm));
      }),
    },
    array: {
      rename: os.array.rename.handler(async ({ input }) =>
        views.array(await renaming.rename(topology.arrays, topology.arrays.find(input.array), input.name)),
      ),
      delete: os.array.delete.handler(({ input }) => {
        const array = topology.arrays.find(input.array);
        return deleted(array, removal.array(array, input.confirm));
      }),
    },
    pool: {
      rename: os.pool.rename.handler(async ({ input }) =>
        views.pool(await renaming.rename(topology.pools, topology.pools.find(input.pool), input.name)),
      ),
      delete: os.pool.delete.handler(({ input }) => {
        const pool = topology.pools.find(input.pool);
        return deleted(pool, removal.pool(pool, input.confirm));
      }),
    },
    volume: {
      rename: os.volume.rename.handler(async ({ input }) =>
        lab.volumes.present(await renaming.rename(topology.volumes, topology.volumes.find(input.volume), input.name)),
      ),
    },
    mirror: {
      rename: os.mirror.rename.handler(async ({ input }) =>
        lab.mirrors.present(await renaming.rename(topology.mirrors, topology.mirrors.find(input.mirror), input.name)),
      ),
    },
  };
}

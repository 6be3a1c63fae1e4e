/** The lab itself and what stands in it: sites, clusters, servers, links, arrays, pools. */
import { confirmed } from '../confirmation.ts';
import type { Lab } from '../lab.ts';
import { refuse } from '../refused.ts';
import type { Procedures } from './procedures.ts';

export function topologyRoutes(os: Procedures, lab: Lab) {
  const { topology, views } = lab;
  return {
    lab: {
      info: os.lab.info.handler(() => lab.info()),
      opening: os.lab.opening.handler(() => lab.views.servers.opening(lab.settings.peerWaitMs)),
      check: os.lab.check.handler(({ input }) => lab.check(input?.repair ?? false)),
    },
    site: {
      list: os.site.list.handler(() => topology.sites.list().map((site) => views.site(site))),
      show: os.site.show.handler(({ input }) => views.site(topology.sites.find(input.site))),
      create: os.site.create.handler(({ input }) => views.site(lab.sites.create(input.name))),
    },
    cluster: {
      list: os.cluster.list.handler(() => topology.clusters.list().map((cluster) => views.cluster(cluster))),
      show: os.cluster.show.handler(({ input }) => views.cluster(topology.clusters.find(input.cluster))),
      create: os.cluster.create.handler(({ input }) =>
        views.cluster(lab.sites.createCluster(input.name, topology.sites.find(input.site))),
      ),
    },
    server: {
      list: os.server.list.handler(() => topology.servers.list().map((server) => views.servers.show(server))),
      show: os.server.show.handler(({ input }) => views.servers.detail(topology.servers.find(input.server))),
      create: os.server.create.handler(async ({ input }) =>
        views.servers.show(
          await lab.servers.create(input.name, topology.clusters.find(input.cluster), input.nvlogHalfBytes),
        ),
      ),
      powerOff: os.server.powerOff.handler(async ({ input }) => {
        const server = topology.servers.find(input.server);
        await lab.servers.powerOff(server, input.confirm);
        return views.servers.show(topology.servers.get(server.id));
      }),
      powerOn: os.server.powerOn.handler(async ({ input }) => {
        const server = topology.servers.find(input.server);
        await lab.servers.powerOn(server);
        return views.servers.show(topology.servers.get(server.id));
      }),
      skipPeerWait: os.server.skipPeerWait.handler(async ({ input }) => {
        const server = topology.servers.find(input.server);
        const waiting = lab.servers
          .unitOf(server.id)
          .need()
          .volumes()
          .some((volume) => volume.state === 'waiting');
        if (!waiting)
          refuse('server/not-waiting', `${server.name} waits for nobody.`, 'There is nothing to skip.', {
            field: 'server',
          });
        confirmed('server', server.name, input.confirm, 'The peer might have newer data: both sides could then serve.');
        await lab.servers.skipPeerWait(server);
        return views.servers.show(server);
      }),
    },
    link: {
      list: os.link.list.handler(() => topology.links.list().map((link) => views.link(link))),
      show: os.link.show.handler(({ input }) => views.link(topology.links.find(input.link))),
      create: os.link.create.handler(({ input }) =>
        views.link(
          lab.links.create(
            input.name,
            [topology.sites.find(input.sites[0]), topology.sites.find(input.sites[1])],
            input.latencyMs ?? 0,
            input.bandwidthBytesPerSecond ?? null,
          ),
        ),
      ),
      set: os.link.set.handler(({ input }) => views.link(lab.links.set(topology.links.find(input.link), input))),
    },
    array: {
      list: os.array.list.handler(() => topology.arrays.list().map((array) => views.array(array))),
      show: os.array.show.handler(({ input }) => views.array(topology.arrays.find(input.array))),
      create: os.array.create.handler(async ({ input }) =>
        views.array(
          await lab.arrays.create(input.name, topology.clusters.find(input.cluster), input.disks, input.diskSizeBytes),
        ),
      ),
    },
    pool: {
      list: os.pool.list.handler(() => topology.pools.list().map((pool) => views.pool(pool))),
      show: os.pool.show.handler(({ input }) => views.pool(topology.pools.find(input.pool))),
      create: os.pool.create.handler(async ({ input }) =>
        views.pool(
          await lab.pools.create(
            input.name,
            topology.arrays.find(input.array),
            input.level,
            input.slots,
            topology.servers.find(input.owner),
          ),
        ),
      ),
    },
  };
}

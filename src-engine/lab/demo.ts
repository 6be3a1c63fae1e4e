/** The demo lab: two sites that mirror two volumes. */
import type { Lab } from './lab.ts';
import type { PoolRecord, SiteRecord } from './topology.ts';

export interface DemoSizes {
  readonly payrollBytes: number;
  readonly ordersBytes: number;
  readonly northDiskBytes: number;
  readonly southDiskBytes: number;
}

const MIB = 1024 * 1024;
const DEMO_SIZES: DemoSizes = {
  payrollBytes: 256 * MIB,
  ordersBytes: 64 * MIB,
  northDiskBytes: 512 * MIB,
  southDiskBytes: 640 * MIB,
};

export async function createDemo(lab: Lab, sizes: DemoSizes = DEMO_SIZES): Promise<void> {
  const build = async (
    side: 'north' | 'south',
    level: 'raid6' | 'raid5',
    disks: number,
    diskBytes: number,
  ): Promise<{ readonly site: SiteRecord; readonly pool: PoolRecord }> => {
    const site = lab.sites.create(side);
    const cluster = lab.sites.createCluster(side, site);
    const array = await lab.arrays.create(`${side}-array`, cluster, disks, diskBytes);
    const server = await lab.servers.create(`${side}-1`, cluster);
    const pool = await lab.pools.create(`${side}-pool`, array, level, undefined, server);
    return { site, pool };
  };
  const north = await build('north', 'raid6', 6, sizes.northDiskBytes);
  const south = await build('south', 'raid5', 4, sizes.southDiskBytes);
  lab.links.create('north-south', [north.site, south.site], 1, null);
  const payroll = await lab.volumes.create('payroll', north.pool, sizes.payrollBytes);
  const orders = await lab.volumes.create('orders', north.pool, sizes.ordersBytes);
  const payrollCopy = await lab.volumes.create('payroll-copy', south.pool, sizes.payrollBytes);
  const ordersCopy = await lab.volumes.create('orders-copy', south.pool, sizes.ordersBytes);
  await lab.mirrors.create({ name: 'payroll', source: payroll, destination: payrollCopy });
  await lab.mirrors.create({ name: 'orders', source: orders, destination: ordersCopy });
}

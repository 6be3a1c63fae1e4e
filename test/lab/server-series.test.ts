import { afterAll, beforeAll, expect, it } from 'vitest';
import { open, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

const directory = temporaryDirectory();
let lab: OpenLab;

beforeAll(async () => {
  lab = await open(directory.path, true);
});
afterAll(async () => {
  await lab.close();
  directory.remove();
});

it('the series of a server have the latency of the writes that it acknowledged, and those of another server have not', async () => {
  const { client } = lab;
  await until('orders is served', async () => (await client.volume.show({ volume: 'orders' })).state === 'serving');
  await client.workload.start({ volume: 'orders', profile: 'random', queueDepth: 4 });
  const latencies = async (server: string): Promise<number[]> => {
    const { latencyP50Ms, latencyP99Ms } = await client.metrics.series({ server, windowSeconds: 60 });
    return [...latencyP50Ms, ...latencyP99Ms].filter((one) => one !== null);
  };
  await until('a second with writes was sampled', async () => (await latencies('north-1')).length > 1);
  await client.workload.stop({});
  expect((await latencies('north-1')).every((one) => one > 0)).toBe(true);
  expect(await latencies('south-1')).toEqual([]);
});

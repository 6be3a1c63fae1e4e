import { rpc, useLive } from '../../client/index.ts';

const SERVING_WITHIN_MS = 60_000;
const DEMO_VOLUME = 'orders';

/** Resolves when the demo's volume admits hosts; rejects when it takes longer than anybody would wait. */
function served(volumeName: string): Promise<void> {
  const isServed = (): boolean =>
    useLive.getState().volumes.some((volume) => volume.name === volumeName && volume.state === 'serving');
  if (isServed()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => finish(() => reject(new Error(`${volumeName} does not serve yet`))),
      SERVING_WITHIN_MS,
    );
    const unsubscribe = useLive.subscribe(() => {
      if (isServed()) finish(resolve);
    });
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      unsubscribe();
      settle();
    };
  });
}

/** One click to live replication: the two-site lab, and a verified workload on `orders` only. */
export async function createDemoLab(): Promise<void> {
  await rpc().host.create({ demo: 'two-site' });
  await served(DEMO_VOLUME);
  await rpc().workload.start({ volume: DEMO_VOLUME, profile: 'mixed', queueDepth: 4, ratePerSecond: 200 });
}

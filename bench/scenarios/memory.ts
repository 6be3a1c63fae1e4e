import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Scenario } from '../figure.ts';
import { closedLoop, forCount, scattered } from '../measure.ts';
import { BLOCK, GIB, makeSingle, MIB } from '../site.ts';
import { REGION_BYTES } from '../../src-engine/replication/index.ts';
import { RegionSet } from '../../src-engine/replication/region-set.ts';

const TIB = 1024 * GIB;

/** Memory that stays after everything that can be collected was: the marks of 1 TiB, and a thin volume of 1 TiB of which a part was written. */
export const memory: Scenario = {
  name: 'memory',
  async run(directory, scale) {
    const before = retainedBytes();
    const marks = new RegionSet(TIB / REGION_BYTES);
    const bitmap = retainedBytes() - before;
    marks.add(1);

    // 1 % of 1 TiB is 10 GiB; a part of it is written, in two steps. What the second step adds is taken times the rest;
    // what the first added beyond that (bounded caches that fill once) is not.
    const part = scale.tiny ? 4096 : 32;
    const hotBlocks = Math.floor(TIB / 100 / BLOCK / part);
    const site = await makeSingle(directory, { dataBytes: 3 * hotBlocks * BLOCK + 64 * MIB, settings: { cleanCacheBytes: 0, logHalfBytes: 32 * MIB } });
    const empty = retainedBytes();
    const volume = await site.volume('v', TIB);
    const vbnOf = scattered(Math.floor(TIB / BLOCK / part), 0);
    let next = 0;
    const writeHalf = async (): Promise<number> => {
      await closedLoop(32, forCount(hotBlocks / 2), () => volume.write(vbnOf(next++) * BLOCK, new Uint8Array(BLOCK).fill(next)));
      await site.up.consistencyPoint('admin');
      await site.up.consistencyPoint('admin');
      return retainedBytes() - empty;
    };
    const first = await writeHalf();
    const second = await writeHalf();
    await site.crash();
    const perPart = Math.max(0, second - first) * 2;
    const fixed = Math.max(0, second - perPart);
    return [
      { subject: 'memory: marks of 1 TiB', against: '', promise: 'none', unit: 'MiB', better: 'lower', floor: 4, goal: 2.1, rounds: [bitmap / MIB], note: 'one bitmap; a mirrored volume has two on each side' },
      {
        subject: 'memory: volume of 1 TiB, 1 % of its blocks hot', against: '', promise: 'none', unit: 'MiB', better: 'lower', floor: 64, goal: 16,
        rounds: [(fixed + perPart * part) / MIB], note: `reckoned: ${(fixed / MIB).toFixed(1)} MiB once + ${String(part)} x ${(perPart / MIB).toFixed(2)} MiB; without the bounded clean cache`,
      },
    ];
  },
};

function retainedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

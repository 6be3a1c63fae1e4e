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

    // 1 % of 1 TiB is 10 GiB; a part of it is written and the growth taken times the rest.
    const part = scale.tiny ? 4096 : 32;
    const hotBlocks = Math.floor(TIB / 100 / BLOCK / part);
    const site = await makeSingle(directory, { dataBytes: 2 * hotBlocks * BLOCK + 64 * MIB, settings: { cleanCacheBytes: 0, logHalfBytes: 32 * MIB } });
    const empty = retainedBytes();
    const volume = await site.volume('v', TIB);
    const vbnOf = scattered(Math.floor(TIB / BLOCK / part), 0);
    await closedLoop(32, forCount(hotBlocks), (index) => volume.write(vbnOf(index) * BLOCK, new Uint8Array(BLOCK).fill(index)));
    await site.up.consistencyPoint('admin');
    await site.up.consistencyPoint('admin');
    const grown = Math.max(0, retainedBytes() - empty);
    await site.crash();
    return [
      { subject: 'memory: marks of 1 TiB', against: '', promise: 'none', unit: 'MiB', better: 'lower', floor: 4, goal: 2.1, rounds: [bitmap / MIB], note: 'one bitmap; a mirrored volume has two on each side' },
      {
        subject: 'memory: volume of 1 TiB, 1 % of its blocks hot', against: '', promise: 'none', unit: 'MiB', better: 'lower', floor: 64, goal: 16,
        rounds: [(grown * part) / MIB], note: `${(grown / MIB).toFixed(2)} MiB measured for 1/${String(part)} of it, times ${String(part)}; without the bounded clean cache`,
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

import nodePath from 'node:path';
import type { Figure, Scenario } from '../figure.ts';
import { closedLoop, fillBlocks, forCount, interleaved, median, scattered } from '../measure.ts';
import { sequentialWriteMs } from '../plain.ts';
import { BLOCK, makePair, makeSingle, MIB, mirror, NEVER_MS } from '../site.ts';
import { watched } from '../stalls.ts';

/** What a consistency point costs by itself, and what it costs the hosts that go on writing. */
export const consistencyPoint: Scenario = {
  name: 'consistency-point',
  async run(directory, scale) {
    const dirtyBytes = (scale.tiny ? 2 : 64) * MIB;
    const volumeBytes = 8 * dirtyBytes;
    const count = dirtyBytes / BLOCK;
    const settings = { cpIntervalMs: NEVER_MS, logHalfBytes: 3 * dirtyBytes + MIB };
    const plain = nodePath.join(directory, 'plain.dat');

    const site = await makeSingle(directory, { dataBytes: 2 * volumeBytes, settings });
    const volume = await site.volume('v', volumeBytes);
    for (let at = 0; at < volumeBytes; at += MIB) await volume.write(at, fillBlocks(new Uint8Array(MIB), at / MIB + 1));
    await site.up.consistencyPoint('admin');
    const alone = await interleaved(scale.rounds, async (round) => {
      const vbnOf = scattered(volumeBytes / BLOCK, round * 31);
      await closedLoop(32, forCount(count), (index) => volume.write(vbnOf(index) * BLOCK, fillBlocks(new Uint8Array(BLOCK), index + 1)));
      const plainMs = sequentialWriteMs(plain, dirtyBytes);
      const startMs = performance.now();
      const cp = await watched('consistency point', () => site.up.consistencyPoint('admin'));
      if (cp.blocks !== count) throw new Error(`the consistency point wrote ${String(cp.blocks)} blocks, not ${String(count)}`);
      return { ms: performance.now() - startMs, plainMs };
    });
    await site.crash();

    const pair = await makePair(directory, { dataBytes: 2 * volumeBytes, settings });
    const mirrored = await pair.north.volume('v', volumeBytes);
    await pair.south.volume('w', volumeBytes);
    await mirror(pair, 'v', 'w');
    const vbnOf = scattered(volumeBytes / BLOCK, 1);
    let next = 0;
    const write = (): Promise<void> => mirrored.write(vbnOf(next++) * BLOCK, fillBlocks(new Uint8Array(BLOCK), next));
    const shared = await interleaved(scale.rounds, async () => {
      const idle = await closedLoop(32, forCount(count), write);
      let running = true;
      const point = pair.north.up.consistencyPoint('admin').finally(() => { running = false; });
      const startMs = performance.now();
      const during = await watched('writes during a consistency point', () => closedLoop(32, () => !running, write));
      await point;
      const cpMs = performance.now() - startMs;
      await pair.north.up.consistencyPoint('admin');
      return { idle, during, cpMs };
    });
    await pair.close();

    const figures: readonly Figure[] = [
      {
        subject: `CP of ${String(dirtyBytes / MIB)} MiB scattered blocks, RAID-5`, against: 'sequential write + one sync', promise: 'durable here', unit: 'x', better: 'lower', floor: 4, goal: 1.5,
        rounds: alone.map((r) => r.ms / r.plainMs), note: `${median(alone.map((r) => r.ms)).toFixed(0)} ms, plain ${median(alone.map((r) => r.plainMs)).toFixed(0)} ms`,
      },
      {
        subject: 'mirrored write rate with a CP running', against: 'without one', promise: 'durable on both', unit: 'x', better: 'higher', floor: 0.6, goal: 0.85,
        rounds: shared.map((r) => r.during.perSecond / r.idle.perSecond), note: `${median(shared.map((r) => r.during.perSecond)).toFixed(0)} writes/s, idle ${median(shared.map((r) => r.idle.perSecond)).toFixed(0)}; CP ${median(shared.map((r) => r.cpMs)).toFixed(0)} ms on both`,
      },
      {
        subject: 'p99 of these writes with a CP running', against: '', promise: 'durable on both', unit: 'ms', better: 'lower', floor: 10, goal: 3,
        rounds: shared.map((r) => r.during.p99Ms), note: `idle ${median(shared.map((r) => r.idle.p99Ms)).toFixed(1)} ms`,
      },
    ];
    return figures;
  },
};

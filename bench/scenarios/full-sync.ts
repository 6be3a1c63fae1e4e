import nodePath from 'node:path';
import type { Scenario } from '../figure.ts';
import { fillBlocks, interleaved, median } from '../measure.ts';
import { copyMs, sequentialWriteMs } from '../plain.ts';
import { makePair, MIB, mirror, NEVER_MS } from '../site.ts';
import { watched } from '../stalls.ts';

/** A whole volume to an empty destination, until both are equal and in sync, against a plain copy of a file of that size. */
export const fullSync: Scenario = {
  name: 'full-sync',
  async run(directory, scale) {
    const volumeBytes = (scale.tiny ? 8 : 256) * MIB;
    const pair = await makePair(directory, { dataBytes: 2 * volumeBytes, settings: { cpIntervalMs: NEVER_MS, ...(scale.tiny ? { logHalfBytes: 16 * MIB } : {}) } });
    const volume = await pair.north.volume('v', volumeBytes);
    for (let at = 0; at < volumeBytes; at += MIB) await volume.write(at, fillBlocks(new Uint8Array(MIB), at / MIB + 1));
    await pair.north.up.consistencyPoint('admin');
    const from = nodePath.join(directory, 'plain.dat');
    sequentialWriteMs(from, volumeBytes);
    const rounds = await interleaved(scale.rounds, async (round) => {
      const plainMs = copyMs(from, nodePath.join(directory, 'copy.dat'));
      const target = `w${String(round)}`;
      await pair.south.volume(target, volumeBytes);
      const { ms, bytesCopied } = await watched('full sync', () => mirror(pair, 'v', target));
      if (bytesCopied !== volumeBytes) throw new Error(`a full sync copies ${String(volumeBytes)} bytes, not ${String(bytesCopied)}`);
      const removed = await pair.north.up.act(`m-v-${target}`, 'delete', { confirmed: true });
      if (removed.kind === 'refused') throw new Error(removed.refusal.message);
      await pair.south.up.removeVolume(target);
      return { plainMs, ms };
    });
    await pair.close();
    const mibPerSecond = (ms: number): string => ((volumeBytes / MIB / ms) * 1000).toFixed(0);
    return [
      {
        subject: `full sync of ${String(volumeBytes / MIB)} MiB, seconds`, against: 'plain copy + sync', promise: 'durable on both', unit: 'x', better: 'lower', floor: 2, goal: 1.2,
        rounds: rounds.map((r) => r.ms / r.plainMs), note: `${mibPerSecond(median(rounds.map((r) => r.ms)))} MiB/s, plain ${mibPerSecond(median(rounds.map((r) => r.plainMs)))}`,
      },
    ];
  },
};

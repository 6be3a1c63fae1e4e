import fs from 'node:fs';
import nodePath from 'node:path';
import type { Figure, Scenario } from '../figure.ts';
import { closedLoop, fillBlocks, forMs, interleaved, median, scattered } from '../measure.ts';
import { sequentialWriteMs } from '../plain.ts';
import { BLOCK, makeSingle, MIB, NEVER_MS } from '../site.ts';
import { watched } from '../stalls.ts';

/** Reads: blocks that the server's cache holds, and a volume from front to end, against `fs.read` of a plain file in the page cache. */
export const reads: Scenario = {
  name: 'read',
  async run(directory, scale) {
    const volumeBytes = (scale.tiny ? 8 : 256) * MIB;
    const site = await makeSingle(directory, { dataBytes: volumeBytes, settings: { cpIntervalMs: NEVER_MS, ...(scale.tiny ? { logHalfBytes: 16 * MIB } : {}) } });
    const volume = await site.volume('v', volumeBytes);
    for (let at = 0; at < volumeBytes; at += MIB) await volume.write(at, fillBlocks(new Uint8Array(MIB), at / MIB + 1));
    await site.up.consistencyPoint('admin');
    const path = nodePath.join(directory, 'plain.dat');
    sequentialWriteMs(path, volumeBytes);
    const fd = fs.openSync(path, 'r');
    const plainRead = (offset: number, length: number): Promise<Uint8Array> =>
      new Promise((resolve, reject) => {
        fs.read(fd, new Uint8Array(length), 0, length, offset, (error, _count, buffer) => { if (error === null) resolve(buffer); else reject(error); });
      });

    const hotBlocks = (scale.tiny ? 2 : 32) * MIB / BLOCK;
    // In small requests: large ones pass the server's cache by.
    for (let at = 0; at < hotBlocks * BLOCK; at += BLOCK) await volume.read(at, BLOCK);
    const next = scattered(hotBlocks, 1);
    let index = 0;
    const hot = (read: (offset: number, length: number) => Promise<Uint8Array>) => () => read(next(index++) * BLOCK, BLOCK);
    const random = await interleaved(scale.rounds, async () => {
      const plain32 = await closedLoop(32, forMs(scale.roundMs), hot(plainRead));
      const ours32 = await watched('cached read', () => closedLoop(32, forMs(scale.roundMs), hot((offset, length) => volume.read(offset, length))));
      const plain1 = await closedLoop(1, forMs(scale.roundMs), hot(plainRead));
      const ours1 = await closedLoop(1, forMs(scale.roundMs), hot((offset, length) => volume.read(offset, length)));
      return { plain32: plain32.perSecond, ours32: ours32.perSecond, plain1: plain1.perSecond, ours1: ours1.perSecond };
    });

    let plainAt = 0;
    let ourAt = 0;
    const inOrder = await interleaved(scale.rounds, async () => {
      const plain = await closedLoop(4, forMs(scale.roundMs), () => {
        const offset = plainAt;
        plainAt = (plainAt + MIB) % volumeBytes;
        return plainRead(offset, MIB);
      });
      const ours = await watched('sequential read', () => closedLoop(4, forMs(scale.roundMs), () => {
        const offset = ourAt;
        ourAt = (ourAt + MIB) % volumeBytes;
        return volume.read(offset, MIB);
      }));
      return { plain: plain.perSecond, ours: ours.perSecond };
    });
    fs.closeSync(fd);
    await site.crash();
    const figures: readonly Figure[] = [
      {
        subject: 'cached 4 KiB random read, QD32', against: 'fs.read of a cached file, QD32', promise: 'none', unit: 'x', better: 'higher', floor: 1, goal: 2,
        rounds: random.map((r) => r.ours32 / r.plain32), note: `${median(random.map((r) => r.ours32)).toFixed(0)} reads/s`,
      },
      {
        subject: 'cached 4 KiB random read, QD1', against: 'fs.read of a cached file, QD1', promise: 'none', unit: 'x', better: 'higher', floor: 1, goal: 2,
        rounds: random.map((r) => r.ours1 / r.plain1), note: `${median(random.map((r) => r.ours1)).toFixed(0)} reads/s`,
      },
      {
        subject: 'sequential read, 1 MiB QD4', against: 'fs.read of a cached file', promise: 'none', unit: 'x', better: 'higher', floor: 0.1, goal: 0.3,
        rounds: inOrder.map((r) => r.ours / r.plain), note: `${median(inOrder.map((r) => r.ours)).toFixed(0)} MiB/s, plain ${median(inOrder.map((r) => r.plain)).toFixed(0)}`,
      },
    ];
    return figures;
  },
};

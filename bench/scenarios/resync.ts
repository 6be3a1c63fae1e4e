import fs from 'node:fs';
import nodePath from 'node:path';
import type { Figure, Scenario } from '../figure.ts';
import { closedLoop, fillBlocks, forCount, interleaved, median, scattered } from '../measure.ts';
import { sequentialWriteMs } from '../plain.ts';
import { BLOCK, makePair, MIB, mirror, type Pair } from '../site.ts';
import { watched } from '../stalls.ts';

const SHARES = [0.1, 1, 10] as const;

/**
 * Update resyncs after single blocks changed all over the volume: time against a plain loop that copies just these
 * blocks, and the bytes of all frames both ways, counted at the network.
 */
export const resync: Scenario = {
  name: 'resync',
  async run(directory, scale) {
    const volumeBytes = (scale.tiny ? 16 : 1024) * MIB;
    const blocks = volumeBytes / BLOCK;
    const pair = await makePair(directory, { dataBytes: 2 * volumeBytes, ...(scale.tiny ? { settings: { logHalfBytes: 16 * MIB } } : {}) });
    const volume = await pair.north.volume('v', volumeBytes);
    await pair.south.volume('w', volumeBytes);
    for (let at = 0; at < volumeBytes; at += MIB) await volume.write(at, fillBlocks(new Uint8Array(MIB), at / MIB + 1));
    await mirror(pair, 'v', 'w');
    const from = nodePath.join(directory, 'from.dat');
    const to = nodePath.join(directory, 'to.dat');
    sequentialWriteMs(from, volumeBytes);
    sequentialWriteMs(to, volumeBytes);

    const change = async (count: number, seed: number): Promise<(index: number) => number> => {
      const fractured = await pair.north.up.act('m-v-w', 'fracture', { confirmed: true });
      if (fractured.kind === 'refused') throw new Error(fractured.refusal.message);
      const vbnOf = scattered(blocks, (seed * 7919) % blocks);
      await closedLoop(32, forCount(count), (index) => volume.write(vbnOf(index) * BLOCK, fillBlocks(new Uint8Array(BLOCK), seed * 100_003 + index)));
      // What is still dirty would otherwise be counted as the resync's own work.
      await pair.north.up.consistencyPoint('admin');
      return vbnOf;
    };
    const figures: Figure[] = [];
    let seed = 1;
    const constant = await interleaved(scale.rounds, async () => {
      await change(1, seed++);
      return (await timedResync(pair, 1)).ms;
    });
    figures.push({
      subject: 'resync of one changed block', against: '', promise: 'durable on both', unit: 'ms', better: 'lower', floor: 100, goal: 30, rounds: constant, note: `volume of ${String(volumeBytes / MIB)} MiB`,
    });
    for (const share of SHARES) {
      const count = Math.max(1, Math.round((blocks * share) / 100));
      const rounds = await interleaved(scale.rounds, async () => {
        const vbnOf = await change(count, seed++);
        const plainMs = copyBlocksMs(from, to, count, vbnOf);
        const ours = await watched('resync', () => timedResync(pair, count));
        return { ...ours, plainMs };
      });
      const ms = median(rounds.map((r) => r.ms));
      figures.push({
        // performance.md bounds this against a bitmap backup of QEMU, which needs an NBD server; a plain loop is stricter.
        subject: `resync, ${String(share)} % changed, seconds`, against: 'plain copy of these blocks + sync', promise: 'durable on both', unit: 'x', better: 'lower', floor: null, goal: 4,
        rounds: rounds.map((r) => r.ms / r.plainMs), note: `${ms.toFixed(0)} ms for ${String(count)} blocks, plain ${median(rounds.map((r) => r.plainMs)).toFixed(0)} ms`,
      });
      figures.push({
        subject: `resync, ${String(share)} % changed, link bytes`, against: 'changed 4 KiB blocks', promise: 'durable on both', unit: 'x', better: 'lower', floor: 1.1, goal: 1.02,
        rounds: rounds.map((r) => r.linkBytes / (count * BLOCK)), note: `${(median(rounds.map((r) => r.linkBytes)) / MIB).toFixed(2)} MiB on the link, both ways`,
      });
    }
    await pair.close();
    return figures;
  },
};

async function timedResync(pair: Pair, changedBlocks: number): Promise<{ readonly ms: number; readonly linkBytes: number }> {
  const before = pair.network.traffic('north', 'south');
  const startMs = performance.now();
  const outcome = await pair.north.up.act('m-v-w', 'resync', { confirmed: true });
  if (outcome.kind === 'refused') throw new Error(`${outcome.refusal.message} ${JSON.stringify(pair.north.events.slice(-8))} ${JSON.stringify(pair.south.events.slice(-4))}`);
  if (outcome.kind !== 'running') throw new Error('a resync runs');
  const result = await outcome.finished;
  const ms = performance.now() - startMs;
  const after = pair.network.traffic('north', 'south');
  if (result['bytesCopied'] !== changedBlocks * BLOCK) throw new Error(`a resync of ${String(changedBlocks)} blocks copied ${JSON.stringify(result['bytesCopied'])} bytes`);
  return { ms, linkBytes: after.aToB.sentBytes - before.aToB.sentBytes + after.bToA.sentBytes - before.bToA.sentBytes };
}

function copyBlocksMs(from: string, to: string, count: number, vbnOf: (index: number) => number): number {
  const vbns = Array.from({ length: count }, (_, index) => vbnOf(index)).sort((a, b) => a - b);
  const block = new Uint8Array(BLOCK);
  const startMs = performance.now();
  const source = fs.openSync(from, 'r');
  const target = fs.openSync(to, 'r+');
  for (const vbn of vbns) {
    fs.readSync(source, block, 0, BLOCK, vbn * BLOCK);
    fs.writeSync(target, block, 0, BLOCK, vbn * BLOCK);
  }
  fs.fdatasyncSync(target);
  fs.closeSync(source);
  fs.closeSync(target);
  return performance.now() - startMs;
}

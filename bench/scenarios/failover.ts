import nodePath from 'node:path';
import fs from 'node:fs';
import type { Scenario } from '../figure.ts';
import { closedLoop, forCount, interleaved, median, scattered } from '../measure.ts';
import { BLOCK, makePair, MIB, mirror, NEVER_MS } from '../site.ts';
import { watched } from '../stalls.ts';
import type { HostVolume } from '../../src-engine/lab/server/index.ts';

/** The source is lost with 64 MiB of acknowledged writes that no consistency point has seen: from the decision to the first write served. */
export const failover: Scenario = {
  name: 'failover',
  async run(directory, scale) {
    const volumes = scale.tiny ? 3 : 100;
    const logBytes = (scale.tiny ? 2 : 64) * MIB;
    const volumeBytes = 4 * MIB;
    const rounds = await interleaved(scale.rounds, async (round) => {
      const own = nodePath.join(directory, String(round));
      const settings = { cpIntervalMs: NEVER_MS, logHalfBytes: 3 * logBytes + MIB };
      const pair = await makePair(own, { dataBytes: 3 * volumes * volumeBytes, settings });
      const hosts: HostVolume[] = [];
      for (let i = 0; i < volumes; i++) {
        hosts.push(await pair.north.volume(`v${String(i)}`, volumeBytes));
        await pair.south.volume(`w${String(i)}`, volumeBytes);
        await mirror(pair, `v${String(i)}`, `w${String(i)}`);
      }
      const vbnOf = scattered(volumeBytes / BLOCK, 1);
      await closedLoop(32, forCount(logBytes / BLOCK), (index) => {
        const volume = hosts[index % volumes];
        if (volume === undefined) throw new Error('there are volumes');
        return volume.write(vbnOf(Math.floor(index / volumes)) * BLOCK, new Uint8Array(BLOCK).fill(index));
      });
      await pair.north.crash();
      await peerGone(pair.south);
      const relationships = pair.south.up.relationships().map((rel) => rel.id);
      const startMs = performance.now();
      const { firstMs, allMs } = await watched('failover', async () => {
        let first = Number.POSITIVE_INFINITY;
        await Promise.all(relationships.map(async (id, i) => {
          const outcome = await pair.south.up.act(id, 'failover', { confirmed: true, force: true });
          if (outcome.kind === 'refused') throw new Error(outcome.refusal.message);
          await pair.south.up.hostVolume(`w${String(i)}`).write(0, new Uint8Array(BLOCK).fill(1));
          first = Math.min(first, performance.now() - startMs);
        }));
        return { firstMs: first, allMs: performance.now() - startMs };
      });
      // What the source had acknowledged is there.
      const last = await pair.south.up.hostVolume('w1').read(vbnOf(1) * BLOCK, 1);
      if (last[0] !== ((volumes + 1) & 255)) throw new Error('the promoted mirror lacks a write');
      await pair.close();
      fs.rmSync(own, { recursive: true, force: true });
      return { firstMs, allMs };
    });
    const subject = `failover of ${String(volumes)} volumes, ${String(logBytes / MIB)} MiB of log`;
    return [
      { subject: `${subject}: first I/O on every volume`, against: '', promise: 'durable here', unit: 'ms', better: 'lower', floor: 500, goal: 100, rounds: rounds.map((r) => r.allMs), note: `first volume after ${median(rounds.map((r) => r.firstMs)).toFixed(0)} ms` },
    ];
  },
};

/** A crash shows at the other side when the link notices; that time is the network's, not the failover's. */
async function peerGone(site: { readonly up: { relationships(): readonly { readonly connected: boolean }[] } }): Promise<void> {
  while (site.up.relationships().some((rel) => rel.connected)) await new Promise((resolve) => setTimeout(resolve, 10));
}

import type { Figure, Scenario } from '../figure.ts';
import { closedLoop, fillBlocks, forMs, interleaved, median } from '../measure.ts';
import { PlainFiles, someBlocks } from '../plain.ts';
import { makePair, MIB, mirror } from '../site.ts';
import { watched } from '../stalls.ts';
import type { HostVolume } from '../../src-engine/lab/server/index.ts';

const DEPTH = 4;

/** Durable sequential writes of 1 MiB, four in flight; the log is not bypassed, so every byte is written twice. */
export const sequential: Scenario = {
  name: 'sequential',
  async run(directory, scale) {
    const volumeBytes = (scale.tiny ? 16 : 512) * MIB;
    const pair = await makePair(directory, { dataBytes: 3 * volumeBytes, ...(scale.tiny ? { settings: { logHalfBytes: 16 * MIB } } : {}) });
    const mirrored = await pair.north.volume('v', volumeBytes);
    await pair.south.volume('w', volumeBytes);
    const alone = await pair.north.volume('u', volumeBytes);
    await mirror(pair, 'v', 'w');
    const two = new PlainFiles(directory, 2, (scale.tiny ? 8 : 128) * MIB);
    const one = new PlainFiles(directory, 1, (scale.tiny ? 8 : 128) * MIB);
    const group = someBlocks(DEPTH, MIB);
    const pattern = fillBlocks(new Uint8Array(MIB), 5);
    const writer = (volume: HostVolume): (() => Promise<void>) => {
      let at = 0;
      return () => {
        const offset = at;
        at = (at + MIB) % volumeBytes;
        return volume.write(offset, new Uint8Array(pattern));
      };
    };
    const toBoth = writer(mirrored);
    const toOne = writer(alone);
    const durationMs = scale.roundMs * 2;
    const rounds = await interleaved(scale.rounds, async () => {
      const limitBoth = two.appendAndSync(group, durationMs).perSecond * DEPTH;
      const both = await watched('sequential write', () => closedLoop(DEPTH, forMs(durationMs), toBoth));
      const limitHere = one.appendAndSync(group, durationMs).perSecond * DEPTH;
      const here = await closedLoop(DEPTH, forMs(durationMs), toOne);
      return { limitBoth, both: both.perSecond, limitHere, here: here.perSecond };
    });
    two.close();
    one.close();
    await pair.close();
    const figures: readonly Figure[] = [
      {
        subject: 'mirrored sequential write, 1 MiB QD4', against: 'append + sync, two files', promise: 'durable on both', unit: 'x', better: 'higher', floor: 0.15, goal: 0.4,
        rounds: rounds.map((r) => r.both / r.limitBoth), note: `${median(rounds.map((r) => r.both)).toFixed(0)} MiB/s, limit ${median(rounds.map((r) => r.limitBoth)).toFixed(0)}`,
      },
      {
        subject: 'sequential write on one server, 1 MiB QD4', against: 'append + sync, one file', promise: 'durable here', unit: 'x', better: 'higher', floor: 0.15, goal: 0.4,
        rounds: rounds.map((r) => r.here / r.limitHere), note: `${median(rounds.map((r) => r.here)).toFixed(0)} MiB/s, limit ${median(rounds.map((r) => r.limitHere)).toFixed(0)}`,
      },
    ];
    return figures;
  },
};

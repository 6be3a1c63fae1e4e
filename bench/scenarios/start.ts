import { execFile } from 'node:child_process';
import nodePath from 'node:path';
import { promisify } from 'node:util';
import fs from 'node:fs';
import type { Figure, Scenario } from '../figure.ts';
import { closedLoop, forCount, interleaved, median, scattered } from '../measure.ts';
import { BLOCK, makeSingle, MIB, NEVER_MS } from '../site.ts';

interface Started {
  readonly execToFirstReadMs: number;
  readonly bootMs: number;
  readonly rssBytes: number;
  readonly volumes: number;
}

/**
 * The code that Node made of the sources is cached, as the launcher does it: each row begins with a start that fills the
 * cache and is not counted.
 */
function codeCacheOf(directory: string): string {
  return nodePath.join(directory, 'code-cache');
}

/** A server process from its start to its first I/O: after a clean stop with many volumes, and after a power loss with a full log. */
export const start: Scenario = {
  name: 'start',
  async run(directory, scale) {
    const figures: Figure[] = [];
    for (const count of scale.tiny ? [5, 10] : [100, 1000]) {
      const own = nodePath.join(directory, String(count));
      const dataBytes = 256 * MIB;
      const logHalfBytes = 8 * MIB;
      const site = await makeSingle(own, { dataBytes, settings: { logHalfBytes } });
      for (let i = 0; i < count; i++) await site.volume(`v${String(i)}`, 16 * MIB);
      for (let i = 0; i < count; i++) await site.up.hostVolume(`v${String(i)}`).write(0, new Uint8Array(BLOCK).fill(1));
      await site.shutdown();
      const startOne = (): Promise<Started> => startChild(own, dataBytes, logHalfBytes, 'v0', codeCacheOf(directory));
      await startOne();
      const rounds = await interleaved(scale.rounds, startOne);
      if (rounds.some((r) => r.volumes !== count)) throw new Error('a start opens every volume');
      figures.push({
        subject: `start with ${String(count)} volumes, exec to first read`, against: '', promise: 'none', unit: 'ms', better: 'lower', floor: 1500, goal: 400,
        rounds: rounds.map((r) => r.execToFirstReadMs), note: `of it ${median(rounds.map((r) => r.bootMs)).toFixed(0)} ms in the server`,
      });
      figures.push({
        subject: `start with ${String(count)} volumes, resident memory`, against: '', promise: 'none', unit: 'MiB', better: 'lower', floor: 300e6 / MIB, goal: 120e6 / MIB,
        rounds: rounds.map((r) => r.rssBytes / MIB), note: 'the whole process, Node included',
      });
    }
    figures.push(await afterPowerLoss(nodePath.join(directory, 'power'), scale.tiny ? 4 * MIB : 128 * MIB, scale.rounds));
    return figures;
  },
};

async function afterPowerLoss(directory: string, logBytes: number, rounds: number): Promise<Figure> {
  // More than twice what is written, or a consistency point would run; all of it is read at the start.
  const logHalfBytes = Math.ceil((9 * logBytes) / 4 / MIB) * MIB;
  const dataBytes = 4 * logBytes;
  const site = await makeSingle(directory, { dataBytes, settings: { logHalfBytes, cpIntervalMs: NEVER_MS } });
  const volumeBytes = 2 * logBytes;
  const volume = await site.volume('v', volumeBytes);
  const vbnOf = scattered(volumeBytes / BLOCK, 0);
  await closedLoop(32, forCount(logBytes / BLOCK), (index) => volume.write(vbnOf(index) * BLOCK, new Uint8Array(BLOCK).fill(index)));
  await site.crash();
  const startCopy = async (round: number): Promise<Started> => {
    // Each start changes the files; every round begins with the same ones.
    const copy = `${directory}-${String(round)}`;
    fs.cpSync(directory, copy, { recursive: true });
    const started = await startChild(copy, dataBytes, logHalfBytes, 'v', codeCacheOf(nodePath.dirname(directory)));
    fs.rmSync(copy, { recursive: true, force: true });
    return started;
  };
  await startCopy(-1);
  const results = await interleaved(rounds, startCopy);
  return {
    subject: `restart after power loss, ${String(logBytes / MIB)} MiB of log, exec to first read`, against: '', promise: 'none', unit: 'ms', better: 'lower', floor: 1500, goal: 500,
    rounds: results.map((r) => r.execToFirstReadMs), note: `of it ${median(results.map((r) => r.bootMs)).toFixed(0)} ms in the server; files in the page cache`,
  };
}

async function startChild(directory: string, dataBytes: number, logHalfBytes: number, volumeId: string, codeCache: string): Promise<Started> {
  const script = nodePath.join(import.meta.dirname, '..', 'child-start.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, directory, String(dataBytes), String(logHalfBytes), volumeId, codeCache]);
  return JSON.parse(stdout) as Started;
}

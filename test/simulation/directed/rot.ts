/** Bytes of a log rot on its medium. Legal are a repair from the other copy, or a loss that is told with its range; never silence. */
import type { DirectedScenario, Driver } from './driver.ts';
import { smallLab } from './driver.ts';

const HALVES = ['nvlog-a.log', 'nvlog-b.log'] as const;
const FRAME_BYTES = 2 * 4096;
const BLOCKS = 256;

function distinctBlocks(driver: Driver, count: number): readonly number[] {
  const blocks = new Set<number>();
  while (blocks.size < count) blocks.add(driver.random.below(BLOCKS));
  return [...blocks];
}

/** A lone server: nobody can give back what its log lost. */
export function rottenLog(): DirectedScenario {
  return {
    plan: smallLab({ sites: 1, volumes: [{ name: 'v0', destination: null }] }),
    async run(driver) {
      const { campaign, random } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      for (let round = 0; round < 6; round++) {
        await driver.point(site);
        const since = campaign.ticks.now;
        for (const block of distinctBlocks(driver, 8)) await driver.write(subject, 0, block);
        const log = site.server?.status().log;
        const half = log?.active ?? 0;
        const usedBytes = log?.halves[half]?.usedBytes ?? 0;
        driver.crash(site, 'keep');
        // Damage to the very last group commit cannot be told from a torn tail without a keeper (data-path.md 2).
        driver.rotLog(site, site.logName, HALVES[half], random.chance(0.2) ? 0 : 4096, usedBytes - FRAME_BYTES);
        await driver.boot(site);
        const lost = await driver.acknowledgeLoss(site);
        if (lost.length > 0) subject.model.side(0).mayHaveLost(since);
        campaign.view(subject, 0);
        await driver.wait(300);
        // What is left is the content from now on.
        for (let block = 0; lost.length > 0 && block < BLOCKS; block += 16) await driver.write(subject, 0, block, 16);
      }
    },
  };
}

/** A mirrored server: its destination holds what its log lost. */
export function rottenLogMirrored(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { random } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      for (let round = 0; round < 4; round++) {
        await driver.synchronized(subject, 0);
        await driver.point(site);
        for (const block of distinctBlocks(driver, 8)) await driver.write(subject, 0, block);
        const log = site.server?.status().log;
        const half = log?.active ?? 0;
        driver.crash(site, 'keep');
        driver.rotLog(site, site.logName, HALVES[half], random.chance(0.2) ? 0 : 4096, log?.halves[half]?.usedBytes ?? 0);
        await driver.boot(site);
        await driver.acknowledgeLoss(site);
        await driver.synchronized(subject, 0);
        await driver.write(subject, 0, random.below(BLOCKS));
        driver.campaign.view(subject, 0);
        driver.campaign.view(subject, 1);
        await driver.wait(300);
      }
    },
  };
}

/** The destination's mirror log rots while it is down: its source still has everything. */
export function rottenMirrorLog(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { random } = driver;
      const subject = driver.subject();
      const north = driver.site(1);
      for (let round = 0; round < 4; round++) {
        await driver.synchronized(subject, 0);
        await driver.point(driver.site(0));
        for (const block of distinctBlocks(driver, 8)) await driver.write(subject, 0, block);
        driver.crash(north, 'keep');
        for (const half of ['a', 'b']) driver.rotLog(north, north.arrayName, `shared/mirror-east-${half}.log`, random.chance(0.2) ? 0 : 4096, Number.MAX_SAFE_INTEGER);
        await driver.wait(random.pick([10, 500]));
        await driver.boot(north);
        north.lost.length = 0;
        await driver.synchronized(subject, 0);
        driver.campaign.view(subject, 1);
        await driver.wait(300);
      }
    },
  };
}

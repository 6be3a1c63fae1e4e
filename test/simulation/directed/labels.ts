/** Crashes around the one write that swings everything: the label. */
import type { DirectedScenario } from './driver.ts';
import { smallLab } from './driver.ts';

const ROUNDS = 40;

/** Power goes while a label is written, and again while the pool is opened; one disk is always behind the others. */
export function labelCrashes(): DirectedScenario {
  return {
    plan: smallLab({ sites: 1, level: 'raid0', disks: 3, volumes: [{ name: 'v0', destination: null }] }),
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      const slow = campaign.world.storage(site.arrayName).inject({ kind: 'slow', factor: 20, prefix: 'disk-0' });
      let bootMs = 20;
      for (let round = 0; round < ROUNDS; round++) {
        for (let i = 0; i < 4; i++) await driver.write(subject, 0, random.below(250), 1 + random.below(6));
        let crashed = false;
        driver.atPhase(site, 'prepared', () => {
          campaign.world.schedule(random.between(0, 40), 'crash', () => {
            driver.crash(site);
            crashed = true;
          });
        });
        driver.ask(site);
        await driver.until('the crash', () => crashed);
        if (random.chance(0.7)) {
          void site.boot();
          await driver.wait(random.between(0, bootMs * 1.1));
          driver.crash(site);
        }
        const startedMs = campaign.world.nowMs;
        await driver.boot(site);
        bootMs = campaign.world.nowMs - startedMs;
      }
      slow.heal();
    },
  };
}

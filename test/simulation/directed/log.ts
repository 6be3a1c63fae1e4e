/** What the log promises when devices fail, halves are freed and servers die. */
import type { DirectedScenario } from './driver.ts';
import { smallLab } from './driver.ts';

/** A sync of the log fails under load, then power goes before the next consistency point. */
export function failedLogSync(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      for (let round = 0; round < 4; round++) {
        await driver.synchronized(subject, 0);
        const stop = driver.every(1, () => { driver.begin(subject, 0, random.below(250), 1 + random.below(4)); });
        await driver.wait(random.between(5, 30));
        site.blame('log', campaign.world.nowMs + 1000);
        campaign.world.storage(site.logName).inject({ kind: 'failing-sync', prefix: 'nvlog', times: 1 });
        await driver.wait(random.between(3, 12));
        stop();
        driver.crash(site);
        await driver.wait(300);
        await driver.boot(site);
      }
    },
  };
}

/** The link goes while a consistency point runs; its marks reach the disk slowly, and power goes before they do. */
export function halfFreed(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }], closeDetectMs: 100 }),
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      await driver.synchronized(subject, 0);
      for (let i = 0; i < 10; i++) await driver.write(subject, 0, random.below(240));
      await driver.point(site);
      driver.link(false);
      // Never confirmed: only the log, and then the marks, say that the destination lacks these.
      for (let i = 0; i < 5; i++) driver.begin(subject, 0, 20 + 40 * i);
      await driver.wait(20);
      const slow = campaign.world.storage(site.arrayName).inject({ kind: 'slow', factor: 5000, prefix: 'shared/' });
      let crashed = false;
      driver.atPhase(site, 'commit', () => {
        campaign.world.schedule(random.between(20, 40), 'crash', () => {
          driver.crash(site);
          crashed = true;
        });
      });
      const stop = driver.every(1, () => { driver.begin(subject, 0, 0); });
      driver.ask(site);
      await driver.until('the crash', () => crashed);
      stop();
      slow.heal();
      await driver.wait(300);
      driver.link(true);
      await driver.boot(site);
    },
  };
}

/** The destination is lost under load, and power goes with the first acknowledgement that lacks it. */
export function aloneAndGone(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }], closeDetectMs: 50 }),
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      for (let round = 0; round < 3; round++) {
        await driver.synchronized(subject, 0);
        const slow = campaign.world.storage(site.logName).inject({ kind: 'slow', factor: 30, prefix: 'nvlog' });
        const stop = driver.every(1, () => { driver.begin(subject, 0, random.below(250)); });
        await driver.wait(random.between(20, 40));
        driver.link(false);
        await driver.until('an acknowledgement without the destination', () => subject.wroteAlone === 0);
        driver.crash(site);
        stop();
        slow.heal();
        await driver.wait(200);
        await driver.boot(site);
        driver.link(true);
      }
    },
  };
}

/** A former primary restarts while its log still holds what it wrote before the roles were swapped. */
export function swappedAndRestarted(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { random } = driver;
      const subject = driver.subject();
      await driver.synchronized(subject, 0);
      const blocks = Array.from({ length: 12 }, () => random.below(250));
      for (const block of blocks) await driver.write(subject, 0, block);
      await driver.act(subject, 0, 'switchover', { confirmed: true });
      await driver.synchronized(subject, 1);
      for (const block of blocks) await driver.write(subject, 1, block);
      await driver.point(driver.site(1));
      driver.crash(driver.site(0));
      await driver.wait(300);
      await driver.boot(driver.site(0));
    },
  };
}

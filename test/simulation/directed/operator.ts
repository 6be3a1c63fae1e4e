/** What an operator may do on purpose, and what may happen meanwhile. */
import type { DirectedScenario } from './driver.ts';
import { smallLab } from './driver.ts';

/** The primary is overwritten from its secondary; in some rounds it dies on the way, and the sync is asked for again. */
export function overwrittenPrimary(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0', recovery: 'manual' }] }),
    async run(driver) {
      const { campaign, random } = driver;
      const subject = driver.subject();
      const east = driver.site(0);
      for (let round = 0; round < 4; round++) {
        await driver.synchronized(subject, 0);
        for (let i = 0; i < 6; i++) await driver.write(subject, 0, random.below(250), 1 + random.below(4));
        await driver.act(subject, 0, 'fracture');
        for (let i = 0; i < 12; i++) await driver.write(subject, 0, random.below(250), 1 + random.below(4));
        if (random.chance(0.5)) await driver.point(east);
        driver.link(true, 5);
        subject.model.overwriting(0);
        await driver.act(subject, 0, 'overwrite-primary', { confirmed: true });
        if (random.chance(0.5)) {
          await driver.wait(random.between(0, 80));
          driver.crash(east);
          await driver.wait(100);
          await driver.boot(east);
          await driver.until('both sides met', () => subject.status(0)?.connected === true && subject.status(1)?.connected === true);
          await driver.wait(500);
          // Interrupted, it is asked for again; interrupted before its first step or after its last, there may be nothing to finish.
          if (subject.status(0)?.imageState === 'OutOfSync') await driver.act(subject, 0, 'overwrite-primary', { confirmed: true });
          else if (subject.status(0)?.fractureLog.dirty !== 0) await driver.act(subject, 0, 'overwrite-primary', { confirmed: true });
        }
        await driver.until('the primary is overwritten', () => subject.model.side(0).state === 'usable' && subject.status(0)?.resync === null && east.server?.volumes()[0]?.state === 'online');
        campaign.view(subject, 0);
        campaign.view(subject, 1);
        await driver.wait(200);
        if (subject.status(0)?.imageState !== 'Synchronized') await driver.act(subject, 0, 'resync');
      }
      await driver.synchronized(subject, 0);
    },
  };
}

/** The mirror is deleted under load: both volumes live on for themselves, each with what it holds. */
export function deletedMirror(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { campaign, random } = driver;
      const subject = driver.subject();
      await driver.synchronized(subject, 0);
      const stop = driver.every(1, () => { driver.begin(subject, 0, random.below(250), 1 + random.below(4)); });
      await driver.wait(random.between(5, 40));
      await driver.act(subject, 0, 'delete');
      await driver.wait(random.between(0, 20));
      stop();
      await driver.until('the other side knows', () => subject.status(1) === undefined);
      await driver.wait(200);
      for (let i = 0; i < 6; i++) await driver.write(subject, 0, random.below(250));
      for (let i = 0; i < 6; i++) await driver.write(subject, 1, random.below(250));
      campaign.view(subject, 0);
      campaign.view(subject, 1);
      await driver.wait(200);
      for (const site of [driver.site(0), driver.site(1)]) {
        driver.crash(site);
        await driver.boot(site);
      }
    },
  };
}

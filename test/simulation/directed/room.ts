/** A pool with hardly any room, and a sync that is taken back. */
import type { DirectedScenario } from './driver.ts';
import { smallLab } from './driver.ts';

/** A volume that fills most of its pool is overwritten all over, read through kept roots, and loses power. */
export function littleRoom(): DirectedScenario {
  return {
    plan: { ...smallLab({ sites: 1, diskBytes: 2_097_152, volumes: [{ name: 'v0', destination: null, sizeBytes: 1024 * 1024 }] }), tight: true },
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 12; i++) driver.begin(subject, 0, random.below(252), 1 + random.below(4));
        await driver.wait(random.between(0, 20));
        if (random.chance(0.3)) campaign.view(subject, 0);
        if (random.chance(0.2)) {
          let crashed = false;
          campaign.world.schedule(random.between(0, 15), 'crash', () => {
            driver.crash(site);
            crashed = true;
          });
          driver.ask(site);
          await driver.until('the crash', () => crashed);
          await driver.boot(site);
        } else await driver.point(site);
      }
    },
  };
}

/** A resync breaks off with its source; the target goes back to what it held before. */
export function syncTakenBack(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { random } = driver;
      const subject = driver.subject();
      await driver.synchronized(subject, 0);
      for (let i = 0; i < 6; i++) await driver.write(subject, 0, random.below(250));
      await driver.act(subject, 0, 'fracture');
      for (let block = 0; block < 256; block += 8) await driver.write(subject, 0, block);
      driver.link(true, 10);
      await driver.act(subject, 0, 'resync');
      await driver.until('the resync has copied some', () => (subject.status(0)?.resync?.regionsDone ?? 0) >= 3);
      driver.crash(driver.site(0));
      await driver.until('the target is out of sync', () => subject.status(1)?.imageState === 'OutOfSync');
      await driver.act(subject, 1, 'rollback');
      driver.campaign.view(subject, 1);
      await driver.wait(500);
      await driver.boot(driver.site(0));
    },
  };
}

/** A strict mirror's destination has no room for a moment: it waits in place with what it must get into its image, and both come together again without a start. */
export function noRoomToLeave(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0', policy: 'strict' }] }),
    async run(driver) {
      const { campaign } = driver;
      const subject = driver.subject();
      const [east, north] = [driver.site(0), driver.site(1)];
      await driver.synchronized(subject, 0);
      for (let block = 0; block < 64; block += 16) await driver.write(subject, 0, block, 4);
      const full = campaign.world.storage(north.arrayName).inject({ kind: 'disk-full' });
      north.blame('full', campaign.world.nowMs + 3000);
      for (let block = 0; block < 64; block += 16) driver.begin(subject, 0, block, 4);
      driver.ask(east);
      await driver.until('the destination waits for room', () => north.server?.status().state.kind === 'suspended');
      await driver.until('the source waits for its mirror', () => subject.status(0)?.imageState !== 'Synchronized' || subject.status(1)?.imageState !== 'Synchronized');
      const { incarnation } = north;
      full.heal();
      await driver.synchronized(subject, 0);
      if (north.incarnation !== incarnation) campaign.violate('the destination was started anew instead of going on');
      await driver.write(subject, 0, 0);
    },
  };
}

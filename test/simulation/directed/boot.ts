/** A device fails while a server starts, and both halves of a log still hold what nobody has applied. */
import type { DirectedScenario } from './driver.ts';
import { smallLab } from './driver.ts';

/** The destination dies in the middle of a consistency point; the first write to its mirror log after that fails. */
export function mirrorLogFailsAtStart(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }, { name: 'v1' }] }),
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      const [east, north] = [driver.site(0), driver.site(1)];
      for (let round = 0; round < 3; round++) {
        for (const each of [subject, driver.subject(1)]) {
          await driver.synchronized(each, 0);
          for (let i = 0; i < 6; i++) await driver.write(each, 0, random.below(250));
        }
        // The list reaches the destination at once, its disks take their time: the sealed half stays.
        const slow = campaign.world.storage(north.arrayName).inject({ kind: 'slow', factor: 2000, prefix: 'disk-' });
        driver.ask(east);
        await driver.wait(20);
        for (let i = 0; i < 4; i++) await driver.write(driver.subject(1), 0, random.below(250));
        driver.crash(north);
        slow.heal();
        await driver.wait(100);
        const { heal } = campaign.world.storage(north.arrayName).inject({ kind: random.pick(['failing-write', 'failing-sync']), prefix: 'shared/mirror-', times: random.pick([1, 1, 3]) });
        north.blame('shared', campaign.world.nowMs + 5000);
        await driver.boot(north);
        heal();
      }
      if (!campaign.world.marks.has('nvlog/suspended')) campaign.violate('the scenario proves nothing: the mirror log never waited for room');
    },
  };
}

/** The same for the server's own log. */
export function logFailsAtStart(): DirectedScenario {
  return {
    plan: smallLab({ sites: 1, volumes: [{ name: 'v0', destination: null }] }),
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      const site = driver.site(0);
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 6; i++) await driver.write(subject, 0, random.below(250));
        const slow = campaign.world.storage(site.arrayName).inject({ kind: 'slow', factor: 2000, prefix: 'disk-' });
        driver.ask(site);
        await driver.wait(5);
        for (let i = 0; i < 4; i++) await driver.write(subject, 0, random.below(250));
        driver.crash(site);
        slow.heal();
        await driver.wait(100);
        const { heal } = campaign.world.storage(site.logName).inject({ kind: random.pick(['failing-write', 'failing-sync']), prefix: 'nvlog', times: random.pick([1, 1, 3]) });
        site.blame('log', campaign.world.nowMs + 5000);
        await driver.boot(site);
        heal();
      }
      if (!campaign.world.marks.has('nvlog/suspended')) campaign.violate('the scenario proves nothing: the log never waited for room');
    },
  };
}

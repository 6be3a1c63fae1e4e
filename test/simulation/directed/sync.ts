/** What a resync and a consistency point of two sides promise each other. */
import type { DirectedScenario } from './driver.ts';
import { smallLab } from './driver.ts';
import { MIB } from '../plan.ts';

const BLOCKS = 256;

/** The source counts far ahead of the destination; the destination takes over, writes, and gives its changes back. */
export function numbersApart(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }, { name: 'alone', destination: null, sizeBytes: 64 * 1024 }] }),
    async run(driver) {
      const { random } = driver;
      const [subject, alone] = [driver.subject(0), driver.subject(1)];
      const [east, north] = [driver.site(0), driver.site(1)];
      await driver.synchronized(subject, 0);
      for (let i = 0; i < 60; i++) {
        await driver.write(alone, 0, i % 16);
        await driver.point(east);
      }
      for (let i = 0; i < 8; i++) await driver.write(subject, 0, random.below(BLOCKS));
      await driver.point(east);
      driver.crash(east);
      await driver.wait(3000);
      await driver.act(subject, 1, 'failover');
      await driver.wait(100);
      for (let i = 0; i < 8; i++) await driver.write(subject, 1, random.below(BLOCKS));
      await driver.point(north);
      await driver.boot(east);
    },
  };
}

/** The link goes in the middle of a resync, before the target made anything of it durable. */
export function cutInResync(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const subject = driver.subject();
      await driver.synchronized(subject, 0);
      await driver.act(subject, 0, 'fracture');
      for (let block = 0; block < BLOCKS; block += 8) await driver.write(subject, 0, block);
      driver.link(true, 10);
      await driver.act(subject, 0, 'resync');
      await driver.until('the resync has copied some', () => (subject.status(0)?.resync?.regionsDone ?? 0) >= 4 + driver.random.below(8));
      driver.link(false);
      await driver.wait(1000);
      driver.link(true);
    },
  };
}

/** Hosts write ahead of a slow resync, and consistency points carry what they wrote. */
export function writesAheadOfResync(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const subject = driver.subject();
      await driver.synchronized(subject, 0);
      await driver.act(subject, 0, 'fracture');
      for (let block = 0; block < BLOCKS; block += 8) await driver.write(subject, 0, block);
      driver.link(true, 10);
      await driver.act(subject, 0, 'resync');
      await driver.until('the resync copies', () => (subject.status(0)?.resync?.regionsDone ?? 0) >= 1);
      for (let block = BLOCKS - 8; block >= BLOCKS / 2; block -= 8) driver.begin(subject, 0, block);
      await driver.wait(5);
      driver.ask(driver.site(0));
      await driver.synchronized(subject, 0);
    },
  };
}

/** The destination holds writes that the source lost with its power, and hosts go on at the source before they meet. */
export function entriesBeyondTheEnd(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { campaign } = driver;
      const subject = driver.subject();
      const east = driver.site(0);
      await driver.synchronized(subject, 0);
      await driver.write(subject, 0, 3, 4);
      const hang = campaign.world.storage(east.logName).inject({ kind: 'hang', prefix: 'nvlog', operations: ['write', 'sync'] });
      for (let block = 40; block < 200; block += 20) driver.begin(subject, 0, block);
      await driver.wait(100);
      driver.link(false);
      driver.crash(east);
      hang.heal();
      await driver.wait(1000);
      await driver.boot(east);
      await driver.until('the source serves alone', () => east.server?.volumes()[0]?.state === 'online');
      for (let block = 0; block < 16; block += 4) await driver.write(subject, 0, block);
      driver.link(true);
    },
  };
}

/** The link goes in the middle of the list of a consistency point: what was staged of it belongs to no later one. */
export function cutInPrepare(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }], closeDetectMs: 30 }),
    async run(driver) {
      const { random, campaign } = driver;
      const subject = driver.subject();
      for (let round = 0; round < 3; round++) {
        driver.link(true);
        await driver.synchronized(subject, 0);
        // A part of a block cannot be taken from the mirror log: the list carries whole blocks, in several messages.
        for (let block = 0; block < 160; block++) campaign.change(subject, 0, 'write', block * 8 + random.below(8), 1, () => undefined);
        await driver.wait(300);
        driver.link(true, 5, 2_000_000);
        let cut = false;
        driver.atPhase(driver.site(0), 'write', () => {
          campaign.world.schedule(random.between(150, 300), 'cut', () => {
            driver.link(false);
            cut = true;
          });
        });
        driver.ask(driver.site(0));
        await driver.until('the cut', () => cut);
        await driver.wait(random.between(100, 400));
      }
      driver.link(true);
    },
  };
}

/** Blocks of a resync lie staged at the target while another volume of its pool goes round and round through free space. */
export function stagedWhileOthersWrite(): DirectedScenario {
  return {
    plan: smallLab({ level: 'raid0', disks: 1, diskBytes: 12 * MIB, volumes: [{ name: 'v0' }, { name: 'alone', source: 1, destination: null }] }),
    async run(driver) {
      const { random } = driver;
      const [subject, alone] = [driver.subject(0), driver.subject(1)];
      await driver.synchronized(subject, 0);
      await driver.act(subject, 0, 'fracture');
      for (let block = 0; block < BLOCKS; block += 4) await driver.write(subject, 0, block, 2);
      driver.link(true, 300);
      await driver.act(subject, 0, 'resync');
      await driver.until('the resync copies', () => (subject.status(0)?.resync?.regionsDone ?? 0) >= 1);
      while (subject.status(0)?.resync !== null) {
        await driver.write(alone, 0, random.below(240), 16);
        await driver.point(driver.site(1));
      }
      await driver.synchronized(subject, 0);
    },
  };
}

/** The destination is promoted with writes that no host was told of: they are there in the order of the log, or not at all. */
export function promotedInFlight(): DirectedScenario {
  return {
    plan: smallLab({ volumes: [{ name: 'v0' }] }),
    async run(driver) {
      const { campaign, random } = driver;
      const subject = driver.subject();
      const east = driver.site(0);
      await driver.synchronized(subject, 0);
      await driver.write(subject, 0, 3, 4);
      await driver.point(east);
      const hang = campaign.world.storage(east.logName).inject({ kind: 'hang', prefix: 'nvlog', operations: ['write', 'sync'] });
      for (let block = 20; block < 200; block += 20) {
        driver.begin(subject, 0, block, 1 + random.below(4));
        await driver.wait(random.between(0, 2));
      }
      driver.crash(east);
      hang.heal();
      await driver.wait(3000);
      await driver.act(subject, 1, 'failover');
      campaign.view(subject, 1);
      await driver.wait(200);
      await driver.boot(east);
    },
  };
}

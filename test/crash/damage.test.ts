import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  copyDirectory,
  filesIn,
  flip,
  makeReadOnly,
  makeWritable,
  remove,
  replace,
  startOn,
  truncate,
  type Outcome,
  zero,
} from './damage.ts';
import { startHost } from './host.ts';
import { Ledger, Load } from './ledger.ts';
import { Seeded } from './seeded.ts';
import { createSmallLab, synchronized, temporaryDirectory, VOLUME_BYTES, VOLUMES } from './small-lab.ts';

/** The whole table takes minutes; `npm test` runs the rows that have failed before or guard data most directly. */
const TWICE = process.env['CRASH_KILLS'] !== undefined;
const FULL = process.env['CRASH_FULL'] !== undefined || process.env['CRASH_KILLS'] !== undefined;
/** Offsets in a disk image: its two label slots, its first block, the distance of two stripe units. */
const LABELS = [16 * 1024, 32 * 1024] as const;
const FIRST_BLOCK = 64 * 1024;
const UNIT = 64 * 1024;
/** Offset in the header of a log half. */
const SWITCH_NUMBER = 56;

/** The lab as a crash under load left it, and the same lab some time before. */
const crashed = temporaryDirectory();
const before = temporaryDirectory();
const ledgers = VOLUMES.map((volume) => new Ledger(volume, VOLUME_BYTES));

beforeAll(async () => {
  const random = new Seeded(11);
  let host = await createSmallLab(crashed.path);
  const write = async (ms: number): Promise<void> => {
    const loads = ledgers.map((ledger) => new Load(host.client, ledger, random, 2));
    await new Promise((resolve) => setTimeout(resolve, ms));
    await Promise.all(loads.map((load) => load.stop()));
  };
  await write(1000);
  await host.stop();
  copyDirectory(crashed.path, before.path);
  host = await startHost(crashed.path);
  await synchronized(host.client);
  await write(1500);
  // Nothing is under way, but the last writes are in the logs only.
  await host.kill();
});
afterAll(() => {
  crashed.remove();
  before.remove();
});

interface Row {
  readonly what: string;
  readonly short?: boolean;
  damage(lab: string): unknown;
  readonly expect: 'repaired' | 'degraded' | 'north-refused' | 'north-nvfail' | 'lab-refused';
  /** Found in the cause, the refusal or the events: which file, what is wrong with it. */
  readonly says?: RegExp;
}

const NORTH = 'servers/north-1';
const ARRAY = 'arrays/north-array';
const MARKS = /^marks-/;
const disk = (lab: string, slot: number): string => join(lab, ARRAY, `disk-${slot}.img`);
const log = (lab: string, half: 'a' | 'b'): string => join(lab, NORTH, `nvlog-${half}.log`);
const eachDisk = (lab: string, act: (path: string) => void): void => filesIn(lab, ARRAY, /^disk-/).forEach(act);
const mirrorLogs = (lab: string): string[] => filesIn(lab, 'arrays/south-array/shared', /^mirror-.*\.log$/);

const rows: readonly Row[] = [
  // Disk images.
  { what: 'one label slot of a disk', damage: (lab) => flip(disk(lab, 0), LABELS[0] + 40), expect: 'repaired' },
  {
    what: 'both label slots of a disk',
    damage: (lab) => LABELS.forEach((at) => flip(disk(lab, 0), at + 40)),
    expect: 'degraded',
  },
  {
    what: 'the header of a disk',
    damage: (lab) => flip(disk(lab, 0), 0),
    expect: 'degraded',
    says: /disk-0\.img offset 0/,
  },
  {
    what: 'blocks of one disk',
    short: true,
    damage: (lab) => {
      for (let i = 0; i < 60; i += 1) flip(disk(lab, 1), FIRST_BLOCK + i * UNIT);
    },
    expect: 'repaired',
  },
  {
    what: 'a deleted disk',
    short: true,
    damage: (lab) => remove(disk(lab, 2)),
    expect: 'degraded',
    says: /disk-2\.img is missing, expected \d+ bytes/,
  },
  {
    what: 'a truncated disk',
    damage: (lab) => truncate(disk(lab, 2), 5_000_000),
    expect: 'degraded',
    says: /disk-2\.img ends at offset 5000000, expected \d+ bytes/,
  },
  {
    what: 'a disk that cannot be written',
    damage: (lab) => readOnly(disk(lab, 2)),
    expect: 'degraded',
    says: /disk-2\.img/,
  },
  {
    what: 'an older copy of a disk',
    short: true,
    damage: (lab) => void replace(lab, before.path, ARRAY, /^disk-3/),
    expect: 'degraded',
    says: /disk 3 is older than label/,
  },
  {
    what: 'more deleted disks than RAID-6 can lose',
    damage: (lab) => [0, 1, 2].forEach((slot) => remove(disk(lab, slot))),
    expect: 'north-refused',
    says: /disks 0, 1, 2/,
  },
  {
    what: 'the headers of all disks',
    damage: (lab) => eachDisk(lab, (path) => flip(path, 0)),
    expect: 'north-refused',
    says: /disk-0\.img offset 0/,
  },
  {
    what: 'older copies of all disks',
    short: true,
    damage: (lab) => void replace(lab, before.path, ARRAY, /^disk-/),
    expect: 'north-refused',
    says: /label/,
  },
  // The source's log.
  {
    what: 'the header of the active log half',
    short: true,
    damage: (lab) => flip(log(lab, activeHalf(lab)), 0),
    expect: 'north-nvfail',
    says: /log records \d+ to \d+/,
  },
  {
    what: 'scenario 69: the active log half full of zeros',
    short: true,
    damage: (lab) => zero(log(lab, activeHalf(lab))),
    expect: 'north-nvfail',
    says: /log records \d+ and later/,
  },
  {
    what: 'the headers of both log halves',
    damage: (lab) => (['a', 'b'] as const).forEach((half) => flip(log(lab, half), 0)),
    expect: 'north-refused',
    says: /nvlog-a\.log/,
  },
  {
    what: 'a deleted log half',
    short: true,
    damage: (lab) => remove(log(lab, activeHalf(lab))),
    expect: 'north-refused',
    says: /nvlog-[ab]\.log is missing/,
  },
  {
    what: 'both log halves deleted',
    damage: (lab) => (['a', 'b'] as const).forEach((half) => remove(log(lab, half))),
    expect: 'north-refused',
    says: /nvlog-a\.log is missing/,
  },
  {
    what: 'a truncated log half',
    damage: (lab) => truncate(log(lab, 'a'), 100_000),
    expect: 'north-refused',
    says: /nvlog-a\.log has 100000 bytes/,
  },
  {
    what: 'a log half that cannot be written',
    damage: (lab) => readOnly(log(lab, 'a')),
    expect: 'north-refused',
    says: /nvlog-a\.log/,
  },
  {
    what: 'an older copy of the whole log',
    short: true,
    damage: (lab) => void replace(lab, before.path, NORTH, /^nvlog/),
    expect: 'north-refused',
    says: /older copy/,
  },
  // The destination's mirror log.
  {
    what: 'the header of the mirror log',
    damage: (lab) => mirrorLogs(lab).forEach((path) => flip(path, 0)),
    expect: 'repaired',
    says: /mirror-/,
  },
  {
    what: 'the middle of the mirror log',
    short: true,
    damage: (lab) => mirrorLogs(lab).forEach((path) => flip(path, 200_000)),
    expect: 'repaired',
  },
  { what: 'a deleted mirror log', short: true, damage: (lab) => mirrorLogs(lab).forEach(remove), expect: 'repaired' },
  {
    what: 'an older copy of the mirror log',
    damage: (lab) => void replace(lab, before.path, 'arrays/south-array/shared', /^mirror-/),
    expect: 'repaired',
  },
  // Marks.
  {
    what: 'one copy of a page of marks',
    damage: (lab) => filesIn(lab, `${ARRAY}/shared`, MARKS).forEach((path) => flip(path, 4096 + 20)),
    expect: 'repaired',
  },
  {
    what: 'deleted marks',
    short: true,
    damage: (lab) => filesIn(lab, `${ARRAY}/shared`, MARKS).forEach(remove),
    expect: 'repaired',
    says: /every region counts as changed/,
  },
  {
    what: 'truncated marks',
    damage: (lab) => filesIn(lab, `${ARRAY}/shared`, MARKS).forEach((path) => truncate(path, 100)),
    expect: 'repaired',
    says: /marks-\w+ has 100 bytes.*every region counts as changed/s,
  },
  // What a server and an array know of themselves.
  {
    what: 'a deleted identity',
    short: true,
    damage: (lab) => remove(join(lab, NORTH, 'identity.json')),
    expect: 'north-refused',
    says: /identity\.json is missing/,
  },
  {
    what: 'an identity that is no JSON',
    damage: (lab) => writeFileSync(join(lab, NORTH, 'identity.json'), 'garbage'),
    expect: 'north-refused',
    says: /identity\.json, offset 0/,
  },
  {
    what: 'an empty identity',
    damage: (lab) => truncate(join(lab, NORTH, 'identity.json'), 0),
    expect: 'north-refused',
    says: /identity\.json, offset 0/,
  },
  {
    what: 'an identity of a newer format',
    damage: (lab) => writeFileSync(join(lab, NORTH, 'identity.json'), '{"format":9,"check":0,"identity":{}}'),
    expect: 'north-refused',
    says: /identity\.json has format 9/,
  },
  {
    what: 'an older copy of the identity',
    short: true,
    damage: (lab) => void replace(lab, before.path, NORTH, /^identity/),
    expect: 'north-refused',
    says: /older copy/,
  },
  {
    what: 'one copy of the epochs',
    damage: (lab) => flip(join(lab, ARRAY, 'shared/epochs-a'), 40),
    expect: 'repaired',
    says: /epochs-a offset 0/,
  },
  {
    what: 'both copies of the epochs',
    damage: (lab) => (['a', 'b'] as const).forEach((copy) => flip(join(lab, ARRAY, `shared/epochs-${copy}`), 40)),
    expect: 'north-refused',
    says: /epochs-a offset 0: .*epochs-b offset 0: .*restore/,
  },
  // The lab's own files.
  {
    what: 'scenario 71: a deleted catalog',
    damage: (lab) => remove(join(lab, 'catalog.sqlite')),
    expect: 'repaired',
    says: /rebuilt from the arrays/,
  },
  {
    what: 'scenario 71: a truncated catalog',
    short: true,
    damage: (lab) => truncate(join(lab, 'catalog.sqlite'), 6000),
    expect: 'repaired',
    says: /rebuilt from the arrays/,
  },
  {
    what: 'bytes in the middle of the catalog',
    damage: (lab) => flip(join(lab, 'catalog.sqlite'), 3 * 4096 + 10, 600),
    expect: 'repaired',
    says: /rebuilt from the arrays/,
  },
  {
    what: 'an older copy of the catalog',
    damage: (lab) => void replace(lab, before.path, '.', /^catalog\.sqlite/),
    expect: 'repaired',
  },
  {
    what: 'a deleted catalog and all copies of the topology',
    damage: (lab) => {
      remove(join(lab, 'catalog.sqlite'));
      for (const array of ['north-array', 'south-array']) flip(join(lab, 'arrays', array, 'shared/topology'), 40);
    },
    expect: 'lab-refused',
    says: /lab\/catalog-lost/,
  },
  {
    what: 'a lab.json that is no JSON',
    damage: (lab) => writeFileSync(join(lab, 'lab.json'), '{{{'),
    expect: 'lab-refused',
    says: /lab\/damaged/,
  },
  {
    what: 'a deleted lab.json',
    short: true,
    damage: (lab) => remove(join(lab, 'lab.json')),
    expect: 'lab-refused',
    says: /lab\.json/,
  },
  {
    what: 'scenario 74: a lab.json of a newer format',
    damage: (lab) => newerLab(lab),
    expect: 'lab-refused',
    says: /lab\/newer-format/,
  },
  {
    what: 'a lab.lock that is no JSON',
    damage: (lab) => writeFileSync(join(lab, 'lab.lock'), 'garbage'),
    expect: 'repaired',
  },
  {
    what: "a lab.lock that names another lab's socket",
    short: true,
    damage: (lab) => writeFileSync(join(lab, 'lab.lock'), '{"pid":1,"host":"x","socket":"/tmp/elsewhere.sock"}'),
    expect: 'repaired',
  },
  {
    what: 'a lab.lock.db that is no database',
    damage: (lab) => writeFileSync(join(lab, 'lab.lock.db'), Buffer.alloc(9000, 0x5a)),
    expect: 'lab-refused',
    says: /lab\.lock\.db/,
  },
];

describe('files damaged while nobody looked', () => {
  // The short campaign of `npm test` takes one row of each kind; CRASH_FULL runs them all.
  for (const row of rows.filter(({ short }) => FULL || short === true)) {
    it(`${row.what}: ${TOLD[row.expect]}`, async () => {
      const lab = temporaryDirectory();
      copyDirectory(crashed.path, lab.path);
      const undo = row.damage(lab.path);
      try {
        const outcome = await startOn(lab.path, ledgers, { syncMs: row.expect.startsWith('north') ? 500 : 30_000 });
        judge(row, outcome);
        if (row.expect === 'lab-refused') return;
        // No crash loop, and nothing was made worse: the second start says the same.
        if (TWICE)
          judge(
            row,
            await startOn(lab.path, ledgers, { syncMs: row.expect.startsWith('north') ? 500 : 30_000 }),
            'again',
          );
      } finally {
        if (typeof undo === 'function') (undo as () => void)();
        lab.remove();
      }
    });
  }
});

const TOLD: Readonly<Record<Row['expect'], string>> = {
  repaired: 'is repaired, both sides hold every acknowledged write',
  degraded: 'is named; both sides hold every acknowledged write',
  'north-refused': 'its server says why it does not serve, the other site is untouched',
  'north-nvfail': 'the volumes stay offline with the lost records named',
  'lab-refused': 'the lab is not opened, the error says what to do',
};

function judge(row: Row, outcome: Outcome, start: 'first' | 'again' = 'first'): void {
  const seen = JSON.stringify(outcome, null, 1);
  if (row.expect === 'lab-refused') {
    expect(outcome.refused, outcome.errors).toMatchObject({
      code: expect.stringMatching(/^[a-z]+\/[a-z-]+$/) as string,
    });
    expect(outcome.refused?.hint.length).toBeGreaterThan(10);
    expect(JSON.stringify(outcome.refused)).toMatch(row.says ?? /./);
    expect(outcome.exitCode).toBe(1);
    return;
  }
  expect(outcome.refused, seen).toBeNull();
  expect(outcome.exitCode, seen).toBe(0);
  const north = outcome.servers.find((server) => server.name === 'north-1');
  const south = outcome.servers.find((server) => server.name === 'south-1');
  expect(south, seen).toMatchObject({ state: 'up' });
  const offline = outcome.volumes.filter((volume) => volume.state !== 'serving' && volume.state !== 'secondary');
  // What is offline and says so is not a wrong byte; everything else is.
  const wrong = outcome.wrong.filter((finding) => !offline.some((volume) => volume.name === finding.volume));
  expect(wrong, seen).toEqual([]);
  if (row.expect === 'north-refused') {
    expect(['fenced', 'down'], seen).toContain(north?.state);
    expect(north?.cause, seen).toMatch(row.says ?? /./);
    expect(offline.map((volume) => volume.name)).toEqual(['ledger', 'orders']);
    for (const volume of offline) expect(volume.cause, seen).toMatch(row.says ?? /./);
    for (const why of Object.values(outcome.unreadable)) expect(why).toMatch(/^server\/(refused|down)/);
    expect(outcome.check?.verdict, seen).toBe('damaged');
    return;
  }
  expect(north, seen).toMatchObject({ state: 'up' });
  if (row.expect === 'north-nvfail') {
    expect(offline.map((volume) => volume.name)).toEqual(['ledger', 'orders']);
    for (const volume of offline) expect(volume.cause, seen).toMatch(row.says ?? /./);
    return;
  }
  expect(outcome.apart, seen).toBeNull();
  expect(outcome.unreadable, seen).toEqual({});
  expect(outcome.check, seen).toMatchObject(row.expect === 'repaired' ? { verdict: 'clean' } : { verdict: 'damaged' });
  if (row.says !== undefined && start === 'first')
    expect(outcome.events.map((event) => event.message).join('\n')).toMatch(row.says);
}

function readOnly(path: string): () => void {
  if (!makeReadOnly(path)) throw new Error('this file system knows no immutable files, and root may write the others');
  return () => makeWritable(path);
}

function newerLab(lab: string): void {
  const path = join(lab, 'lab.json');
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), format: 99 }));
}

/** The half with the higher switch number in its header is the one written last. */
function activeHalf(lab: string): 'a' | 'b' {
  const [a, b] = (['a', 'b'] as const).map((half) => readFileSync(log(lab, half)).readBigUInt64LE(SWITCH_NUMBER));
  return (a ?? 0n) > (b ?? 0n) ? 'a' : 'b';
}

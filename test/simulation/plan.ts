/** The random lab of one seed. */
import { DEFAULT_SERVER_SETTINGS, type ServerSettings } from '../../src-engine/lab/server/index.ts';
import { redundancyOf } from '../../src-engine/raid/index.ts';
import type { Prng } from '../../src-engine/runtime/simulated/index.ts';
import type { Level, SitePlan } from './site.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;

export interface VolumePlan {
  readonly name: string;
  readonly sizeBytes: number;
  readonly cellBytes: number;
  /** Index of the home source's site, and of the destination's; null: not mirrored. */
  readonly source: number;
  readonly destination: number | null;
  readonly policy: 'availability' | 'strict';
  readonly recovery: 'automatic' | 'manual';
}

export interface LabPlan {
  readonly sites: readonly SitePlan[];
  readonly settings: readonly ServerSettings[];
  readonly volumes: readonly VolumePlan[];
  /** Little room: hosts may be told that there is none. */
  readonly tight: boolean;
  readonly closeDetectMs: number;
}

const LEVELS: readonly (readonly [Level, number])[] = [
  ['raid0', 1], ['raid0', 3], ['raid1', 2], ['raid1', 3], ['raid10', 4], ['raid5', 3], ['raid5', 4], ['raid5', 5], ['raid6', 4], ['raid6', 6],
];

/** Uniform on a logarithmic scale. */
function scaled(random: Prng, low: number, high: number): number {
  return Math.round(low * (high / low) ** random.float());
}

function dataDisks(level: Level, disks: number): number {
  return { raid0: disks, raid1: 1, raid10: disks / 2, raid5: disks - 1, raid6: disks - 2 }[level];
}

export function planLab(random: Prng): LabPlan {
  const siteCount = random.chance(0.25) ? 3 : 2;
  const pairCount = random.pick([1, 1, 1, 2, 2, 3]);
  const tight = random.chance(0.12);
  const volumes: VolumePlan[] = [];
  for (let i = 0; i < pairCount; i++) {
    const source = random.below(siteCount);
    const destination = (source + 1 + random.below(siteCount - 1)) % siteCount;
    const sizeBytes = random.chance(0.03) ? 4 * MIB : random.pick([64 * KIB, 256 * KIB, 256 * KIB, 512 * KIB, 1 * MIB]);
    volumes.push({
      name: `v${String(i)}`, sizeBytes, source, destination, cellBytes: sizeBytes <= 256 * KIB && random.chance(0.3) ? 64 : 512,
      policy: random.chance(0.25) ? 'strict' : 'availability', recovery: random.chance(0.2) ? 'manual' : 'automatic',
    });
  }
  if (random.chance(0.3)) {
    volumes.push({ name: 'alone', sizeBytes: random.pick([64 * KIB, 1 * MIB]), cellBytes: 512, source: random.below(siteCount), destination: null, policy: 'availability', recovery: 'automatic' });
  }
  const sites: SitePlan[] = [];
  const settings: ServerSettings[] = [];
  for (let i = 0; i < siteCount; i++) {
    const [level, disks] = random.pick(LEVELS);
    const held = volumes.reduce((sum, v) => sum + (v.source === i || v.destination === i ? v.sizeBytes : 0), 0);
    const roomBytes = tight ? held * 3 + 4 * MIB : held * 6 + 16 * MIB;
    const diskBytes = Math.ceil(roomBytes / dataDisks(level, disks) / (256 * KIB)) * 256 * KIB + 1 * MIB;
    sites.push({ id: ['east', 'north', 'south'][i] ?? `site${String(i)}`, level, disks, diskBytes, redundancy: redundancyOf(level, disks) });
    settings.push({
      ...DEFAULT_SERVER_SETTINGS,
      logHalfBytes: random.pick([1 * MIB, 2 * MIB, 2 * MIB, 4 * MIB]),
      cpIntervalMs: scaled(random, 50, 5000),
      cleanCacheBytes: random.pick([64 * KIB, 1 * MIB]),
      peerWaitMs: scaled(random, 1000, 6000),
      mirrorTimeoutMs: scaled(random, 500, 3000),
      strictTimeoutMs: scaled(random, 1000, 4000),
      resyncWindowRegions: random.pick([1, 2, 8, 32]),
    });
  }
  return { sites, settings, volumes, tight, closeDetectMs: scaled(random, 50, 2000) };
}

/** Where a workload reads and writes next. Pure given its random source. */
import type { Random } from '../runtime/index.ts';

export const WORKLOAD_PROFILES = ['sequential', 'random', 'mixed', 'hot-spot'] as const;
export type WorkloadProfile = (typeof WORKLOAD_PROFILES)[number];

export interface WorkloadSettings {
  readonly profile: WorkloadProfile;
  /** Requests in flight, 1..256. */
  readonly queueDepth: number;
  /** Requests a second; null: as fast as the volume takes them. */
  readonly ratePerSecond: number | null;
  /** 0..100. */
  readonly readPercent: number;
  /** 4 KiB blocks per request, 1..64. */
  readonly blocksPerRequest: number;
}

/** What a profile means when the caller says nothing else. */
export function defaultSettings(profile: WorkloadProfile): WorkloadSettings {
  switch (profile) {
    case 'sequential':
      return { profile, queueDepth: 4, ratePerSecond: null, readPercent: 0, blocksPerRequest: 16 };
    case 'random':
      return { profile, queueDepth: 8, ratePerSecond: null, readPercent: 0, blocksPerRequest: 1 };
    case 'mixed':
      return { profile, queueDepth: 8, ratePerSecond: null, readPercent: 60, blocksPerRequest: 1 };
    case 'hot-spot':
      return { profile, queueDepth: 8, ratePerSecond: null, readPercent: 20, blocksPerRequest: 1 };
  }
}

export interface Request {
  readonly kind: 'read' | 'write';
  readonly vbn: number;
  readonly blocks: number;
}

/** Share of the volume that a hot spot covers, and share of the requests that go there. */
const HOT_SHARE = 0.1;
const HOT_REQUESTS = 0.9;

export class RequestSource {
  readonly #settings: WorkloadSettings;
  readonly #random: Random;
  readonly #volumeBlocks: number;
  #cursor = 0;

  constructor(settings: WorkloadSettings, volumeBlocks: number, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#volumeBlocks = volumeBlocks;
  }

  next(): Request {
    const { profile, readPercent } = this.#settings;
    const blocks = Math.min(this.#settings.blocksPerRequest, this.#volumeBlocks);
    const kind = this.#random.float() * 100 < readPercent ? 'read' : 'write';
    const places = this.#volumeBlocks - blocks + 1;
    if (profile === 'sequential') {
      if (this.#cursor + blocks > this.#volumeBlocks) this.#cursor = 0;
      const vbn = this.#cursor;
      this.#cursor += blocks;
      return { kind, vbn, blocks };
    }
    const hot = profile === 'hot-spot' && this.#random.float() < HOT_REQUESTS;
    const range = hot ? Math.max(1, Math.floor(places * HOT_SHARE)) : places;
    return { kind, vbn: Math.floor(this.#random.float() * range), blocks };
  }
}

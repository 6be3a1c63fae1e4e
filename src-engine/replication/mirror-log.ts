import type { Runtime, StorageFile } from '../runtime/index.ts';
import { Log, type Recovered } from '../nvlog/index.ts';
import { PeerRefusedError } from './peer.ts';

const RESERVE_BYTES = 256 * 1024;
const MAXIMUM_NUMBER = 1000;

/** Where files of the server's arrays are reached: `place` is the id of a volume or of a pool. */
export interface MirrorLogPlaces {
  readonly runtime: Runtime;
  readonly poolIds: () => readonly string[];
  readonly sharedFile: (place: string | null, name: string, size: number, create: boolean) => Promise<StorageFile>;
  readonly sharedFileExists: (place: string | null, name: string) => Promise<boolean>;
  readonly sharedFileRemove: (place: string | null, name: string) => Promise<void>;
}

/** The mirror log is of a newer format: it is left as it is, and nothing is mirrored through another one in its stead. */
export class MirrorLogRefusedError extends PeerRefusedError {
  constructor(message: string) {
    super(message, { code: 'mirror-log/newer-version' });
    this.name = 'MirrorLogRefusedError';
  }
}

export interface OpenedMirrorLog {
  readonly log: Log;
  readonly recovered: Recovered | null;
  /** What was confirmed to the source and cannot be read; null when nothing. */
  readonly lost: { readonly code: 'missing' | 'quarantined' | 'lost'; readonly what: string; readonly relationshipIds: readonly string[] | null } | null;
}

function namesOf(serverId: string, number: number): readonly [string, string] {
  const suffix = number === 1 ? '' : `.${String(number)}`;
  return [`mirror-${serverId}-a${suffix}.log`, `mirror-${serverId}-b${suffix}.log`];
}

/**
 * The array on which the files lie: that of the relationship which joined first, and may be gone since. A server with
 * several arrays must find them there again, or what they hold for the others would be forgotten.
 */
async function placeOf(places: MirrorLogPlaces, [name]: readonly [string, string]): Promise<string | null> {
  for (const poolId of places.poolIds()) if (await places.sharedFileExists(poolId, name)) return poolId;
  return null;
}

/**
 * Opens the mirror log for a source server, or makes it. `joined`: some relationship has joined through it, so that it
 * must be there and readable. One that is damaged is kept for whoever can read it, and the next one gets a number.
 */
export async function openMirrorLog(places: MirrorLogPlaces, serverId: string, wantedPlace: string, halfBytes: number, joined: boolean): Promise<OpenedMirrorLog> {
  const { runtime } = places;
  let number = 1;
  let place = await placeOf(places, namesOf(serverId, 1));
  while (place !== null && number < MAXIMUM_NUMBER) {
    const next = await placeOf(places, namesOf(serverId, number + 1));
    if (next === null) break;
    number++;
    place = next;
  }
  const sizeBytes = halfBytes + 2 * RESERVE_BYTES;
  const optionsOf = (n: number) => ({ names: namesOf(serverId, n), logId: `mirror ${serverId}`.slice(0, 32), halfBytes: sizeBytes, reserveBytes: RESERVE_BYTES });
  const openAt = (at: string) => async (name: string): Promise<StorageFile> => places.sharedFile(at, name, sizeBytes, true);
  const make = async (at: string, n: number): Promise<Log> => {
    // Frames that older files still hold would be taken for lost ones of the new log. The first name decides whether there
    // is a log, so it goes last.
    for (const name of [...namesOf(serverId, n)].reverse())
      if (await places.sharedFileExists(at, name)) await places.sharedFileRemove(at, name);
    return Log.create({ runtime, open: openAt(at) }, optionsOf(n));
  };
  if (place === null) {
    if (joined) runtime.covered('mirror-log/missing');
    const lost = joined ? ({ code: 'missing', what: `its files ${namesOf(serverId, 1).join(' and ')} are missing`, relationshipIds: null } as const) : null;
    return { log: await make(wantedPlace, 1), recovered: null, lost };
  }
  const opened = await Log.open({ runtime, open: openAt(place) }, optionsOf(number));
  if (opened.kind === 'open') {
    const { lost } = opened;
    const what = lost === null ? '' : `entries ${String(lost.fromSequence)} to ${String(lost.toSequence)} are unreadable`;
    return { log: opened.log, recovered: opened.recovered, lost: lost === null ? null : { code: 'lost', what, relationshipIds: lost.volumeIds ?? null } };
  }
  if (opened.code === 'newer-version') throw new MirrorLogRefusedError(opened.message);
  // A crash while it was being made leaves no valid header either; then nobody has joined through it yet.
  if (!joined) {
    runtime.covered('mirror-log/made-anew');
    return { log: await make(place, number), recovered: null, lost: null };
  }
  runtime.covered('mirror-log/quarantined');
  const what = `it cannot be read (${opened.code}: ${opened.message}); its files are kept, ${namesOf(serverId, number + 1).join(' and ')} take their place`;
  return { log: await make(place, number + 1), recovered: null, lost: { code: 'quarantined', what, relationshipIds: null } };
}

import type { StorageFile } from '../../runtime/index.ts';
import { Log, readJsonPayload, type LogRecord, type LostRange } from '../../nvlog/index.ts';
import { Pool, type VolumeRecord } from '../../pool/index.ts';
import type { Relationship } from '../../replication/index.ts';
import type { LoggedVolume } from '../../volume/index.ts';
import type { Holdings } from './holdings.ts';
import { readIdentity, writeIdentity } from './identity.ts';
import type { Losses } from './losses.ts';
import { applyControlRecord } from './recovery.ts';
import type { ServerDependencies } from './types.ts';

const LOG_NAMES = ['nvlog-a.log', 'nvlog-b.log'] as const;
const LOG_RESERVE_BYTES = 256 * 1024;
/** Roots kept for reads: they end with the incarnation. */
export const VIEW_PREFIX = 'view-';

/** What the files of a server say at its start. */
export interface Found {
  /** Of the log that is open now; not yet replayed. */
  readonly records: readonly LogRecord[];
  /** Last sequence the log holds. */
  readonly endOfLog: number;
  /** Records that were acknowledged and are gone. */
  readonly lost: LostRange | null;
}

export type AddVolume = (pool: Pool, record: VolumeRecord, applied: number) => LoggedVolume;

/** Files, log, disks and epochs contradict each other, or are not there: the server does not serve (W4). */
export class RefusedStart extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'RefusedStart';
    this.code = code;
  }
}

/** The start of a server in its order: identity, log, then every pool behind a new epoch. Throws RefusedStart, StorageError. */
export async function openFiles(held: Holdings): Promise<Found> {
  const { deps } = held;
  const { runtime, logStorage, settings } = deps;
  const known = await readIdentity(logStorage);
  if (known.kind === 'refused') throw new RefusedStart(known.code, known.message);
  await refuseLostFiles(deps, known.kind);
  const identity = known.kind === 'known' ? known.identity : { logId: `log-${runtime.random.id()}`, epochs: {} };
  held.epochs = { ...identity.epochs };
  const logDeps = {
    runtime,
    open: (name: string): Promise<StorageFile> =>
      logStorage.open(name, { create: true, size: settings.logHalfBytes, preallocate: true }),
  };
  const options = {
    names: LOG_NAMES,
    logId: identity.logId,
    halfBytes: settings.logHalfBytes,
    reserveBytes: LOG_RESERVE_BYTES,
  };
  let records: readonly LogRecord[] = [];
  let labels: Readonly<Record<string, number>> = {};
  let lost: LostRange | null = null;
  if (known.kind === 'new') {
    held.log = await Log.create(logDeps, options);
    await writeIdentity(logStorage, runtime, identity);
  } else {
    const opened = await Log.open(logDeps, options);
    if (opened.kind === 'refused') throw new RefusedStart(`nvlog/${opened.code}`, opened.message);
    held.log = opened.log;
    records = opened.recovered.records;
    labels = opened.recovered.labels;
    lost = runtime.planted('hide-lost-records') ? null : opened.lost;
    for (const finding of opened.findings) {
      held.event(
        `nvlog/${finding.code}`,
        finding.code === 'lost-records' ? 'critical' : 'notice',
        deps.id,
        `${finding.file} offset ${String(finding.offset)}: ${finding.message}`,
      );
    }
  }
  const endOfLog = held.log.lastSequence;
  for (const { poolId, arrayId } of deps.pools) await openPool(held, poolId, arrayId, identity.logId, labels[poolId]);
  return { records, endOfLog, lost };
}

/**
 * A file that should be there is never made anew (scenario 69): an empty half would hide what it held, and a new log
 * would be written over halves that may hold acknowledged writes.
 */
async function refuseLostFiles(deps: ServerDependencies, identity: 'known' | 'new'): Promise<void> {
  const { logStorage } = deps;
  for (const name of LOG_NAMES) {
    const there = await logStorage.exists(name);
    if (identity === 'known' && !there)
      throw new RefusedStart(
        'nvlog/missing',
        `${name} is missing, expected a log half from offset 0; nothing was changed: restore the file, or fail over to the other site`,
      );
    // Without pools this is a first start that was cut short.
    if (identity === 'new' && there && deps.pools.length > 0)
      throw new RefusedStart(
        'server/identity-missing',
        `identity.json is missing, but ${name} is there; nothing was changed: restore identity.json from a backup`,
      );
  }
  if (identity === 'new' && deps.pools.length > 0)
    throw new RefusedStart(
      'server/identity-missing',
      'identity.json and the log are missing, but the server owns pools; nothing was changed: restore the files from a backup, or fail over to the other site',
    );
}

/** Opens a pool behind a new epoch: what an earlier incarnation still has in flight is refused by the array. */
async function openPool(
  held: Holdings,
  poolId: string,
  arrayId: string,
  logId: string,
  minimumLabel: number | undefined,
): Promise<void> {
  const { runtime, logStorage } = held.deps;
  const refused = held.deps.refusedArrays?.get(arrayId);
  if (refused !== undefined) throw new RefusedStart(refused.code, refused.message);
  const shelf = held.deps.shelves.get(arrayId);
  if (shelf === undefined) throw new RefusedStart('server/no-array', `the array ${arrayId} cannot be reached`);
  const onArray = shelf.epoch(poolId);
  const own = held.epochs[poolId] ?? 0;
  if (onArray > own && own > 0) {
    throw new RefusedStart(
      'server/older-than-array',
      `the array carries epoch ${String(onArray)} of pool ${poolId}, this server's own record says ${String(own)}: it is an older copy and does not serve`,
    );
  }
  const epoch = Math.max(onArray, own) + 1;
  held.epochs[poolId] = epoch;
  await writeIdentity(logStorage, runtime, { logId, epochs: held.epochs });
  await shelf.raiseEpoch(poolId, epoch);
  const handle = shelf.handle({ poolId, serverId: held.deps.id, epoch });
  const opened = await Pool.open(
    { runtime, handle },
    minimumLabel === undefined ? { poolId } : { poolId, minimumLabel },
  );
  if (opened.kind === 'refused') throw new RefusedStart(opened.code, opened.message);
  for (const finding of opened.findings) held.event(`pool/${finding.kind}`, 'warning', poolId, finding.message);
  held.pools.set(poolId, { pool: opened.pool, handle });
}

/** The volumes of every pool with their relationships; one whose disks know another log or a newer one refuses the start. */
export async function openVolumes(held: Holdings, losses: Losses, addVolume: AddVolume, found: Found): Promise<void> {
  const { endOfLog, lost } = found;
  for (const { pool } of held.pools.values()) {
    for (const record of pool.volumes()) {
      const applied = appliedOf(record);
      if (applied !== null && applied.logId !== held.openLog().logId) {
        throw new RefusedStart(
          'server/foreign-log',
          `${record.name} was last written through another log (${applied.logId}); this server's log is not the one its disks belong to`,
        );
      }
      if (applied !== null && applied.sequence > endOfLog) {
        throw new RefusedStart(
          'server/older-log-than-disks',
          `${record.name} on disk holds record ${String(applied.sequence)}, the log ends at ${String(endOfLog)}: the log is an older copy`,
        );
      }
      const volume = addVolume(pool, record, applied?.sequence ?? 0);
      const relationship = relationshipOf(record);
      if (relationship !== null) await held.replication?.adopt(volume, relationship);
      if (losses.recall(volume, record)) continue;
      if (
        lost !== null &&
        volume.appliedSequence < lost.toSequence &&
        (lost.volumeIds === undefined || lost.volumeIds.includes(volume.id))
      ) {
        await losses.begin(
          volume.id,
          `log records ${String(lost.fromSequence)} ${lost.openEnded === true ? 'and later' : `to ${String(lost.toSequence)}`}`,
        );
      }
    }
  }
}

/** What the log holds beyond the disks, and what it says about the relationships. */
export async function replay(held: Holdings, records: readonly LogRecord[]): Promise<void> {
  let replayed = 0;
  for (const record of records) {
    const volume = held.volumes.get(record.volumeId);
    if (volume === undefined) continue;
    const rel = held.relationshipOfVolume(volume.id);
    switch (record.kind) {
      case 'write':
      case 'trim':
      case 'zero':
        if (await volume.replay(record)) replayed++;
        if (rel?.record.role === 'primary') rel.primary.owed.found(record);
        break;
      case 'fracture':
      case 'generation':
        if (rel !== undefined) applyControlRecord(rel, record.kind, readJsonPayload(record));
        break;
      default:
    }
  }
  if (replayed > 0) held.deps.runtime.covered('server/replayed');
}

/** Roots kept for reads of an earlier incarnation. */
export async function releaseViews(held: Holdings): Promise<void> {
  for (const { pool } of held.pools.values()) {
    const release = pool
      .volumes()
      .flatMap((record) =>
        record.keptRoots
          .filter((root) => root.name.startsWith(VIEW_PREFIX) || root.purpose === 'resync')
          .map((root) => ({ volumeId: record.id, name: root.name })),
      );
    if (release.length > 0) await pool.commit({ release });
  }
}

function appliedOf(record: VolumeRecord): { readonly logId: string; readonly sequence: number } | null {
  const applied = record.attributes['applied'];
  if (typeof applied !== 'object' || applied === null || Array.isArray(applied)) return null;
  const { logId, sequence } = applied as { readonly logId?: unknown; readonly sequence?: unknown };
  return typeof logId === 'string' && typeof sequence === 'number' ? { logId, sequence } : null;
}

function relationshipOf(record: VolumeRecord): Relationship['record'] | null {
  return (record.attributes['relationship'] ?? null) as unknown as Relationship['record'] | null;
}

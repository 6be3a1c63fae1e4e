/** A mirror as everybody sees it: configuration joined with what its servers say. */
import type { ImageState, Mirror } from '../contract/index.ts';
import { conditionCodeSchema, imageStateSchema, MIRROR_ACTIONS } from '../contract/index.ts';
import { decisionViewOf, describeConditions } from '../replication/index.ts';
import type { Clock } from '../runtime/index.ts';
import { instant } from './instant.ts';
import type { Jobs } from './jobs.ts';
import { refusalFrom, unreachable, type MirrorSides, type MirrorView } from './mirror-sides.ts';
import type { RelationshipStatus } from './server/types.ts';
import type { MirrorRecord, Topology } from './topology.ts';

export interface MirrorViewEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly jobs: Jobs;
  readonly sides: MirrorSides;
}

/** What was last seen of a mirror, for the time in which no server can be asked. */
export interface SeenMirror {
  readonly state: ImageState;
  readonly sinceWallMs: number;
}

export function presentMirror(
  { topology, clock, jobs, sides }: MirrorViewEnvironment,
  record: MirrorRecord,
  seen: SeenMirror | undefined,
): Mirror {
  const view = sides.view(record);
  const status = view.leading;
  const sourceVolume = topology.volumes.get(record.sourceVolumeId);
  const destinationVolume = topology.volumes.get(record.destinationVolumeId);
  const source = { volume: sourceVolume.name, site: topology.siteOfVolume(sourceVolume).name };
  const destination = { volume: destinationVolume.name, site: topology.siteOfVolume(destinationVolume).name };
  const acting = sides.acting(record);
  const imageState = stateOf(status, seen?.state);
  const sync = status?.resync ?? null;
  const job = jobs.running(`mirror/${record.name}`)[0];
  return {
    id: record.id,
    name: record.name,
    mode: 'consistency-point',
    policy: status?.policy ?? record.policy,
    recovery: record.recovery,
    imageState,
    conditions: conditionsOf(status, imageState),
    direction: status?.direction ?? 'forward',
    acting: acting === null ? null : acting.home === 'source' ? source.site : destination.site,
    source,
    destination,
    connection: status === null ? 'standalone' : status.connected ? 'connected' : 'connecting',
    lag: lagOf(status),
    lastContact: status === null || status.lastContactWallMs === null ? null : instant(status.lastContactWallMs),
    lastConsistent: lastConsistentOf(view),
    fractureLog:
      status === null
        ? { regions: 0, dirty: 0, regionSizeBytes: 65_536, heat: [] }
        : {
            regions: status.fractureLog.regions,
            dirty: status.fractureLog.dirty,
            regionSizeBytes: status.fractureLog.regionSizeBytes,
            heat: status.fractureLog.dirty === 0 ? [] : status.heat.map(thousandths),
          },
    safetySnapshot: safetyOf(view),
    sync:
      sync === null
        ? null
        : {
            job: job?.id ?? '',
            direction: status?.direction ?? 'forward',
            state: sync.paused ? 'paused' : 'running',
            doneBytes: sync.regionsDone * 65_536,
            totalBytes: sync.regionsTotal * 65_536,
            copiedBytes: sync.bytesCopied,
            rateBytesPerSecond: rateOf(sync.bytesCopied, clock.wallMs() - sync.startedAtMs),
            etaSeconds: etaOf(sync.regionsDone, sync.regionsTotal, clock.wallMs() - sync.startedAtMs),
          },
    actions: MIRROR_ACTIONS.map((action) => {
      const known = sides.actionStatus(view, action);
      if (known === null) {
        return { action, allowed: false, needsConfirmation: false, refusal: unreachable(record) };
      }
      return {
        action,
        allowed: known.allowed,
        needsConfirmation: known.confirm === 'typed',
        ...(known.refusal === undefined ? {} : { refusal: refusalFrom(known.refusal) }),
      };
    }),
    since: instant(seen?.sinceWallMs ?? record.createdAtMs),
    createdAt: instant(record.createdAtMs),
  };
}

/** The side that is the copy keeps it. */
function safetyOf({ source, destination }: MirrorView): Mirror['safetySnapshot'] {
  for (const side of [destination, source]) {
    if (side?.safetySnapshot != null)
      return { cp: side.position?.ownCp ?? 0, at: instant(side.safetySnapshot.atWallMs) };
  }
  return null;
}

/** The point to which both sides were brought last, in the numbers of the side whose word counts, and when that was. */
export function lastConsistentOf({ leading, source, destination }: MirrorView): Mirror['lastConsistent'] {
  if (leading === null || leading.lastContactWallMs === null) return null;
  const copy = leading === source ? destination : source;
  const cp = leading.position?.ownCp ?? copy?.position?.sourceCp;
  if (cp === undefined) return null;
  const fracture = leading.conditions.find(({ code }) => code === 'FracturedAdmin' || code === 'FracturedSystem');
  const sinceMs = leading.imageState === 'Synchronized' ? leading.lastContactWallMs : fracture?.since;
  return { cp, at: instant(sinceMs ?? leading.lastContactWallMs) };
}

export function stateOf(status: RelationshipStatus | null, before: ImageState | undefined): ImageState {
  const parsed = imageStateSchema.safeParse(status?.imageState);
  return parsed.success ? parsed.data : (before ?? 'NotEstablished');
}

/** The conditions for people, most severe first, with what clears them, as the state machine says. */
function conditionsOf(status: RelationshipStatus | null, image: ImageState): Mirror['conditions'] {
  if (status === null) return [];
  const conditions = status.conditions.flatMap((condition) => {
    const code = conditionCodeSchema.safeParse(condition.code);
    return code.success ? [{ code: code.data, sinceWallMs: condition.since, cause: condition.cause }] : [];
  });
  const lock = conditions.find((condition) => condition.code === 'DirectionLocked')?.cause;
  const view = decisionViewOf({
    image,
    conditions,
    direction: status.direction,
    connected: status.connected,
    recovery: status.recovery,
    // After a forced promotion nothing resyncs by itself.
    forced: conditions.some(({ code, cause }) => code === 'FracturedSystem' && cause === 'promotion'),
    lock: lock === 'forward' || lock === 'reverse' ? lock : null,
  });
  return describeConditions(view, status.lastContactWallMs ?? 0).map(
    ({ code, sinceWallMs, cause, nextStep, clearedBy }) => ({
      code,
      since: instant(sinceWallMs),
      cause,
      nextStep,
      clearedBy: [...clearedBy],
    }),
  );
}

export function lagOf(status: RelationshipStatus | null): { writes: number; bytes: number; seconds: number } {
  return status === null
    ? { writes: 0, bytes: 0, seconds: 0 }
    : {
        writes: Math.max(0, status.lag.writes),
        bytes: Math.max(0, status.lag.bytes),
        seconds: Math.max(0, status.lag.seconds),
      };
}

/** Enough for a picture, and short on the wire. */
function thousandths(share: number): number {
  return Math.round(share * 1000) / 1000;
}

function rateOf(bytes: number, elapsedMs: number): number {
  return elapsedMs <= 0 ? 0 : (bytes / elapsedMs) * 1000;
}

function etaOf(done: number, total: number, elapsedMs: number): number | null {
  return done <= 0 || elapsedMs <= 0 ? null : Math.max(0, ((total - done) / done) * (elapsedMs / 1000));
}

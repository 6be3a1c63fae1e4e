import type { Runtime, Storage } from '../../runtime/index.ts';
import type { Shelf } from '../../disk/index.ts';
import type { JsonObject } from '../../pool/index.ts';
import type { CpPhase, CpSummary, CpTrigger } from '../../volume/index.ts';

export { CP_PHASES, type CpPhase, type CpSummary, type CpTrigger } from '../../volume/index.ts';

/** Settings of one server (data-path.md 2). All durations in milliseconds, sizes in bytes. */
export interface ServerSettings {
  readonly logHalfBytes: number;
  readonly cpIntervalMs: number;
  readonly cleanCacheBytes: number;
  /** How long a restarted owner of a mirrored volume waits for the handshake before primary bias lets it serve. */
  readonly peerWaitMs: number;
  /** A relationship without progress for this long fractures (policy `availability`). */
  readonly mirrorTimeoutMs: number;
  /** Policy `strict`: how long a write waits before it fails. */
  readonly strictTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly resyncWindowRegions: number;
  /** Upper bound for one resync in bytes per second; 0 = none. */
  readonly resyncBytesPerSecond: number;
}

export const DEFAULT_SERVER_SETTINGS: ServerSettings = {
  logHalfBytes: 64 * 1024 * 1024,
  cpIntervalMs: 10_000,
  cleanCacheBytes: 64 * 1024 * 1024,
  peerWaitMs: 30_000,
  mirrorTimeoutMs: 5_000,
  strictTimeoutMs: 20_000,
  heartbeatMs: 500,
  resyncWindowRegions: 32,
  resyncBytesPerSecond: 0,
};

export type Severity = 'emergency' | 'alert' | 'critical' | 'error' | 'warning' | 'notice' | 'info' | 'debug';

/** Something that happened, for the event stream. `kind` is `area/what`; `subject` an id. */
export interface ServerEvent {
  readonly kind: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly message: string;
  readonly details?: JsonObject;
}

export interface ServerDependencies {
  readonly id: string;
  readonly name: string;
  readonly site: string;
  /** The runtime of this incarnation; revoked by a crash. */
  readonly runtime: Runtime;
  /** The server's own device: `nvlog-{a,b}.log`. */
  readonly logStorage: Storage;
  /** The arrays this server can reach, by array id. */
  readonly shelves: ReadonlyMap<string, Shelf>;
  /** Arrays whose files do not let them be used, and why; their pools do not open. */
  readonly refusedArrays?: ReadonlyMap<string, { readonly code: string; readonly message: string }>;
  /** The pools this server owns. */
  readonly pools: readonly { readonly poolId: string; readonly arrayId: string }[];
  readonly settings: ServerSettings;
  /** Names of other servers and volumes for messages; ids where unknown. */
  readonly nameOf: (id: string) => string;
  readonly report: (event: ServerEvent) => void;
  /** Called synchronously at each step of a consistency point (drills and tests crash a server here). */
  readonly onCpPhase?: (phase: CpPhase, cp: CpSummary) => void;
}

export type ServerState =
  | { readonly kind: 'booting' }
  | { readonly kind: 'up' }
  | { readonly kind: 'stopping' }
  /** Log device full or failed, pool out of space: hosts get an error, nothing acknowledged is lost. */
  | {
      readonly kind: 'suspended';
      readonly reason: string;
      /** Goes on by itself as soon as the file system has room; nothing has to be started anew. */
      readonly inPlace?: true;
    }
  /** The server does not serve: disks, log and epochs contradict each other (W4), or a newer format. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

export interface ServerStatus {
  readonly id: string;
  readonly state: ServerState;
  readonly incarnation: number;
  readonly log: {
    readonly active: 0 | 1;
    readonly halves: readonly { readonly state: string; readonly usedBytes: number; readonly sizeBytes: number }[];
  };
  readonly cps: readonly CpSummary[];
  /** Set while writers wait because both halves are busy. */
  readonly backToBackSinceMs: number | null;
  readonly peers: readonly {
    readonly serverId: string;
    readonly connected: boolean;
    readonly lastHeardMs: number | null;
  }[];
  readonly pools: readonly PoolStatus[];
}

export interface PoolRemoval {
  readonly id: string;
  readonly arrayId: string;
  readonly slots: readonly number[];
}

export interface PoolStatus {
  readonly id: string;
  readonly name: string;
  readonly label: number;
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly state: string;
}

/** A volume in cells of equal size; columns count blocks. */
export interface VolumeMapStatus {
  readonly cp: number;
  readonly sizeBlocks: number;
  readonly cellBlocks: number;
  /** False where a stretch counts as mapped when anything in it is. */
  readonly exact: boolean;
  readonly mapped: readonly number[];
  readonly dirty: readonly number[];
  readonly fractured: readonly number[];
  readonly shared: readonly number[];
  readonly kept: readonly {
    readonly name: string;
    readonly purpose: string;
    readonly cp: number;
    readonly createdAtMs: number;
  }[];
}

export interface VolumeStatus {
  readonly id: string;
  readonly name: string;
  readonly poolId: string;
  readonly sizeBytes: number;
  /** Of the blocks that hold content at the last consistency point. */
  readonly usedBytes: number;
  /** `online`: serves hosts. `secondary`: a mirror's destination. `waiting`: for the handshake. */
  readonly state: 'online' | 'secondary' | 'fenced' | 'waiting' | 'suspended' | 'offline';
  readonly stateReason: string | null;
  readonly cp: number;
  readonly sequence: number;
  readonly relationshipId: string | null;
  readonly counters: {
    readonly reads: number;
    readonly writes: number;
    readonly readBytes: number;
    readonly writtenBytes: number;
  };
}

/** Why a host's request failed. `code` maps to the protocol's errno (interfaces.md, "Host protocols"). */
export type VolumeErrorCode =
  | 'volume/not-owner'
  | 'volume/suspended'
  | 'volume/offline'
  | 'volume/media-error'
  | 'volume/out-of-range'
  | 'volume/read-only'
  | 'volume/no-space'
  | 'volume/mirror-timeout';

/** What a built-in workload or a host protocol gets. Requests of any byte range; the data belong to the engine after the call. */
export interface HostVolume {
  readonly id: string;
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Resolves when the write is durable wherever its relationship demands. Rejects with VolumeError. */
  write(offset: number, data: Uint8Array): Promise<void>;
  trim(offset: number, length: number): Promise<void>;
  zero(offset: number, length: number): Promise<void>;
}

/** A relationship as one of its two servers sees it. Ask the acting primary's server first, else the reachable one. */
export interface RelationshipStatus {
  readonly id: string;
  readonly name: string;
  readonly mode: 'consistency-point';
  readonly policy: 'availability' | 'strict';
  readonly recovery: 'automatic' | 'manual';
  /** Which home role this server's volume has. Home roles never swap. */
  readonly home: 'source' | 'destination';
  readonly role: 'primary' | 'secondary';
  readonly roleEpoch: number;
  readonly localVolumeId: string;
  readonly peerVolumeId: string;
  readonly peerServerId: string;
  readonly connected: boolean;
  /** State of the secondary's image as known here (replication/state ImageState). */
  readonly imageState: string;
  readonly conditions: readonly { readonly code: string; readonly since: number; readonly cause: string }[];
  readonly direction: 'forward' | 'reversed';
  readonly lag: { readonly writes: number; readonly bytes: number; readonly seconds: number };
  readonly fractureLog: { readonly regions: number; readonly dirty: number; readonly regionSizeBytes: number };
  /** Dirty regions as a bitmap for the heat map: 256 buckets, share of dirty regions in each, 0..1. */
  readonly heat: readonly number[];
  readonly resync: ResyncProgress | null;
  readonly lastContactWallMs: number | null;
  readonly position: { readonly sourceCp: number; readonly ownCp: number; readonly sequence: number } | null;
  readonly safetySnapshot: { readonly atWallMs: number } | null;
  readonly actions: readonly {
    readonly action: string;
    readonly allowed: boolean;
    readonly confirm: 'none' | 'typed';
    readonly refusal?: RefusalData;
  }[];
}

export interface ResyncProgress {
  readonly kind: 'full' | 'update' | 'reverse' | 'overwrite-primary' | 'verify';
  readonly regionsTotal: number;
  readonly regionsDone: number;
  readonly regionsDiffering: number;
  readonly bytesCopied: number;
  readonly bytesVolume: number;
  readonly startedAtMs: number;
  readonly paused: boolean;
}

export interface RefusalData {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly overridable: boolean;
  readonly details?: JsonObject;
}

/** Options of an action on a relationship. `confirmed` stands for the typed confirmation (CLI `--yes`, the name typed in the console). */
export interface ActionOptions {
  readonly confirmed: boolean;
  readonly force?: boolean;
  readonly keep?: 'source' | 'destination';
}

/** What an action would do, said before it is done. */
export interface ActionPreview {
  readonly action: string;
  readonly allowed: boolean;
  readonly refusal?: RefusalData;
  readonly confirm: 'none' | 'typed';
  /** Sentences, most important first. */
  readonly effects: readonly string[];
  readonly regions: number;
  readonly bytesAtMost: number;
  /** What would be lost: writes known missing, and whether more may be missing that cannot be known (3.12 rule 6). */
  readonly loss: {
    readonly knownWrites: number;
    readonly bytes: number;
    readonly seconds: number;
    readonly unknownAfterWallMs: number | null;
  };
  readonly lastSafe: { readonly cp: number; readonly sequence: number } | null;
  readonly expectedMs: number | null;
}

/** The outcome of an action: done at once, or work that goes on and can be watched through `RelationshipStatus.resync`. */
export type ActionOutcome =
  | { readonly kind: 'refused'; readonly refusal: RefusalData }
  | { readonly kind: 'done'; readonly result: JsonObject }
  /** `finished` resolves with the result or rejects; the action survives a restart of the server on its own. */
  | {
      readonly kind: 'running';
      readonly finished: Promise<JsonObject>;
      readonly progress: () => ResyncProgress | null;
    };

/**
 * The public face of `StorageServer` (index.ts of this folder).
 *
 * - `boot()` resolves when log and pools are open and volumes are admitted or waiting; it never rejects for damaged
 *   files: the state says `refused`.
 * - `shutdown()` takes a last consistency point and closes; the incarnation is to be revoked afterwards.
 * - A crash is: revoke the incarnation, forget the object.
 */
export interface StorageServerFace {
  readonly id: string;
  boot(): Promise<void>;
  shutdown(): Promise<void>;
  status(): ServerStatus;
  createPool(spec: {
    readonly id: string;
    readonly name: string;
    readonly arrayId: string;
    readonly groups: readonly {
      readonly level: string;
      readonly slots: readonly number[];
      readonly unitBlocks: number;
    }[];
  }): Promise<void>;
  /** Why a pool cannot go, as a sentence; null where nothing keeps it. */
  whatKeepsPool(pool: PoolRemoval): Promise<string | null>;
  /** Wipes a pool, open or not; asking again finishes what a crash interrupted. */
  removePool(pool: PoolRemoval): Promise<void>;
  volumes(): readonly VolumeStatus[];
  createVolume(spec: {
    readonly id: string;
    readonly name: string;
    readonly poolId: string;
    readonly sizeBytes: number;
  }): Promise<void>;
  /** A mirrored volume is grown at its primary, on both sides; asking again finishes what a crash interrupted. */
  growVolume(volumeId: string, sizeBytes: number): Promise<ActionOutcome>;
  removeVolume(volumeId: string): Promise<void>;
  /** In at most so many cells; reads map pages, never data. */
  volumeMap(volumeId: string, cells: number): Promise<VolumeMapStatus>;
  /** After lost log records (NVFail): the admin has inspected the volume, it serves again with what is left. Else no effect. */
  acknowledge(volumeId: string): Promise<void>;
  /** The volume as a host sees it; rejects requests with `volume/not-owner` while this side is secondary. */
  hostVolume(volumeId: string): HostVolume;
  /** What a promotion now would give (image plus log), read-only, for checksum, read and export. `cp` and `sequence` name it. */
  frozenView(volumeId: string): Promise<{
    readonly cp: number;
    readonly sequence: number;
    readonly sizeBytes: number;
    read(offset: number, length: number): Promise<Uint8Array>;
    isHole(offset: number, length: number): Promise<boolean>;
    close(): Promise<void>;
  }>;
  consistencyPoint(trigger: CpTrigger): Promise<CpSummary>;
  /** Creates the relationship on both sides (this server holds the source). Initial sync starts at once. */
  createRelationship(spec: {
    readonly id: string;
    readonly name: string;
    readonly volumeId: string;
    readonly peerServerId: string;
    readonly peerVolumeId: string;
    readonly policy: 'availability' | 'strict';
    readonly recovery: 'automatic' | 'manual';
    /** Somebody vouches that both volumes are equal now: nothing is compared or copied (SNDR's -E). */
    readonly assumeEqual?: boolean;
  }): Promise<ActionOutcome>;
  relationships(): readonly RelationshipStatus[];
  preview(relationshipId: string, action: string): Promise<ActionPreview>;
  act(relationshipId: string, action: string, options: ActionOptions): Promise<ActionOutcome>;
  /** Proves every pool on its committed roots; with `repair` puts right what redundancy allows. */
  check(repair: boolean): Promise<
    readonly {
      readonly file: string;
      readonly offset: number | null;
      readonly expected: string;
      readonly found: string;
      readonly repaired: boolean;
    }[]
  >;
}

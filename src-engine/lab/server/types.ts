import type { Runtime, Storage } from '../../runtime/index.ts';
import type { Shelf } from '../../disk/index.ts';
import type { JsonObject } from '../../pool/index.ts';

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
  /** The pools this server owns. */
  readonly pools: readonly { readonly poolId: string; readonly arrayId: string }[];
  readonly settings: ServerSettings;
  /** Names of other servers and volumes for messages; ids where unknown. */
  readonly nameOf: (id: string) => string;
  readonly report: (event: ServerEvent) => void;
  /** Called synchronously at each step of a consistency point (drills and tests crash a server here). */
  readonly onCpPhase?: (phase: CpPhase, cp: CpSummary) => void;
}

/** Steps of a consistency point, replication.md 3.11. */
export const CP_PHASES = ['seal', 'write', 'sync', 'prepared', 'label', 'commit', 'committed', 'free', 'done'] as const;
export type CpPhase = (typeof CP_PHASES)[number];
export type CpTrigger = 'timer' | 'half-full' | 'admin' | 'resync' | 'role-swap' | 'shutdown' | 'drain' | 'back-to-back' | 'log-failure';

export interface CpSummary {
  /** The server's own running number of CP events (a pool's CP number is in `pools`). */
  readonly number: number;
  readonly trigger: CpTrigger;
  readonly startedAtMs: number;
  readonly phase: CpPhase;
  /** Milliseconds spent in each finished phase. */
  readonly phaseMs: Readonly<Partial<Record<CpPhase, number>>>;
  readonly durationMs: number | null;
  readonly blocks: number;
  readonly pools: readonly { readonly poolId: string; readonly cp: number; readonly label: number | null }[];
  readonly mirrors: readonly { readonly relationshipId: string; readonly listed: number; readonly byReference: number; readonly withData: number; readonly outcome: 'committed' | 'fractured' | 'waiting' }[];
}

export type ServerState =
  | { readonly kind: 'booting' }
  | { readonly kind: 'up' }
  | { readonly kind: 'stopping' }
  /** Log device full or failed, pool out of space: hosts get an error, nothing acknowledged is lost. */
  | { readonly kind: 'suspended'; readonly reason: string }
  /** The server does not serve: disks, log and epochs contradict each other (W4), or a newer format. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

export interface ServerStatus {
  readonly id: string;
  readonly state: ServerState;
  readonly incarnation: number;
  readonly log: { readonly active: 0 | 1; readonly halves: readonly { readonly state: string; readonly usedBytes: number; readonly sizeBytes: number }[] };
  readonly cps: readonly CpSummary[];
  /** Set while writers wait because both halves are busy. */
  readonly backToBackSinceMs: number | null;
  readonly peers: readonly { readonly serverId: string; readonly connected: boolean; readonly lastHeardMs: number | null }[];
  readonly pools: readonly PoolStatus[];
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

export interface VolumeStatus {
  readonly id: string;
  readonly name: string;
  readonly poolId: string;
  readonly sizeBytes: number;
  /** `online`: serves hosts. `secondary`: a mirror's destination. `waiting`: for the handshake. */
  readonly state: 'online' | 'secondary' | 'fenced' | 'waiting' | 'suspended' | 'offline';
  readonly stateReason: string | null;
  readonly cp: number;
  readonly sequence: number;
  readonly relationshipId: string | null;
  readonly counters: { readonly reads: number; readonly writes: number; readonly readBytes: number; readonly writtenBytes: number };
}

/** Why a host's request failed. `code` maps to the protocol's errno (interfaces.md, "Host protocols"). */
export type VolumeErrorCode = 'volume/not-owner' | 'volume/suspended' | 'volume/offline' | 'volume/media-error' | 'volume/out-of-range' | 'volume/read-only' | 'volume/no-space' | 'volume/mirror-timeout';

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

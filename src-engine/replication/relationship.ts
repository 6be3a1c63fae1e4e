import { StorageError, type Runtime } from '../runtime/index.ts';
import { PoolFailedError, PoolFullError, type CommitRequest, type JsonObject, type Pool, type VolumeRecord } from '../pool/index.ts';
import type { Log } from '../nvlog/index.ts';
import { VolumeError, type CpSummary, type CpTrigger, type LoggedVolume } from '../volume/index.ts';
import { DurableRecord } from './durable-record.ts';
import type { FractureLog } from './fracture-log.ts';
import type { Peer } from './peer.ts';
import { PrimarySide } from './primary.ts';
import type { MissedNote } from './missed.ts';
import { imagePosition, type FractureCause, type RelationshipRecord } from './record.ts';
import { SecondarySide } from './secondary.ts';
import { adoptGeneration, type Generation } from './state/index.ts';
import type { OutgoingStream } from './stream.ts';

export type Severity = 'emergency' | 'alert' | 'critical' | 'error' | 'warning' | 'notice' | 'info' | 'debug';

export interface ReplicationSettings {
  readonly mirrorTimeoutMs: number;
  readonly strictTimeoutMs: number;
  readonly peerWaitMs: number;
  readonly resyncWindowRegions: number;
  readonly resyncBytesPerSecond: number;
}

/** What a relationship needs of its server. */
export interface RelationshipDependencies {
  readonly runtime: Runtime;
  readonly serverId: string;
  /** The server's own log, and the id that tells it from every other log. */
  readonly log: Log;
  readonly logId: string;
  readonly pool: Pool;
  readonly volume: LoggedVolume;
  readonly peer: Peer;
  readonly stream: OutgoingStream;
  readonly settings: ReplicationSettings & { readonly heartbeatMs: number };
  readonly consistencyPoint: (trigger: CpTrigger) => Promise<CpSummary>;
  /** An image advanced: the mirror log may be trimmed. */
  readonly positionMoved: () => void;
  /** Roles or states changed: the peer is to be told and the handshake looked at again. */
  readonly announce: () => void;
  readonly nameOf: (id: string) => string;
  /** A device below failed; the server decides what still works. */
  readonly deviceFailed: (error: Error) => void;
  readonly report: (kind: string, severity: Severity, subject: string, message: string, details?: JsonObject) => void;
}

const LEAVE_AGAIN_MS = 1000;

/**
 * One relationship as one of its two servers holds it: the durable record, the marks, and the two parts it can play.
 * Everything that changes the image or the record runs through `serial`, one after the other.
 */
export class Relationship {
  readonly deps: RelationshipDependencies;
  private readonly store: DurableRecord;
  /** What this side wrote that the other may miss. */
  readonly marks: FractureLog;
  /** Regions of entries that this side applied on its own, beyond the last consistency point both committed. */
  readonly kept: FractureLog;
  readonly primary: PrimarySide;
  readonly secondary: SecondarySide;
  /** Acknowledged records of this side's volume were lost: nothing is copied from it before the admin has spoken. */
  nvFailed = false;
  /** On a fractured secondary: what the primary last said that this side lacks. */
  private missedNote: MissedNote | null = null;
  /** Deleted here: what still was on its way (a lost connection, a fracture) must not bring its record back. */
  removed = false;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(deps: RelationshipDependencies, record: RelationshipRecord, marks: FractureLog, kept: FractureLog) {
    this.deps = deps;
    this.store = new DurableRecord(record);
    this.marks = marks;
    this.kept = kept;
    this.primary = new PrimarySide(this);
    this.secondary = new SecondarySide(this);
  }

  get record(): RelationshipRecord {
    return this.store.value;
  }

  get id(): string {
    return this.record.id;
  }

  /** Runs `work` after everything that was asked before it. */
  serial<T>(work: () => Promise<T>): Promise<T> {
    const run = this.tail.then(work);
    this.tail = run.catch(() => undefined);
    return run;
  }

  // --- the durable record ------------------------------------------------------------------------------------------

  /** What a consistency point of the own server puts into its label, and what is to be called once that is durable. */
  forLabel(): { content(volumeRecord: VolumeRecord): JsonObject; durable(): void } {
    return this.store.prepare((record) => record);
  }

  get attributesChanged(): boolean {
    return this.store.changed;
  }

  /** Changes the record in memory only; a control record in the log or the next label makes it durable. */
  set(patch: Partial<RelationshipRecord>): void {
    this.store.set(patch);
  }

  /** Changes the record and makes the change durable in a label. */
  async change(patch: Partial<RelationshipRecord>): Promise<void> {
    await this.commit({}, (record) => ({ ...record, ...patch }));
  }

  /**
   * A label of the volume's pool with the record as `update` makes it, together with what else the request says. `update`
   * must be pure. `own` are attributes of the volume beside the relationship's.
   */
  async commit(request: Omit<CommitRequest, 'attributes'>, update: (record: RelationshipRecord) => RelationshipRecord, own: JsonObject = {}): Promise<number> {
    const { pool, volume } = this.deps;
    if (this.removed) return pool.lastLabel;
    const prepared = this.store.prepare(update);
    const { label } = await pool.commit({
      ...request,
      attributes: [{ volumeId: volume.id, update: (record) => ({ ...record.attributes, ...own, relationship: prepared.content(record) }) }],
    });
    prepared.durable();
    return label;
  }

  // --- what this side lacks ------------------------------------------------------------------------------------------

  /** The primary goes on alone, and says how far: also news of the fracture itself, if the link was down when it happened. */
  told(note: MissedNote, cause: FractureCause): void {
    if (this.record.role !== 'secondary' || this.secondary.joined || this.secondary.leaving) return;
    this.missedNote = note;
    const { fracture, image } = this.record;
    if (fracture !== null || (image !== 'Synchronized' && image !== 'Consistent')) return;
    this.leaveStream({ cause, atWallMs: note.fracturedWallMs, sequence: this.secondary.held });
  }

  /** As long as the primary was heard and said nothing new, there was nothing new: it speaks within a heartbeat. */
  private heardLast(): void {
    const { peer, runtime, settings } = this.deps;
    if (this.missedNote === null || peer.heardMs === null) return;
    const heardWallMs = runtime.clock.wallMs() - (runtime.clock.nowMs() - peer.heardMs);
    this.missedNote = { ...this.missedNote, trueUntilWallMs: Math.max(this.missedNote.trueUntilWallMs, heardWallMs - settings.heartbeatMs) };
  }

  /** What a promotion of this side would lack as far as the primary said; null when it did not, or of another fracture. */
  get missedHere(): MissedNote | null {
    const { role, fracture, image } = this.record;
    if (role !== 'secondary' || fracture === null || (image !== 'Outdated' && image !== 'Consistent')) return null;
    return this.missedNote?.fracturedWallMs === fracture.atWallMs ? this.missedNote : null;
  }

  /** Highest record of the source's log that is in the image or in the entries held; 0 where nobody can say. */
  get imageSequence(): number {
    const position = imagePosition(this.record);
    return position === this.record.position ? Math.max(position?.sequence ?? 0, this.secondary.held) : (position?.sequence ?? 0);
  }

  // --- marks -------------------------------------------------------------------------------------------------------

  async clearKept(): Promise<void> {
    if (this.kept.regions.count === 0) return;
    this.kept.clearAll();
    await this.kept.flush();
  }

  async clearAllMarks(): Promise<void> {
    this.marks.clearAll();
    await this.marks.flush();
    await this.clearKept();
  }

  /** Marks of this side as a resync's target: own writes and entries kept beyond the source's end. */
  targetMarks(): Uint8Array {
    const union = this.marks.regions.clone();
    if (!this.deps.runtime.planted('keep-entries-beyond-cut')) union.unite(this.kept.regions);
    return union.toBytes();
  }

  get markedRegions(): number {
    return this.marks.regions.count;
  }

  // --- common transitions ------------------------------------------------------------------------------------------

  /** The record of a target whose sync has just finished: equal to the source, ids adopted, locks cleared. */
  synchronizedRecord(record: RelationshipRecord, generation: unknown): RelationshipRecord {
    return {
      ...record,
      image: 'Synchronized',
      lock: null,
      fracture: null,
      fenced: false,
      forced: false,
      opening: '',
      resync: null,
      trackingFailed: false,
      generation: adoptGeneration(generation as Generation),
      lastContactWallMs: this.deps.runtime.clock.wallMs(),
    };
  }

  report(kind: string, severity: Severity, message: string, details?: JsonObject): void {
    this.deps.report(kind, severity, this.id, `${this.record.name}: ${message}`, details);
  }

  /** This side cannot take more entries: the source is told to fracture. */
  refuseStream(cause: string): void {
    this.deps.peer.notify('stream-refused', { relationship: this.id, cause });
  }

  /** The connection to the peer ended. */
  connectionLost(reason: string): void {
    this.set({ lastContactWallMs: this.deps.runtime.clock.wallMs() });
    if (this.record.role === 'primary') this.primary.connectionLost(reason);
    else {
      this.heardLast();
      this.leaveStream();
    }
  }

  /**
   * What this side holds goes into its image; until then no handshake is answered. A device that refuses (no room, a bad
   * moment) is asked again: otherwise a mirror that waits for this side would wait for ever.
   */
  leaveStream(fracture: RelationshipRecord['fracture'] = null): void {
    this.secondary.leaving = true;
    this.serial(() => this.secondary.leave(fracture)).catch((error: unknown) => {
      this.failed('leaving the stream', error);
      if (!isDeviceError(error) || error instanceof PoolFailedError) return;
      this.deps.runtime.covered('secondary/leave-again');
      this.deps.runtime.clock.after(LEAVE_AGAIN_MS, () => {
        if (this.secondary.leaving && !this.removed) this.leaveStream(fracture);
      });
    });
  }

  failed(what: string, error: unknown): void {
    if (isDeviceError(error)) {
      this.report('mirror/device-error', 'error', `${what} failed: ${error.message}`);
      this.deps.deviceFailed(error);
      return;
    }
    this.deps.runtime.log.write('error', `${what} failed`, { relationship: this.id, error: String(error) });
    this.report(
      'mirror/internal-error',
      'error',
      `${what} failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Lost devices and missing space are expected outcomes; everything else that is thrown is a bug. */
export function isDeviceError(error: unknown): error is Error {
  return error instanceof VolumeError || error instanceof StorageError || error instanceof PoolFullError || error instanceof PoolFailedError;
}

import { StorageError, type Runtime, type Session, type StorageFile } from '../runtime/index.ts';
import type { Log } from '../nvlog/index.ts';
import type { CommitRequest, JsonObject, Pool } from '../pool/index.ts';
import type { CpSummary, CpTrigger, LoggedVolume } from '../volume/index.ts';
import { FractureLog, fractureLogFiles } from './fracture-log.ts';
import { growSecondary } from './growth.ts';
import { Keeper } from './keeper.ts';
import { keepUnshared, yieldTo } from './giving-way.ts';
import { readKept } from './kept-entries.ts';
import { textOf } from './message.ts';
import { MirrorLogRefusedError, openMirrorLog } from './mirror-log.ts';
import { noteFrom } from './missed.ts';
import { Peer, PeerLostError, PeerRefusedError, type Answer } from './peer.ts';
import { promotePlanned } from './promotion.ts';
import { causeOf, newRelationshipRecord, type RelationshipRecord } from './record.ts';
import { regionsOf } from './region-set.ts';
import { Relationship, isDeviceError, type RelationshipDependencies, type ReplicationSettings, type Severity } from './relationship.ts';
import { answerOverwrite } from './overwrite.ts';
import { Roles } from './roles.ts';
import { openGeneration, type Generation } from './state/index.ts';
import { OutgoingStream, type StreamEntry } from './stream.ts';
import { answerCompare } from './verify.ts';
import { viewFromJson, viewOf, viewToJson } from './views.ts';

/** What replication needs of its server. */
export interface ReplicationDependencies {
  readonly runtime: Runtime;
  readonly serverId: string;
  readonly log: Log;
  readonly settings: ReplicationSettings & { readonly heartbeatMs: number; readonly logHalfBytes: number };
  readonly consistencyPoint: (trigger: CpTrigger) => Promise<CpSummary>;
  readonly volume: (id: string) => LoggedVolume | undefined;
  readonly poolOf: (volumeId: string) => Pool;
  /** A file on the array of the volume's pool, behind the pool's fence. */
  readonly poolIds: () => readonly string[];
  /** Its place is named by a volume or a pool. */
  readonly sharedFile: (place: string | null, name: string, size: number, create: boolean) => Promise<StorageFile>;
  readonly sharedFileExists: (place: string | null, name: string) => Promise<boolean>;
  readonly sharedFileRemove: (place: string | null, name: string) => Promise<void>;
  readonly nameOf: (id: string) => string;
  readonly deviceFailed: (error: Error) => void;
  readonly report: (kind: string, severity: Severity, subject: string, message: string, details?: JsonObject) => void;
  /** Roles changed: the gates of the volume are looked at again. */
  readonly gateChanged: (volumeId: string) => void;
  /** Log records that this server had confirmed to a source are gone; durable when it resolves. */
  readonly recordsLost: (volumeId: string, what: string) => Promise<void>;
}

interface PeerParts {
  readonly peer: Peer;
  readonly stream: OutgoingStream;
  keeper: Promise<Keeper> | null;
  openKeeper: Keeper | null;
}

const NO_SESSION = -1;

/** The relationships of one server: their peers, streams, mirror logs, handshakes and actions. */
export class Replication {
  readonly deps: ReplicationDependencies;
  private readonly peers = new Map<string, PeerParts>();
  private readonly relationships = new Map<string, Relationship>();
  readonly roles: Roles;
  private stopped = false;

  constructor(deps: ReplicationDependencies) {
    this.deps = deps;
    this.roles = new Roles(this);
  }

  get(id: string): Relationship | undefined {
    return this.relationships.get(id);
  }

  all(): readonly Relationship[] {
    return [...this.relationships.values()];
  }

  peerStates(): readonly { readonly serverId: string; readonly connected: boolean; readonly lastHeardMs: number | null }[] {
    return [...this.peers].map(([serverId, parts]) => ({ serverId, connected: parts.peer.connected, lastHeardMs: parts.peer.heardMs }));
  }

  isConnected(serverId: string): boolean {
    return this.peers.get(serverId)?.peer.connected === true;
  }

  // --- construction ------------------------------------------------------------------------------------------------

  /** Opens the relationship that a volume's record names. Damaged marks become all marks; a missing file too, and said. */
  async adopt(volume: LoggedVolume, record: RelationshipRecord): Promise<Relationship> {
    const marks = await this.openMarks(volume, `marks-${record.id}`);
    const kept = await this.openMarks(volume, `kept-${record.id}`);
    const rel = this.build(volume, record, marks.log, kept.log);
    if (record.trackingFailed) marks.log.markAll();
    if (marks.damaged || kept.damaged) {
      marks.log.markAll();
      rel.set({ image: rel.record.image === 'NotEstablished' ? 'NotEstablished' : 'OutOfSync' });
      rel.report('mirror/bitmap-failed', 'alert', 'its fracture log was damaged in both copies; every region counts as changed');
    }
    return rel;
  }

  private async openMarks(volume: LoggedVolume, name: string): Promise<{ readonly log: FractureLog; readonly damaged: boolean }> {
    const regions = regionsOf(volume.sizeBytes);
    const deps = {
      runtime: this.deps.runtime,
      open: (file: string, sizeBytes: number, create: boolean) => this.deps.sharedFile(volume.id, file, sizeBytes, create),
    };
    const opened = await FractureLog.open(deps, name, { regions, create: false });
    if (opened.kind === 'open') return { log: opened.log, damaged: opened.damaged === 'both' };
    this.deps.runtime.covered('fracture-log/recreated');
    this.deps.report('mirror/bitmap-unreadable', 'alert', volume.id, opened.message);
    // A file of another size holds no marks that could be believed; the new one marks everything.
    if (opened.code === 'wrong-size') {
      for (const file of fractureLogFiles(name, regions)) if (await this.deps.sharedFileExists(volume.id, file)) await this.deps.sharedFileRemove(volume.id, file);
    }
    const again = await FractureLog.open(deps, name, { regions, create: true, initial: 'marked' });
    if (again.kind !== 'open') throw new StorageError('io', name, again.message);
    return { log: again.log, damaged: true };
  }

  private build(volume: LoggedVolume, record: RelationshipRecord, marks: FractureLog, kept: FractureLog): Relationship {
    const parts = this.peerParts(record.peerServerId);
    const deps: RelationshipDependencies = {
      runtime: this.deps.runtime,
      serverId: this.deps.serverId,
      log: this.deps.log,
      logId: this.deps.log.logId,
      pool: this.deps.poolOf(volume.id),
      volume,
      peer: parts.peer,
      stream: parts.stream,
      settings: this.deps.settings,
      consistencyPoint: this.deps.consistencyPoint,
      positionMoved: () => { parts.openKeeper?.trim(); },
      announce: () => { this.announce(record.id); },
      nameOf: this.deps.nameOf,
      deviceFailed: this.deps.deviceFailed,
      report: this.deps.report,
    };
    const rel = new Relationship(deps, record, marks, kept);
    this.relationships.set(record.id, rel);
    volume.mirror = rel.primary;
    return rel;
  }

  /**
   * Makes this side of a new relationship: record, marks (all set: nothing was ever copied; none if somebody vouches that
   * both copies are equal now), durable before it returns.
   */
  async create(volume: LoggedVolume, spec: Parameters<typeof newRelationshipRecord>[0], assumeEqual = false): Promise<Relationship> {
    const regions = regionsOf(volume.sizeBytes);
    const open = (file: string, sizeBytes: number, create: boolean): Promise<StorageFile> => this.deps.sharedFile(volume.id, file, sizeBytes, create);
    const marks = await FractureLog.open({ runtime: this.deps.runtime, open }, `marks-${spec.id}`, { regions, create: true, initial: assumeEqual ? 'clear' : 'marked' });
    const kept = await FractureLog.open({ runtime: this.deps.runtime, open }, `kept-${spec.id}`, { regions, create: true, initial: 'clear' });
    if (marks.kind !== 'open') throw new Error(marks.message);
    if (kept.kind !== 'open') throw new Error(kept.message);
    const record = newRelationshipRecord(spec, this.deps.runtime.clock.wallMs(), assumeEqual);
    const rel = this.build(volume, record, marks.log, kept.log);
    const generation: Generation = record.role === 'primary' ? openGeneration(record.generation, this.deps.runtime.random.id()) : record.generation;
    await rel.change({ generation });
    return rel;
  }

  async remove(rel: Relationship): Promise<void> {
    if (rel.record.role === 'secondary') {
      // The copy that is left behind holds what it had confirmed, also what was in the mirror log only.
      rel.secondary.joined = false;
      await rel.secondary.drain();
    }
    this.relationships.delete(rel.id);
    rel.removed = true;
    rel.deps.volume.mirror = null;
    // What waited for the mirror waits for nobody any more.
    rel.deps.volume.advance();
    const record = rel.deps.volume.record;
    const release: CommitRequest['release'] = record.keptRoots.filter((root) => root.purpose === 'safety' || root.purpose === 'resync').map((root) => ({ volumeId: record.id, name: root.name }));
    await rel.deps.pool.commit({ release, attributes: [{ volumeId: record.id, update: ({ attributes }) => Object.fromEntries(Object.entries(attributes).filter(([name]) => name !== 'relationship')) }] });
    await rel.marks.close();
    await rel.kept.close();
    this.deps.gateChanged(record.id);
  }

  // --- peers -------------------------------------------------------------------------------------------------------

  private peerParts(serverId: string): PeerParts {
    const known = this.peers.get(serverId);
    if (known !== undefined) return known;
    const { runtime } = this.deps;
    const peer = new Peer(this.deps.serverId, serverId, runtime, {
      hello: () => this.hello(serverId),
      connected: (hello) => { this.connected(serverId, hello); },
      lost: (reason) => { this.lost(serverId, reason); },
      call: (method, parameters, body) => this.call(serverId, method, parameters, body),
      notify: (method, parameters, body) => { this.notified(serverId, method, parameters, body); },
    }, this.deps.settings.heartbeatMs * 6);
    const stream = new OutgoingStream(
      runtime, peer,
      (relationshipId, sequence) => { this.relationships.get(relationshipId)?.primary.confirmed(sequence); },
      (ids) => { for (const id of ids) this.relationships.get(id)?.deps.volume.advance(); },
    );
    const parts: PeerParts = { peer, stream, keeper: null, openKeeper: null };
    this.peers.set(serverId, parts);
    if (this.started) peer.start();
    return parts;
  }

  private started = false;

  /** Makes the peer known although no relationship with it exists yet. */
  connect(serverId: string): Peer {
    const { peer } = this.peerParts(serverId);
    if (!peer.connected) peer.dialNow();
    return peer;
  }

  start(): void {
    this.started = true;
    const listening = this.deps.runtime.network.listen((session: Session) => { this.peerParts(session.peer).peer.accept(session); });
    this.closeListener = () => { listening.close(); };
    for (const parts of this.peers.values()) parts.peer.start();
    this.watch();
  }

  private closeListener: () => void = () => undefined;

  private watch(): void {
    this.deps.runtime.clock.after(this.deps.settings.heartbeatMs, () => {
      if (this.stopped) return;
      for (const rel of this.relationships.values()) {
        if (rel.record.role !== 'primary') continue;
        rel.primary.watch();
        rel.primary.tellMissed();
      }
      this.watch();
    });
  }

  stop(): void {
    this.stopped = true;
    this.closeListener();
    for (const parts of this.peers.values()) parts.peer.stop();
  }

  private with(serverId: string): readonly Relationship[] {
    return this.all().filter((rel) => rel.record.peerServerId === serverId);
  }

  private hello(serverId: string): JsonObject {
    return { server: this.deps.serverId, logId: this.deps.log.logId, relationships: this.with(serverId).map((rel) => viewToJson(viewOf(rel))) };
  }

  private connected(serverId: string, hello: JsonObject): void {
    const parts = this.peers.get(serverId);
    parts?.stream.reset();
    // A restarted source numbers its sessions from one again: what follows is a new stream whatever it is called.
    parts?.openKeeper?.begin(NO_SESSION);
    this.deps.runtime.covered('peer/connected');
    this.deps.report('peer/connected', 'info', serverId, `connected to ${this.deps.nameOf(serverId)}`);
    const views = hello['relationships'];
    if (Array.isArray(views)) for (const view of views) this.viewed(view);
  }

  private lost(serverId: string, reason: string): void {
    if (this.stopped) return;
    this.deps.report('peer/lost', 'warning', serverId, `lost ${this.deps.nameOf(serverId)}: ${reason}`);
    for (const rel of this.with(serverId)) {
      this.roles.forget(rel.id);
      rel.connectionLost(reason);
    }
  }

  /** Tells the peer how this side stands now; it looks at the handshake again. */
  announce(relationshipId: string): void {
    const rel = this.relationships.get(relationshipId);
    if (rel === undefined) return;
    rel.deps.peer.notify('view', { view: viewToJson(viewOf(rel)) });
    this.deps.gateChanged(rel.deps.volume.id);
    this.roles.reconsider(rel);
  }

  private viewed(value: unknown): void {
    const view = viewFromJson(value);
    const rel = view === null ? undefined : this.relationships.get(view.id);
    if (view !== null && rel !== undefined) this.roles.learned(rel, view);
  }

  // --- mirror logs -------------------------------------------------------------------------------------------------

  keeperFor(serverId: string, anchorVolumeId: string): Promise<Keeper> {
    const parts = this.peerParts(serverId);
    parts.keeper ??= this.openKeeper(serverId, anchorVolumeId).then(
      (keeper) => {
        parts.openKeeper = keeper;
        return keeper;
      },
      (error: unknown) => {
        // The device may answer again: the next join tries anew.
        parts.keeper = null;
        throw error;
      },
    );
    return parts.keeper;
  }

  private async openKeeper(serverId: string, wantedVolumeId: string): Promise<Keeper> {
    const { runtime, settings, nameOf } = this.deps;
    const joined = this.with(serverId).some((rel) => rel.record.role === 'secondary' && rel.record.position !== null);
    const { log, recovered, lost } = await openMirrorLog(this.deps, serverId, wantedVolumeId, settings.logHalfBytes, joined);
    if (lost !== null) {
      const what = `the mirror log of ${nameOf(serverId)}: ${lost.what}`;
      this.deps.report(`mirror-log/${lost.code}`, 'alert', serverId, what);
      await this.entriesLost(serverId, what, lost.relationshipIds);
    }
    for (const record of recovered?.records ?? []) {
      if (record.kind !== 'write' && record.kind !== 'trim' && record.kind !== 'zero') continue;
      this.relationships.get(record.volumeId)?.secondary.recovered({
        kind: record.kind, relationshipId: record.volumeId, sequence: record.sourceSequence, epoch: record.epoch,
        offset: record.offset, length: record.length, payload: record.kind === 'write' ? record.payload : null,
      });
    }
    return new Keeper(serverId, runtime, log, recovered, {
      entry: (entry: StreamEntry) => {
        if (entry.kind !== 'write' && entry.kind !== 'trim' && entry.kind !== 'zero') return true;
        return this.relationships.get(entry.relationshipId)?.secondary.entry(entry) === true;
      },
      confirm: (session, through) => { this.peers.get(serverId)?.peer.notify('entries-durable', { session, through }); },
      neededAfter: (relationshipId) => {
        const rel = this.relationships.get(relationshipId);
        return rel === undefined || rel.record.role === 'primary' ? Number.POSITIVE_INFINITY : rel.secondary.neededAfter;
      },
      broken: (reason) => { this.peers.get(serverId)?.peer.reset(reason); },
    });
  }

  /** Images that were to be completed from a damaged mirror log may miss acknowledged writes. */
  private async entriesLost(serverId: string, what: string, relationshipIds: readonly string[] | null): Promise<void> {
    for (const rel of this.with(serverId)) {
      if (rel.record.role !== 'secondary' || rel.record.position === null || (relationshipIds !== null && !relationshipIds.includes(rel.id))) continue;
      await this.deps.recordsLost(rel.deps.volume.id, what);
    }
  }

  /** At start: what the mirror logs hold goes into the images before anybody is answered. */
  async drainRecovered(): Promise<void> {
    const keepers: Keeper[] = [];
    for (const rel of this.relationships.values()) {
      if (rel.record.position === null && rel.record.role === 'primary') continue;
      const { peerServerId } = rel.record;
      try {
        keepers.push(await this.keeperFor(peerServerId, rel.deps.volume.id));
      } catch (error) {
        if (!(error instanceof MirrorLogRefusedError)) throw error;
        const what = `the mirror log of ${this.deps.nameOf(peerServerId)} is of a newer version and was left as it is: ${error.message}`;
        this.deps.report('mirror-log/newer-version', 'alert', peerServerId, what);
        await this.entriesLost(peerServerId, what, [rel.id]);
      }
    }
    for (const rel of this.relationships.values()) if (rel.record.role === 'secondary') await rel.serial(() => rel.secondary.leave());
    // Last: a log whose halves are both full, and whose active one just failed, goes on only when one of them is drained.
    for (const keeper of keepers) {
      keeper.trim();
      await keeper.started;
    }
  }

  // --- messages ----------------------------------------------------------------------------------------------------

  private notified(serverId: string, method: string, parameters: JsonObject, body: Uint8Array): void {
    switch (method) {
      case 'entries': {
        const keeper = this.peers.get(serverId)?.openKeeper;
        if (keeper) keeper.receive(Number(parameters['session']), Number(parameters['first']), parameters['records'], body);
        else this.peers.get(serverId)?.peer.reset('entries before a relationship joined');
        return;
      }
      case 'entries-durable':
        return this.peers.get(serverId)?.stream.durable(Number(parameters['session']), Number(parameters['through']));
      case 'view':
        return this.viewed(parameters['view']);
      case 'cp-blocks':
        return this.background(parameters, (rel) => rel.secondary.cpBlocks(parameters, body));
      case 'cut-release':
        return this.background(parameters, (rel) => rel.secondary.releaseCut(textOf(parameters, 'name')));
      case 'fractured':
        return this.fractured(parameters);
      case 'missed': {
        const note = noteFrom(this.deps.runtime, parameters);
        if (note !== null) this.relationships.get(textOf(parameters, 'relationship'))?.told(note, causeOf(parameters['cause']));
        return;
      }
      case 'stream-refused': {
        const rel = this.relationships.get(textOf(parameters, 'relationship'));
        if (rel !== undefined) void rel.primary.fracture('disk', 'the destination has no room');
        return;
      }
      default:
        this.deps.runtime.log.write('warn', 'unknown notification', { method, serverId });
    }
  }

  /** The source goes on alone: what is held goes into the image, and is tried again should a device refuse it now. */
  private fractured(parameters: JsonObject): void {
    const rel = this.relationships.get(textOf(parameters, 'relationship'));
    rel?.leaveStream({ cause: causeOf(parameters['cause']), atWallMs: Number(parameters['atWallMs']), sequence: rel.secondary.held });
  }

  private background(parameters: JsonObject, work: (rel: Relationship) => Promise<void>): void {
    const rel = this.relationships.get(textOf(parameters, 'relationship'));
    if (rel === undefined) return;
    rel.serial(() => work(rel)).catch((error: unknown) => {
      if (!(error instanceof PeerRefusedError)) rel.failed('an update from the source', error);
      // Told at once: what is confirmed from here on would lie in the mirror log without being applied.
      if (error instanceof PeerRefusedError || isDeviceError(error)) this.leaveStream(rel);
    });
  }

  /** This side cannot follow for want of space or a device: the source is told, and what is held goes into the image. */
  private leaveStream(rel: Relationship): void {
    if (!rel.secondary.joined) return;
    this.deps.runtime.covered('secondary/device-error');
    rel.secondary.joined = false;
    rel.refuseStream('disk');
    rel.leaveStream();
  }

  /** A device error of this side is an answer to the peer, not a silence. */
  private async call(serverId: string, method: string, parameters: JsonObject, body: Uint8Array): Promise<Answer> {
    try {
      return await this.dispatch(serverId, method, parameters, body);
    } catch (error) {
      const rel = this.relationships.get(textOf(parameters, 'relationship'));
      if (!isDeviceError(error)) {
        // The peer hears of a refusal only: a bug of this side must not pass for one.
        if (!(error instanceof PeerRefusedError) && !(error instanceof PeerLostError)) rel?.failed(`answering ${method}`, error);
        throw error;
      }
      if (rel !== undefined) {
        rel.failed(`answering ${method}`, error);
        this.leaveStream(rel);
      }
      throw new PeerRefusedError(error.message, { cause: 'disk' });
    }
  }

  private async dispatch(serverId: string, method: string, parameters: JsonObject, body: Uint8Array): Promise<Answer> {
    if (method === 'create') return { result: await this.roles.createSecondary(serverId, parameters) };
    const rel = this.relationships.get(textOf(parameters, 'relationship'));
    if (rel?.record.peerServerId !== serverId) throw new PeerRefusedError('no such relationship', { cause: 'unknown-relationship' });
    switch (method) {
      case 'join':
        await (await this.keeperFor(serverId, rel.deps.volume.id)).started;
        return { result: await rel.serial(() => rel.secondary.join(parameters)) };
      case 'cp-prepare':
        return { result: await rel.serial(() => rel.secondary.cpPrepare(parameters)) };
      case 'cp-commit': {
        const result = await rel.serial(() => rel.secondary.cpCommit(parameters));
        if (parameters['transition'] === true) this.announce(rel.id);
        else this.deps.gateChanged(rel.deps.volume.id);
        return { result };
      }
      case 'grow':
        await rel.serial(() => growSecondary(rel, Number(parameters['sizeBlocks'])));
        return { result: {} };
      case 'resync-begin':
        return rel.serial(async () => {
          await keepUnshared(rel, this.roles.view(rel.id));
          return rel.secondary.resyncBegin(parameters);
        });
      case 'resync-compare':
        return rel.serial(() => rel.secondary.resyncCompare(body));
      case 'resync-blocks':
        await rel.serial(() => rel.secondary.resyncBlocks(body));
        // What was staged was copied.
        return { result: {}, bodyDone: true };
      case 'resync-flush':
        await rel.serial(() => rel.secondary.resyncFlush());
        return { result: {} };
      case 'verify-compare': {
        const differing = await rel.serial(() => answerCompare(rel, textOf(parameters, 'name'), Number(parameters['first']), Number(parameters['count']), body));
        return { result: { differing } };
      }
      case 'overwrite-begin':
        return rel.serial(async () => {
          const { result, body } = await rel.secondary.overwriteBegin(parameters);
          return { result: { ...result, generation: rel.record.generation as unknown as JsonObject }, body };
        });
      case 'overwrite-read': {
        const regions = Array.isArray(parameters['regions']) ? parameters['regions'].map(Number) : [];
        return { result: {}, body: await rel.serial(() => answerOverwrite(rel, regions, body)) };
      }
      case 'promote-planned':
        return { result: await promotePlanned(rel, parameters) };
      case 'yield':
        await yieldTo(rel, Number(parameters['roleEpoch']));
        return { result: { view: viewToJson(viewOf(rel)) } };
      case 'survive':
        await this.roles.survive(rel, Number(parameters['roleEpoch']), parameters['view']);
        return { result: { view: viewToJson(viewOf(rel)) } };
      case 'read-kept':
        return rel.serial(() => readKept(rel, Number(parameters['from'] ?? 0)));
      case 'delete':
        await rel.serial(() => this.remove(rel));
        return { result: {} };
      default:
        throw new PeerRefusedError(`unknown method ${method}`, { cause: 'unknown-method' });
    }
  }
}

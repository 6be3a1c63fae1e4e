import type { JsonObject } from '../pool/index.ts';
import { giveWay, yieldTo } from './giving-way.ts';
import { takeKept } from './kept-entries.ts';
import { textOf } from './message.ts';
import { PeerLostError, PeerRefusedError } from './peer.ts';
import { handOver } from './promotion.ts';
import type { Relationship } from './relationship.ts';
import type { Replication } from './replication.ts';
import { Resync, ResyncInterruptedError, resyncResultJson, type ResyncKind, type ResyncResult } from './resync.ts';
import { decideHandshake, provenHeld, writersOf, type HandshakeSelf, type HandshakeStep } from './state/index.ts';
import { viewFromJson, viewOf, viewToJson, type RelationshipView } from './views.ts';

const RETRY_MS = 500;
const REFUSED_RETRY_MS = 5_000;
const RETRY_MAXIMUM_MS = 30_000;
/** A resync that ran this long was not a flap: the next one starts without a wait. */
const STEADY_MS = 10_000;

export interface RunningResync {
  readonly resync: Resync;
  readonly finished: Promise<ResyncResult>;
}

interface Retry {
  delayMs: number;
  lastAttemptMs: number;
  armed: boolean;
}

/**
 * Who is primary, and what follows when the two sides meet (replication.md 3.7, 3.14): the primary drives, the secondary
 * answers. A side that learns of a higher role epoch gives way before any byte moves.
 */
export class Roles {
  private readonly replication: Replication;
  /** The peer's last view in the present session. */
  private readonly views = new Map<string, RelationshipView>();
  private readonly resyncs = new Map<string, RunningResync>();
  private readonly retries = new Map<string, Retry>();
  private readonly considering = new Map<string, 'running' | 'again'>();

  constructor(replication: Replication) {
    this.replication = replication;
  }

  view(relationshipId: string): RelationshipView | undefined {
    return this.views.get(relationshipId);
  }

  running(relationshipId: string): RunningResync | undefined {
    return this.resyncs.get(relationshipId);
  }

  private remember(rel: Relationship, value: unknown): void {
    const view = viewFromJson(value);
    if (view !== null) this.views.set(rel.id, view);
  }

  learned(rel: Relationship, view: RelationshipView): void {
    const first = !this.views.has(rel.id);
    this.views.set(rel.id, view);
    // The peer may not have ours: its hello came before the relationship existed.
    if (first) rel.deps.peer.notify('view', { view: viewToJson(viewOf(rel)) });
    rel.set({ lastContactWallMs: rel.deps.runtime.clock.wallMs() });
    this.reconsider(rel);
  }

  forget(relationshipId: string): void {
    this.views.delete(relationshipId);
    this.resyncs.get(relationshipId)?.resync.cancel('the connection was lost');
  }

  /** Looks at both views once more; calls while one look runs share the next. */
  reconsider(rel: Relationship): void {
    if (this.considering.has(rel.id)) {
      this.considering.set(rel.id, 'again');
      return;
    }
    this.considering.set(rel.id, 'running');
    void this.consider(rel)
      .catch((error: unknown) => {
        if (!(error instanceof PeerLostError) && !(error instanceof PeerRefusedError)) rel.failed('the handshake', error);
        this.retryLater(rel);
      })
      .finally(() => {
        const again = this.considering.get(rel.id) === 'again';
        this.considering.delete(rel.id);
        if (again) this.reconsider(rel);
      });
  }

  /** Asks what is to be done until there is nothing more to find out, and does it. */
  private async consider(rel: Relationship): Promise<void> {
    for (let proven = false; ; proven = true) {
      const theirs = this.views.get(rel.id);
      if (theirs === undefined || !rel.deps.peer.connected) return;
      if (rel.record.role === 'primary' && theirs.role === 'primary') rel.deps.runtime.covered(`handshake/two-primaries-${writersOf(rel.record.generation, theirs.generation)}`);
      const step = decideHandshake(this.selfOf(rel, proven), theirs);
      if (step.kind !== 'prove') return this.take(rel, theirs, step);
      if (step.takeKept) await takeKept(rel);
      await rel.primary.owed.settle(provenHeld(rel.deps, theirs));
      this.replication.deps.gateChanged(rel.deps.volume.id);
    }
  }

  private async take(rel: Relationship, theirs: RelationshipView, step: HandshakeStep): Promise<void> {
    switch (step.kind) {
      case 'adopt-epoch':
        await rel.change({ roleEpoch: theirs.roleEpoch, handingOver: false });
        return rel.deps.announce();
      case 'hand-over':
        rel.deps.runtime.covered('roles/swap-resumed');
        return handOver(rel);
      case 'diverge':
        return this.diverge(rel, theirs);
      case 'demote':
        return this.demote(rel, theirs);
      case 'rejoin':
        return this.rejoin(rel, theirs);
      case 'sync':
        if (step.outdate) await rel.change({ image: 'Outdated' });
        return this.startSoon(rel);
      case 'wait':
        if (!step.part) return;
        await rel.primary.isolate('restart', 'a resync waits for the administrator');
        if (rel.record.image === 'Synchronized') await rel.change({ image: 'Outdated' });
        return;
      default:
    }
  }

  private selfOf(rel: Relationship, proven: boolean): HandshakeSelf {
    const { record, primary, deps } = rel;
    const { base, fracture, home } = record;
    const engaged = primary.mode === 'joined' || (primary.mode === 'required' && !primary.holdsHosts) || primary.mode === 'fracturing' || this.resyncs.has(rel.id);
    return {
      home, role: record.role, roleEpoch: record.roleEpoch, image: record.image, generation: record.generation, forced: record.forced,
      handingOver: record.handingOver, smallerId: deps.serverId < record.peerServerId, recovery: record.recovery,
      fracture: fracture === null ? null : fracture.cause === 'admin' ? 'admin' : 'system', resync: record.resync?.kind ?? null,
      engaged, nvFailed: rel.nvFailed, untouched: deps.volume.gate.kind === 'held', proven,
      markedRegions: rel.marks.regions.count, logId: deps.logId, ends: record.ends ?? [], confirmedThrough: primary.confirmedThrough,
      peerBaseCp: base === null ? null : home === 'source' ? base.destinationCp : base.sourceCp,
    };
  }

  private async diverge(rel: Relationship, theirs: RelationshipView): Promise<void> {
    if (rel.record.image === 'Diverged') return;
    rel.deps.runtime.covered('handshake/diverged');
    // What each side alone changed is shown before the admin chooses.
    await rel.primary.owed.settle(provenHeld(rel.deps, theirs));
    await rel.serial(() => rel.change({ image: 'Diverged' }));
    rel.report('mirror/split-brain', 'critical', `both copies changed on their own (role epochs ${String(rel.record.roleEpoch)} and ${String(theirs.roleEpoch)}); choose which one to keep`);
    rel.deps.announce();
  }

  /** A newer primary exists: hosts are refused, what is logged goes to disk, what the other side lacks is marked. */
  async demote(rel: Relationship, theirs: RelationshipView): Promise<void> {
    const { volume, runtime } = rel.deps;
    runtime.covered('roles/demoted');
    volume.setGate({ kind: 'closed', code: 'volume/not-owner', message: `${rel.deps.nameOf(rel.record.peerServerId)} serves this volume now` });
    giveWay(rel);
    // Before the point, which takes everything recovered for owed.
    await rel.primary.owed.settle(provenHeld(rel.deps, theirs));
    await rel.deps.consistencyPoint('role-swap');
    await rel.serial(async () => {
      await rel.change({ role: 'secondary', roleEpoch: theirs.roleEpoch, image: rel.record.image === 'Diverged' ? 'Diverged' : 'Outdated', fenced: true, opening: '', fracture: null });
    });
    rel.report('mirror/fenced', 'warning', `came back as secondary: ${rel.deps.nameOf(rel.record.peerServerId)} was promoted meanwhile; ${String(rel.markedRegions)} regions were not shared`);
    rel.deps.announce();
  }

  // --- the primary and its secondary ---------------------------------------------------------------------------------

  /** Both contents are equal but for records that are sent again: back into the stream without a resync. */
  private async rejoin(rel: Relationship, theirs: RelationshipView): Promise<void> {
    const { log, logId, runtime } = rel.deps;
    const strict = rel.primary.holdsHosts;
    const through = strict ? Math.max(theirs.held, rel.primary.held) : log.lastSequence;
    await rel.deps.peer.call('join', { relationship: rel.id, logId, through, held: theirs.held, inSync: true });
    // The target drains first, which takes time: a primary that parted meanwhile (peer wait, admin) owes what it acknowledged.
    if (rel.record.role !== 'primary' || rel.record.fracture !== null || !rel.marks.regions.isEmpty || rel.primary.mode === 'fracturing') {
      runtime.covered('handshake/parted-while-joining');
      return this.retryLater(rel);
    }
    rel.primary.joined(through, true);
    runtime.covered(strict ? 'handshake/strict-rejoined' : 'handshake/rejoined');
    rel.set({ image: 'Synchronized', fracture: null, opening: '', ends: [], lastContactWallMs: runtime.clock.wallMs() });
    this.replication.deps.gateChanged(rel.deps.volume.id);
    await rel.commit({}, (record) => record);
    rel.report('mirror/synchronized', 'notice', 'synchronized again without a resync');
    rel.deps.announce();
  }

  // --- resync ------------------------------------------------------------------------------------------------------

  /** Starts an automatic resync, with a back-off that grows while the link flaps. */
  private startSoon(rel: Relationship): void {
    const { clock, random } = rel.deps.runtime;
    const retry = this.retries.get(rel.id) ?? { delayMs: 0, lastAttemptMs: 0, armed: false };
    this.retries.set(rel.id, retry);
    if (retry.armed) return;
    retry.armed = true;
    if (clock.nowMs() - retry.lastAttemptMs > STEADY_MS + retry.delayMs) retry.delayMs = 0;
    const delayMs = retry.delayMs === 0 ? 0 : retry.delayMs + (random.u32() % 200);
    retry.delayMs = Math.min(RETRY_MAXIMUM_MS, Math.max(RETRY_MS, retry.delayMs * 2));
    clock.after(delayMs, () => {
      retry.armed = false;
      retry.lastAttemptMs = clock.nowMs();
      const view = this.views.get(rel.id);
      if (view === undefined || !rel.deps.peer.connected) return;
      // Much may have happened meanwhile: the decision is made anew.
      const step = decideHandshake(this.selfOf(rel, true), view);
      if (step.kind !== 'sync') return this.reconsider(rel);
      this.startResync(rel, step.extent).finished.catch(() => undefined);
    });
  }

  private retryLater(rel: Relationship): void {
    rel.deps.runtime.clock.after(RETRY_MS, () => { this.reconsider(rel); });
  }

  /** Starts (or returns the running) resync from this side. */
  startResync(rel: Relationship, kind: ResyncKind): RunningResync {
    const known = this.resyncs.get(rel.id);
    if (known !== undefined) return known;
    const resync = new Resync(rel, kind);
    const finished = resync.run().then(
      (result) => {
        this.resyncs.delete(rel.id);
        rel.report('mirror/synchronized', 'notice', `${kind} sync finished: ${String(result.regionsDiffering)} regions differed, ${String(result.bytesCopied)} bytes copied`, resyncResultJson(result));
        rel.deps.announce();
        return result;
      },
      async (error: unknown) => {
        this.resyncs.delete(rel.id);
        await this.resyncFailed(rel, error);
        throw error;
      },
    );
    const running = { resync, finished };
    this.resyncs.set(rel.id, running);
    rel.report('mirror/resync-started', 'info', `${kind} sync started`);
    return running;
  }

  private async resyncFailed(rel: Relationship, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    rel.deps.runtime.covered('resync/interrupted');
    rel.report('mirror/resync-interrupted', 'warning', reason);
    if (!(error instanceof ResyncInterruptedError) && !(error instanceof PeerLostError) && !(error instanceof PeerRefusedError)) rel.failed('a resync', error);
    if (rel.primary.mode === 'joined' || rel.primary.mode === 'required') await rel.primary.fracture('peer', reason);
    if (rel.record.image === 'Synchronizing') await rel.change({ image: 'OutOfSync', resync: null });
    if (!rel.deps.peer.connected) return;
    // A refusal (no room, say) may be gone later; until then it is asked rarely.
    if (error instanceof PeerRefusedError) rel.deps.runtime.clock.after(REFUSED_RETRY_MS, () => { this.reconsider(rel); });
    else this.retryLater(rel);
  }

  // --- split brain, beginning and end -------------------------------------------------------------------------------

  /** The survivor of a split brain: primary above both epochs, its resync may start. */
  async survive(rel: Relationship, roleEpoch: number, yielded: unknown): Promise<void> {
    // The side that gave way is known to have done so before this one looks at the handshake again.
    this.remember(rel, yielded);
    await rel.serial(() => rel.change({ role: 'primary', roleEpoch, image: 'Outdated', forced: false, fenced: false }));
    rel.deps.announce();
  }

  /** Resolves a split brain from either side: `keep` names the home role of the survivor. */
  async resolve(rel: Relationship, keep: 'source' | 'destination'): Promise<JsonObject> {
    const theirs = this.views.get(rel.id);
    if (theirs === undefined) throw new PeerRefusedError('the other side cannot be reached', { code: 'R05' });
    const roleEpoch = Math.max(rel.record.roleEpoch, theirs.roleEpoch) + 1;
    if (keep === rel.record.home) {
      const { result } = await rel.deps.peer.call('yield', { relationship: rel.id, roleEpoch });
      await this.survive(rel, roleEpoch, result['view']);
    } else {
      await yieldTo(rel, roleEpoch);
      const { result } = await rel.deps.peer.call('survive', { relationship: rel.id, roleEpoch, view: viewToJson(viewOf(rel)) });
      this.remember(rel, result['view']);
      rel.deps.announce();
    }
    return { survivor: keep, roleEpoch };
  }

  /** Ends the relationship on both sides where the other one can be reached. */
  async remove(rel: Relationship): Promise<JsonObject> {
    let peerToo = false;
    if (rel.deps.peer.connected) {
      await rel.deps.peer.call('delete', { relationship: rel.id });
      peerToo = true;
    }
    if (rel.primary.mode !== 'marked') await rel.primary.fracture('admin', 'the relationship is deleted');
    await rel.serial(() => this.replication.remove(rel));
    return { peerToo };
  }

  async createSecondary(serverId: string, parameters: JsonObject): Promise<JsonObject> {
    const volumeId = textOf(parameters, 'volume');
    const volume = this.replication.deps.volume(volumeId);
    if (volume === undefined) throw new PeerRefusedError('the destination volume does not exist', { code: 'volume/not-found' });
    const id = textOf(parameters, 'relationship');
    const existing = this.replication.get(id);
    if (existing === undefined) {
      if (volume.mirror !== null) throw new PeerRefusedError('the destination volume is in a relationship already', { code: 'mirror/volume-in-use' });
      const sizeBytes = Number(parameters['sizeBytes']);
      if (volume.sizeBytes !== sizeBytes) {
        throw new PeerRefusedError(`the source has ${String(sizeBytes)} bytes, the destination ${String(volume.sizeBytes)}; grow the smaller`, { code: 'R19' });
      }
      const rel = await this.replication.create(volume, {
        id, name: textOf(parameters, 'name'), policy: parameters['policy'] === 'strict' ? 'strict' : 'availability',
        recovery: parameters['recovery'] === 'manual' ? 'manual' : 'automatic', home: 'destination',
        peerServerId: serverId, peerVolumeId: textOf(parameters, 'sourceVolume'),
      });
      rel.marks.clearAll();
      await rel.marks.flush();
      this.replication.deps.gateChanged(volumeId);
    } else if (existing.record.image !== 'NotEstablished' || existing.record.peerServerId !== serverId || existing.record.peerVolumeId !== textOf(parameters, 'sourceVolume')) {
      // The source asks as if for the first time, this side has a history: only an admin can know what to give up.
      throw new PeerRefusedError('these volumes never belonged together: this side already is in another mirror of that name; delete it here first', { code: 'R12' });
    }
    const rel = this.replication.get(id);
    const view = viewFromJson(parameters['view']);
    if (rel !== undefined && view !== null) this.learned(rel, view);
    return rel === undefined ? {} : { view: viewToJson(viewOf(rel)) };
  }
}

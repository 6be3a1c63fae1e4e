import type { Relationship } from '../../replication/index.ts';
import type { Holdings } from './holdings.ts';
import type { Losses } from './losses.ts';

/**
 * Who may use a volume. A volume without a mirror is open as soon as the server is up; a mirrored one once this side knows
 * that it still is the primary: it has met its peer, or has waited `peerWaitMs` for it (primary bias), or its copy has
 * been told durably that it is out of date.
 */
export class Admission {
  private readonly held: Holdings;
  private readonly losses: Losses;
  /** Mirrored volumes that were primary at the start and have not met their peer yet. */
  private readonly awaiting = new Map<string, object>();

  constructor(held: Holdings, losses: Losses) {
    this.held = held;
    this.losses = losses;
  }

  /** At start. */
  admit(): void {
    for (const rel of this.held.relationships()) if (rel.record.role === 'primary') this.awaitPeer(rel.deps.volume.id);
    for (const volume of this.held.volumes.values()) this.admitVolume(volume.id);
  }

  awaitPeer(volumeId: string): void {
    const wait = {};
    this.awaiting.set(volumeId, wait);
    // A wait that ended and began anew has its whole time again.
    this.held.deps.runtime.clock.after(this.held.deps.settings.peerWaitMs, () => {
      if (this.awaiting.get(volumeId) === wait) this.endPeerWait([volumeId]);
    });
  }

  /** Primary bias: nobody was heard for `peerWaitMs`; mirrored volumes serve as fractured (architecture.md 5). */
  endPeerWait(volumeIds: readonly string[] = [...this.awaiting.keys()]): void {
    for (const volumeId of volumeIds) {
      this.awaiting.delete(volumeId);
      const rel = this.held.relationshipOfVolume(volumeId);
      if (rel?.record.role !== 'primary' || rel.deps.volume.gate.kind !== 'held' || rel.record.image === 'Diverged')
        continue;
      this.held.deps.runtime.covered('server/primary-bias');
      if (rel.primary.mode === 'marked' && rel.record.fracture === null && rel.record.image === 'Synchronized') {
        void rel.primary.isolate('restart', 'the peer was not heard after the start').then(() => {
          this.admitVolume(volumeId);
        });
      } else this.admitVolume(volumeId);
    }
  }

  /** Decides who may use a volume, from its role and what its mirror waits for. */
  admitVolume(volumeId: string): void {
    const volume = this.held.volumes.get(volumeId);
    if (volume === undefined || this.held.state.kind !== 'up') return;
    const rel = this.held.relationshipOfVolume(volumeId);
    // An image that became equal to its source again misses nothing any more.
    if (
      rel?.record.role === 'secondary' &&
      rel.record.image === 'Synchronized' &&
      this.losses.of(volumeId) !== undefined
    )
      this.losses.end(volumeId).catch(() => undefined);
    const lost = this.losses.of(volumeId);
    if (lost !== undefined && rel?.record.role !== 'secondary')
      return volume.setGate({ kind: 'closed', code: 'volume/offline', message: lost });
    if (rel === undefined) return volume.setGate({ kind: 'open' });
    if (rel.record.role === 'secondary') {
      this.awaiting.delete(volumeId);
      return volume.setGate({
        kind: 'closed',
        code: 'volume/not-owner',
        message: `${volume.record.name} is the secondary of mirror ${rel.record.name}; ${this.held.deps.nameOf(rel.record.peerServerId)} serves it`,
      });
    }
    // A primary that is being overwritten is a mixture until that has finished.
    if (rel.primary.holdsHosts || rel.record.resync?.kind === 'overwrite-primary') return;
    if (volume.gate.kind === 'open') return;
    if (rel.record.image === 'Diverged' && volume.gate.kind === 'held') {
      // Nothing is merged before an administrator has chosen: what is here can be looked at.
      if (volume.readsWait) volume.setGate({ kind: 'held', reason: 'both copies changed; an administrator chooses which one to keep' });
      return;
    }
    const fresh = rel.record.image === 'NotEstablished' || this.held.deps.runtime.planted('serve-before-handshake');
    // A copy that is no longer in sync says so durably: hosts may write here once the peer cannot have been promoted unseen.
    const apart =
      rel.record.fracture !== null ||
      rel.record.image === 'OutOfSync' ||
      rel.record.image === 'Synchronizing' ||
      rel.record.image === 'Outdated';
    const met = !this.awaiting.has(volumeId) || this.handshakeDone(rel);
    if (!fresh && !rel.primary.inSync && !(apart && met)) {
      // Made primary by a planned swap: if the other side is lost before it joins, primary bias holds here as after a start.
      if (!apart && !this.awaiting.has(volumeId)) this.awaitPeer(volumeId);
      return;
    }
    this.awaiting.delete(volumeId);
    volume.setGate({ kind: 'open' });
  }

  /** The peer's view of this session says that this side is still primary. */
  private handshakeDone(rel: Relationship): boolean {
    const view = this.held.replication?.roles.view(rel.id);
    return view !== undefined && view.role === 'secondary' && view.roleEpoch <= rel.record.roleEpoch;
  }
}

import type { JsonObject } from '../pool/index.ts';
import { PeerRefusedError } from './peer.ts';
import { basePair, imagePosition } from './record.ts';
import type { Relationship } from './relationship.ts';
import type { Generation } from './state/index.ts';

/** Forced promotion of this side (failover): everything held goes into the image, the role epoch rises, durably. */
export async function promote(rel: Relationship): Promise<JsonObject> {
  const { runtime, log } = rel.deps;
  const startedMs = runtime.clock.nowMs();
  let replayedRecords = 0;
  await rel.serial(async () => {
    rel.secondary.joined = false;
    await rel.secondary.drain();
    replayedRecords = rel.secondary.drainedSinceCommitted;
    // The old primary's log may end before them: what was applied since the last common point is compared at its return.
    const alone = !rel.kept.regions.isEmpty;
    if (alone) {
      rel.marks.mark(rel.kept.regions);
      await rel.marks.flush();
    }
    await rel.commit({}, (record) => ({
      ...record, role: 'primary', roleEpoch: record.roleEpoch + 1, forced: true, fenced: false, handingOver: false, image: 'Outdated',
      fracture: { cause: 'promotion', atWallMs: runtime.clock.wallMs(), sequence: 0 },
      opening: runtime.random.id(),
      // An image that went back is no consistency point of its position.
      base: alone || imagePosition(record) !== record.position ? record.base : record.position === null ? null : basePair(record.home, record.position.ownCp, record.position.cp),
    }), { applied: { logId: log.logId, sequence: log.lastSequence } });
    rel.deps.volume.rootSwung(log.lastSequence);
  });
  runtime.covered('roles/promoted');
  rel.report('mirror/failover', 'critical', `promoted by force; ${String(replayedRecords)} log records replayed; the peer may hold writes that are not here`);
  rel.deps.announce();
  return { replayedRecords, ms: runtime.clock.nowMs() - startedMs };
}

/** Planned swap (3.14), driven by the acting primary. Rejects with PeerRefusedError when something stands against it. */
export async function swap(rel: Relationship): Promise<JsonObject> {
  const { volume, runtime } = rel.deps;
  const startedMs = runtime.clock.nowMs();
  if (rel.record.role === 'primary') {
    // A volume that serves nobody (suspended, held by a strict mirror) must not be opened by a swap that fails.
    if (!isOpen(volume)) throw new PeerRefusedError('the volume does not serve hosts now', { code: 'R02' });
    volume.setGate({ kind: 'held', reason: 'a planned role swap runs' });
    try {
      // Writes that a strict mirror holds back would never become quiet.
      const { clock } = runtime;
      const quiet = await Promise.race([volume.quiet().then(() => true), clock.sleep(rel.deps.settings.strictTimeoutMs).then(() => false)]);
      if (!quiet) throw new PeerRefusedError('writes wait for the mirror', { code: 'R02' });
      await rel.deps.consistencyPoint('role-swap');
      if (!rel.primary.inSync || rel.record.image !== 'Synchronized') throw new PeerRefusedError('the mirror is not synchronized', { code: 'R02' });
    } catch (error) {
      // A server that was suspended meanwhile has closed it.
      if (volume.gate.kind === 'held') volume.setGate({ kind: 'open' });
      throw error;
    }
    const demoted = rel.serial(async () => {
      // A strict mirror that was lost and is back has opened the gate: what hosts wrote since is not in the last point.
      const quiet = volume.gate.kind === 'held' && volume.dirtyBlocks === 0;
      if (!rel.primary.inSync || rel.primary.holdsHosts || !quiet) throw new PeerRefusedError('the mirror left its synchronization meanwhile', { code: 'R02' });
      rel.primary.left();
      await rel.commit({}, (record) => ({ ...record, role: 'secondary', fracture: null, opening: '', handingOver: true }));
      volume.setGate({ kind: 'closed', code: 'volume/not-owner', message: `${rel.deps.nameOf(rel.record.peerServerId)} takes this volume over` });
    });
    await demoted.catch((error: unknown) => {
      if (rel.record.role === 'primary' && volume.gate.kind === 'held' && !rel.primary.holdsHosts) volume.setGate({ kind: 'open' });
      throw error;
    });
  }
  runtime.covered('roles/swap-demoted');
  await handOver(rel);
  return { ms: runtime.clock.nowMs() - startedMs };
}

/**
 * The second half of a planned swap. A crash or a lost link before it leaves no primary; it is asked for again as soon as
 * both sides meet, or by an admin. Both contents are equal all the while.
 */
export async function handOver(rel: Relationship): Promise<void> {
  const generation = rel.record.generation as unknown as JsonObject;
  const roleEpoch = rel.record.roleEpoch + 1;
  await rel.deps.peer.call('promote-planned', { relationship: rel.id, roleEpoch, generation });
  await rel.serial(() => rel.change({ roleEpoch, handingOver: false }));
  rel.deps.announce();
}

/** The other half of a planned swap: this side becomes primary. Asked twice, it answers twice. */
export async function promotePlanned(rel: Relationship, parameters: JsonObject): Promise<JsonObject> {
  const roleEpoch = Number(parameters['roleEpoch']);
  const { runtime, log, volume } = rel.deps;
  if (rel.record.role === 'primary' && rel.record.roleEpoch === roleEpoch) return { roleEpoch };
  if (rel.record.roleEpoch >= roleEpoch) throw new PeerRefusedError('the roles changed meanwhile', { code: 'R29' });
  await rel.serial(async () => {
    await rel.secondary.drain();
    rel.secondary.joined = false;
    await rel.clearAllMarks();
    await rel.commit({}, (record) => ({
      ...record, role: 'primary', roleEpoch, fenced: false, handingOver: false, forced: false, image: 'Synchronized', fracture: null, lock: null,
      // Should it write before the peer has joined, that is a generation of its own (3.1, 5): a forced promotion of the
      // other side at the same moment is then told apart by who wrote.
      opening: runtime.random.id(),
      generation: parameters['generation'] as unknown as Generation,
    }), { applied: { logId: log.logId, sequence: log.lastSequence } });
    volume.rootSwung(log.lastSequence);
  });
  runtime.covered('roles/swap-promoted');
  volume.setGate({ kind: 'held', reason: 'the peer joins as secondary' });
  rel.report('mirror/role-swapped', 'notice', 'roles were swapped; this side is primary');
  runtime.clock.after(0, () => { rel.deps.announce(); });
  return { roleEpoch };
}

function isOpen(volume: { readonly gate: { readonly kind: string } }): boolean {
  return volume.gate.kind === 'open';
}

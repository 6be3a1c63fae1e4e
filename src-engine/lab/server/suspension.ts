import type { Pool } from '../../pool/index.ts';
import { VolumeError, type LoggedVolume, type VolumeGate } from '../../volume/index.ts';
import type { Admission } from './admission.ts';
import type { Holdings } from './holdings.ts';

interface Closed {
  readonly before: VolumeGate;
  readonly ours: VolumeGate;
}

/**
 * Consistency points that cannot be written. The file system under the arrays is full (scenario 68): the pools wait where
 * they are, and hosts are told instead of left hanging. What is acknowledged is in the log and stays; requests already in
 * the log go on. When there is room the same consistency point goes on and the volumes get back the gate they had, after
 * admission was asked. Any other failure suspends the server until its next start.
 */
export class Suspension {
  private readonly held: Holdings;
  private readonly admission: Admission;
  private readonly waiting = new Map<string, string>();
  private readonly closed = new Map<LoggedVolume, Closed>();

  constructor(held: Holdings, admission: Admission) {
    this.held = held;
    this.admission = admission;
  }

  watch(pool: Pool): void {
    pool.waitForRoom((reason) => {
      this.roomChanged(pool.id, reason);
    });
  }

  private roomChanged(poolId: string, reason: string | null): void {
    const { held } = this;
    const { id, name, runtime } = held.deps;
    const change = this.change(poolId, reason);
    if (change === 'begins' && held.state.kind === 'up') {
      const why = reason ?? 'no space';
      held.state = { kind: 'suspended', reason: why, inPlace: true };
      runtime.covered('server/suspended-in-place');
      held.event('server/suspended', 'emergency', id, `a consistency point waits for room: ${why}`);
      this.close(`suspended: ${why}`);
    } else if (change === 'ends' && held.state.kind === 'suspended' && held.state.inPlace === true) {
      held.state = { kind: 'up' };
      runtime.covered('server/resumed-in-place');
      held.event('server/resumed', 'notice', id, `${name} serves again: the file system has room`);
      this.reopen();
      // Volumes that were created or decided about meanwhile.
      for (const volumeId of held.volumes.keys()) this.admission.admitVolume(volumeId);
    }
  }

  /** Nothing that needs a label of its own is begun while labels cannot be written: it would wait without a word. */
  refuse(): void {
    const { state, deps } = this.held;
    if (state.kind === 'suspended')
      throw new VolumeError('volume/suspended', `${deps.name} is suspended: ${state.reason}`);
    if (state.kind === 'stopping') throw new VolumeError('volume/offline', `${deps.name} stops`);
  }

  /** A consistency point failed for good: hosts get an error until the next start, which begins from log and label. */
  suspend(error: unknown): void {
    const { held } = this;
    const reason = error instanceof Error ? error.message : String(error);
    if (held.state.kind === 'stopping') return;
    held.state = { kind: 'suspended', reason };
    held.deps.runtime.covered('server/suspended');
    held.event('server/suspended', 'emergency', held.deps.id, `a consistency point could not be finished: ${reason}`);
    for (const volume of held.volumes.values()) {
      volume.setGate({ kind: 'closed', code: 'volume/suspended', message: `suspended: ${reason}` });
      volume.failPending('volume/suspended', `suspended: ${reason}`);
    }
  }

  /** A pool waits for room, or (null) has gone on. Says whether that begins or ends a suspension. */
  private change(poolId: string, reason: string | null): 'begins' | 'ends' | 'goes-on' {
    const waited = this.waiting.size > 0;
    if (reason === null) this.waiting.delete(poolId);
    else this.waiting.set(poolId, reason);
    const waits = this.waiting.size > 0;
    if (waited === waits) return 'goes-on';
    return waits ? 'begins' : 'ends';
  }

  private close(message: string): void {
    for (const volume of this.held.volumes.values()) {
      const ours: VolumeGate = { kind: 'closed', code: 'volume/suspended', message };
      const before = volume.gate;
      // The secondary of a mirror serves no host anyway, and says who does.
      if (before.kind === 'closed') continue;
      this.closed.set(volume, { before, ours });
      volume.setGate(ours);
    }
  }

  /** Admission decides about every volume that was closed here; until then it holds its hosts. */
  private reopen(): void {
    const closed = [...this.closed];
    this.closed.clear();
    for (const [volume, { before, ours }] of closed) {
      // Somebody with more to say has decided meanwhile.
      if (volume.gate !== ours) continue;
      volume.setGate(before.kind === 'open' ? { kind: 'held', reason: 'the pool has room again' } : before);
      this.admission.admitVolume(volume.id);
    }
  }
}

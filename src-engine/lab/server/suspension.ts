import type { LoggedVolume, VolumeGate } from '../../volume/index.ts';

interface Closed {
  readonly before: VolumeGate;
  readonly ours: VolumeGate;
}

/**
 * The file system under the arrays is full (scenario 68): the pools wait where they are, and hosts are told instead of
 * left hanging. What is acknowledged is in the log and stays; requests already in the log go on. When there is room the
 * same consistency point goes on and the volumes get back the gate they had, after whoever decides about it was asked.
 */
export class Suspension {
  private readonly volumes: () => Iterable<LoggedVolume>;
  private readonly waiting = new Map<string, string>();
  private readonly closed = new Map<LoggedVolume, Closed>();

  constructor(volumes: () => Iterable<LoggedVolume>) {
    this.volumes = volumes;
  }

  /** A pool waits for room, or (null) has gone on. Says whether that begins or ends a suspension. */
  change(poolId: string, reason: string | null): 'begins' | 'ends' | 'goes-on' {
    const waited = this.waiting.size > 0;
    if (reason === null) this.waiting.delete(poolId);
    else this.waiting.set(poolId, reason);
    const waits = this.waiting.size > 0;
    if (waited === waits) return 'goes-on';
    return waits ? 'begins' : 'ends';
  }

  close(message: string): void {
    for (const volume of this.volumes()) {
      const ours: VolumeGate = { kind: 'closed', code: 'volume/suspended', message };
      const before = volume.gate;
      // The secondary of a mirror serves no host anyway, and says who does.
      if (before.kind === 'closed') continue;
      this.closed.set(volume, { before, ours });
      volume.setGate(ours);
    }
  }

  /** `admit` decides about every volume that was closed here; until then it holds its hosts. */
  reopen(admit: (volumeId: string) => void): void {
    const closed = [...this.closed];
    this.closed.clear();
    for (const [volume, { before, ours }] of closed) {
      // Somebody with more to say has decided meanwhile.
      if (volume.gate !== ours) continue;
      volume.setGate(before.kind === 'open' ? { kind: 'held', reason: 'the pool has room again' } : before);
      admit(volume.id);
    }
  }
}

import type { JsonObject, VolumeRecord } from '../../pool/index.ts';
import type { LoggedVolume } from '../../volume/index.ts';
import type { Holdings } from './holdings.ts';

/** Attribute of a volume whose acknowledged records were lost: what the admin is told. */
const NVFAIL = 'nvfail';

/** Who decides about hosts once a loss has been acknowledged. */
interface Admits {
  awaitPeer(volumeId: string): void;
  admitVolume(volumeId: string): void;
}

/**
 * Acknowledged records that the log lost (NVFail): the volume stays offline, over restarts too, until an admin has
 * looked and said so (R22), or until its image is equal to a source again.
 */
export class Losses {
  private readonly held: Holdings;
  private readonly failed = new Map<string, string>();

  constructor(held: Holdings) {
    this.held = held;
  }

  /** What the admin is told about a volume that has lost records; undefined for all others. */
  of(volumeId: string): string | undefined {
    return this.failed.get(volumeId);
  }

  /** At start: a loss of an earlier incarnation that nobody has acknowledged. */
  recall(volume: LoggedVolume, record: VolumeRecord): boolean {
    const earlier = record.attributes[NVFAIL];
    if (typeof earlier !== 'string') return false;
    this.keepOffline(volume, earlier);
    return true;
  }

  /** Durable when it resolves. `what` names the records. */
  async begin(volumeId: string, what: string): Promise<void> {
    const volume = this.held.volumeOf(volumeId);
    const message = `unflushed writes were lost (${what}); inspect the volume and acknowledge`;
    await this.held.poolOf(volumeId).commit({
      attributes: [{ volumeId, update: (record) => ({ ...record.attributes, [NVFAIL]: message }) }],
    });
    this.held.deps.runtime.covered('server/nvfail');
    this.keepOffline(volume, message);
  }

  private keepOffline(volume: LoggedVolume, message: string): void {
    this.failed.set(volume.id, message);
    const rel = this.held.relationshipOfVolume(volume.id);
    if (rel !== undefined) rel.nvFailed = true;
    this.held.event('volume/nvfail', 'emergency', volume.id, `${volume.record.name}: ${message}`);
  }

  /** `ended` runs in the step in which the volume no longer counts as failed. */
  async end(volumeId: string, ended: () => void = () => undefined): Promise<void> {
    const update = (record: VolumeRecord): JsonObject =>
      Object.fromEntries(Object.entries(record.attributes).filter(([name]) => name !== NVFAIL));
    await this.held.poolOf(volumeId).commit({ attributes: [{ volumeId, update }] });
    if (!this.failed.delete(volumeId)) return;
    const rel = this.held.relationshipOfVolume(volumeId);
    if (rel !== undefined) rel.nvFailed = false;
    ended();
  }

  /** The admin has inspected the volume: it serves again, with what is left and what its mirror can give back. */
  async acknowledge(volumeId: string, admission: Admits): Promise<void> {
    if (!this.failed.has(volumeId)) return;
    const volume = this.held.volumeOf(volumeId);
    await this.end(volumeId, () => {
      this.held.event(
        'volume/nvfail-acknowledged',
        'warning',
        volumeId,
        `${volume.record.name}: the loss was acknowledged`,
      );
      // At once: a handshake that finds the volume closed would take its gaps for its content.
      volume.setGate({ kind: 'held', reason: 'the loss was acknowledged; its mirror is asked first', readsWait: true });
      const rel = this.held.relationshipOfVolume(volumeId);
      if (rel?.record.role === 'primary') {
        admission.awaitPeer(volumeId);
        this.held.replication?.announce(rel.id);
      }
      admission.admitVolume(volumeId);
    });
  }
}

/**
 * The clean cache of one server: whole blocks that equal what is on disk, bounded, least recently used out first.
 * Keys are (volume, VBN); a volume gets a `view` with which it can drop all of its own.
 */
export class CleanCache {
  private readonly limitBlocks: number;
  private readonly blocks = new Map<string, Map<number, Uint8Array>>();
  private count = 0;

  constructor(limitBytes: number) {
    this.limitBlocks = Math.max(16, Math.floor(limitBytes / 4096));
  }

  get(volumeId: string, vbn: number): Uint8Array | undefined {
    const own = this.blocks.get(volumeId);
    const block = own?.get(vbn);
    if (own !== undefined && block !== undefined) {
      own.delete(vbn);
      own.set(vbn, block); // newest last: Map keeps insertion order
    }
    return block;
  }

  set(volumeId: string, vbn: number, block: Uint8Array): void {
    let own = this.blocks.get(volumeId);
    if (own === undefined) {
      own = new Map();
      this.blocks.set(volumeId, own);
    }
    if (own.delete(vbn)) this.count--;
    own.set(vbn, block);
    this.count++;
    if (this.count > this.limitBlocks) this.evict();
  }

  drop(volumeId: string, vbn: number): void {
    if (this.blocks.get(volumeId)?.delete(vbn) === true) this.count--;
  }

  dropVolume(volumeId: string): void {
    this.count -= this.blocks.get(volumeId)?.size ?? 0;
    this.blocks.delete(volumeId);
  }

  /** Evicts from the largest volume first: simple, and no volume can starve the others for long. */
  private evict(): void {
    let largest: Map<number, Uint8Array> | undefined;
    for (const own of this.blocks.values()) if (largest === undefined || own.size > largest.size) largest = own;
    if (largest === undefined) return;
    const target = this.limitBlocks - Math.ceil(this.limitBlocks / 16);
    for (const vbn of largest.keys()) {
      if (this.count <= target) break;
      largest.delete(vbn);
      this.count--;
    }
  }
}

import { assert, StorageError } from '../runtime/index.ts';
import { BLOCK_BYTES, decodeEnvelope, encodeEnvelope } from '../disk/index.ts';
import type { Disk } from '../disk/index.ts';
import type { RaidGroup } from '../raid/index.ts';
import { crcOfBlock } from './block.ts';

const MAGIC = 'LSJOURNL';
const VERSION = 1;
/** Header blocks at the front of every disk, one per entry; the entries' stripes follow. */
const HEADER_BLOCKS = 16;

interface EntryHead {
  readonly poolId: string;
  readonly serial: number;
  readonly stripe: number;
  /** CRC of every data block of the stripe: an entry is complete only if all agree. */
  readonly crcs: readonly number[];
}

/**
 * 'writing': on its way, or given up half way; 'written': the stripe has it, not yet durably; 'synced': no longer needed,
 * once no failure is left to be recorded.
 */
interface Slot {
  serial: number;
  stripe: number;
  state: 'unused' | 'writing' | 'written' | 'synced';
  image: Uint8Array | null;
}

/** A stripe with live blocks whose parity already disagrees must not be written in part: it would seal the damage. */
export class StripeDamagedError extends Error {
  constructor(stripe: number) {
    super(`stripe ${stripe} has live blocks and its parity disagrees`);
    this.name = 'StripeDamagedError';
  }
}

/**
 * The stripe journal of one group: the whole new image of a stripe that holds live blocks is durable in the reserved
 * area, protected by the same RAID level, before the stripe itself is touched; so a torn write never costs a live block
 * of another unit, even when a disk is lost in the same crash. An entry counts until its stripe was synced; the label
 * names the lowest serial that may still count (`from`), so that an old entry is never replayed over newer content.
 *
 * Its place is used again only when a label tells of every member that failed meanwhile: after a crash such a member
 * would be taken for a good one, and the entry is what brings its part of the stripe up to the others.
 */
export class StripeJournal {
  readonly #poolId: string;
  readonly #group: RaidGroup;
  readonly #area: RaidGroup;
  readonly #disks: readonly Disk[];
  readonly #recordFailures: () => Promise<void>;
  readonly #covered: (mark: string) => void;
  readonly #slots: Slot[] = [];
  #nextSerial: number;
  #last: Promise<unknown> = Promise.resolve();

  /** `recordFailures` resolves when every member that has failed so far is failed in a durable label. */
  constructor(spec: {
    readonly poolId: string;
    readonly group: RaidGroup;
    readonly disks: readonly Disk[];
    readonly journalBlocks: number;
    readonly from: number;
    readonly recordFailures: () => Promise<void>;
    readonly covered: (mark: string) => void;
  }) {
    const { group, journalBlocks, from } = spec;
    this.#poolId = spec.poolId;
    this.#group = group;
    this.#disks = spec.disks;
    this.#recordFailures = spec.recordFailures;
    this.#covered = spec.covered;
    const entries = Math.min(HEADER_BLOCKS, Math.floor((journalBlocks - HEADER_BLOCKS) / group.geometry.unitBlocks));
    this.#area = group.sibling(HEADER_BLOCKS, Math.max(0, entries));
    this.#nextSerial = from;
    for (let i = 0; i < entries; i++) this.#slots.push({ serial: 0, stripe: 0, state: 'unused', image: null });
  }

  /** False when a unit is too large for the reserved area: then there are no partial stripes. */
  get usable(): boolean {
    return this.#slots.length > 0 && this.#group.geometry.stripeBlocks <= 512;
  }

  /** Lowest serial that may have to be replayed. */
  get from(): number {
    let from = this.#nextSerial;
    for (const { serial, state } of this.#slots) if ((state === 'writing' || state === 'written') && serial < from) from = serial;
    return from;
  }

  /** Call before a sync of the group; the answer, called after it succeeded, says that what was written then is durable. */
  beginSync(): () => void {
    const written = this.#slots.filter((slot) => slot.state === 'written').map((slot) => ({ slot, serial: slot.serial }));
    return () => {
      for (const { slot, serial } of written) if (slot.serial === serial && slot.state === 'written') slot.state = 'synced';
    };
  }

  /** Whatever a stripe is compared or written with must not meet a write of the journal half way. */
  serially<T>(job: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(job);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /**
   * The image of a stripe that is being written just now: while its members are between two contents, a block of a lost
   * member cannot be computed from the others. Null when the stripe is at rest.
   */
  imageOf(stripe: number): Uint8Array | null {
    return this.#slots.find((slot) => slot.state === 'writing' && slot.stripe === stripe)?.image ?? null;
  }

  /** Grows with every write into a stripe: a reader that saw it grow may have read two contents mixed. */
  get writes(): number {
    return this.#nextSerial;
  }

  /** Puts blocks into a stripe that has live ones. One at a time. Rejects StripeDamagedError, GroupFailedError. */
  write(stripe: number, blocks: readonly { readonly index: number; readonly data: Uint8Array }[]): Promise<void> {
    return this.serially(() => this.#write(stripe, blocks));
  }

  /** Replays complete entries from serial `from` on, in order. Answers the stripes. Call before any tree is read. */
  async replay(from: number): Promise<readonly number[]> {
    const found: { head: EntryHead; image: Uint8Array }[] = [];
    for (let entry = 0; entry < this.#slots.length; entry++) {
      // Heads of one serial may differ when a member came back that nobody could read at an earlier start; the image decides.
      const heads = new Map<string, EntryHead>();
      for (let i = 0; i < this.#disks.length; i++) {
        if (this.#group.memberState(i) === 'failed') continue;
        const head = await this.#readHead(i, entry);
        if (head !== null) heads.set(JSON.stringify(head), head);
      }
      for (const head of heads.values()) {
        this.#nextSerial = Math.max(this.#nextSerial, head.serial + 1);
        if (head.serial < from || head.poolId !== this.#poolId) continue;
        const image = await this.#readImage(entry, head);
        if (image !== null) found.push({ head, image });
      }
    }
    found.sort((a, b) => a.head.serial - b.head.serial);
    for (const { head, image } of found) await this.#group.writeStripes(head.stripe, 1, image);
    if (found.length > 0) await this.#group.sync();
    return found.map(({ head }) => head.stripe);
  }

  async #write(stripe: number, blocks: readonly { readonly index: number; readonly data: Uint8Array }[]): Promise<void> {
    if (!(await this.#group.verifyStripe(stripe))) throw new StripeDamagedError(stripe);
    const entry = await this.#freeEntry();
    const slot = this.#slots[entry];
    assert(slot !== undefined, 'inside');
    const image = await this.#group.composeStripe(stripe, blocks);
    slot.serial = this.#nextSerial++;
    slot.stripe = stripe;
    slot.state = 'writing';
    slot.image = image;
    try {
      await this.#area.writeStripes(entry, 1, image);
      const crcs: number[] = [];
      for (let at = 0; at < image.length; at += BLOCK_BYTES) crcs.push(crcOfBlock(image.subarray(at, at + BLOCK_BYTES)));
      await this.#writeHeads(entry, { poolId: this.#poolId, serial: slot.serial, stripe, crcs });
      await this.#group.sync();
      await this.#group.writeStripes(stripe, 1, image);
      slot.state = 'written';
    } finally {
      // An entry whose write failed stays 'writing' and is kept for the next start: its stripe may be torn.
      slot.image = null;
    }
  }

  async #freeEntry(): Promise<number> {
    const free = (): number => this.#slots.findIndex(({ state }) => state === 'unused' || state === 'synced');
    let entry = free();
    if (entry < 0) {
      const synced = this.beginSync();
      await this.#group.sync();
      synced();
      entry = free();
    }
    assert(entry >= 0, 'a sync ends what was written');
    if (this.#slots[entry]?.state === 'synced') {
      this.#covered('pool/journal-entry-reused');
      await this.#recordFailures();
    }
    return entry;
  }

  async #writeHeads(entry: number, head: EntryHead): Promise<void> {
    // CRCs as binary: 512 blocks fit, JSON would not.
    const text = new TextEncoder().encode(JSON.stringify({ poolId: head.poolId, serial: head.serial, stripe: head.stripe }));
    const payload = new Uint8Array(4 + text.length + head.crcs.length * 4);
    const view = new DataView(payload.buffer);
    view.setUint32(0, text.length, true);
    payload.set(text, 4);
    head.crcs.forEach((crc, i) => view.setUint32(4 + text.length + i * 4, crc, true));
    const bytes = encodeEnvelope(MAGIC, VERSION, payload, BLOCK_BYTES);
    await this.#group.onEachMember((disk) => disk.write(entry, [bytes]));
  }

  async #readHead(member: number, entry: number): Promise<EntryHead | null> {
    const bytes = new Uint8Array(BLOCK_BYTES);
    try {
      await this.#disks[member]?.read(entry, bytes);
    } catch (error) {
      if (!(error instanceof StorageError) || error.code === 'fenced') throw error;
      return null;
    }
    const envelope = decodeEnvelope(bytes, MAGIC, VERSION);
    if (envelope.kind !== 'ok') return null;
    const { payload } = envelope;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const textLength = view.getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(payload.subarray(4, 4 + textLength))) as Omit<EntryHead, 'crcs'>;
    const crcs: number[] = [];
    for (let at = 4 + textLength; at < payload.length; at += 4) crcs.push(view.getUint32(at, true));
    return { ...head, crcs };
  }

  /** The image when every block agrees with its CRC, reconstructing what a member cannot give. */
  async #readImage(entry: number, head: EntryHead): Promise<Uint8Array | null> {
    const blocks = this.#group.geometry.stripeBlocks;
    if (head.crcs.length !== blocks) return null;
    const image = new Uint8Array(blocks * BLOCK_BYTES);
    for (let i = 0; i < blocks; i++) {
      const into = image.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
      let good = false;
      for await (const { content } of this.#area.candidates(entry * blocks + i)) {
        if (crcOfBlock(content) !== head.crcs[i]) continue;
        into.set(content);
        good = true;
        break;
      }
      if (!good) return null;
    }
    return image;
  }
}

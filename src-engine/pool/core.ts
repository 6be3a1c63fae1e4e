import { assert, StorageError } from '../runtime/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import { GroupFailedError } from '../raid/index.ts';
import type { RaidGroup } from '../raid/index.ts';
import { crcOfBlock } from './block.ts';
import { StripeDamagedError } from './journal.ts';
import type { StripeJournal } from './journal.ts';
import type { Page } from './page.ts';
import type { Space } from './space.ts';
import { MediaError } from './types.ts';

const CACHED_PAGES = 8192;

/** Blocks by PBN, verified, and the bounded cache of tree pages. What stages, trees and commits of one pool share. */
export class PoolCore {
  readonly runtime: Runtime;
  readonly space: Space;
  readonly #groups: readonly RaidGroup[];
  readonly #pages = new Map<number, { readonly crc: number; readonly page: Page }>();
  readonly #buffers = new Map<number, Uint8Array[]>();
  /** False while a check looks: what it finds wrong must stay to be found. */
  repairs = true;
  /** Called when a block had to be reconstructed, with the PBN. */
  onRepaired: (pbn: number) => void = () => undefined;

  readonly journals: readonly StripeJournal[];

  constructor(runtime: Runtime, space: Space, groups: readonly RaidGroup[], journals: readonly StripeJournal[]) {
    this.journals = journals;
    this.runtime = runtime;
    this.space = space;
    this.#groups = groups;
  }

  group(index: number): RaidGroup {
    const group = this.#groups[index];
    assert(group !== undefined, `group ${index} exists`);
    return group;
  }

  get groups(): readonly RaidGroup[] {
    return this.#groups;
  }

  /** Reads successive PBNs of one group, unverified. */
  async readRun(pbn: number, into: Uint8Array): Promise<void> {
    const g = this.space.groupOf(pbn);
    const base = this.space.groups[g]?.basePbn ?? 0;
    await this.group(g).read(pbn - base, into);
  }

  /**
   * Reads successive PBNs and verifies each against `crcs`. A block that does not match is reconstructed, repaired in
   * place and reported; MediaError names the first that cannot be (`vbnOf` translates its index).
   */
  async readVerified(pbn: number, crcs: ArrayLike<number>, into: Uint8Array, vbnOf: ((index: number) => number) | null): Promise<void> {
    let whole = true;
    try {
      await this.readRun(pbn, into);
    } catch (error) {
      // Perhaps only a part is lost: fetch block by block below, so that exactly that range is refused.
      if (!(error instanceof GroupFailedError)) throw error;
      whole = false;
    }
    for (let i = 0; i < crcs.length; i++) {
      const block = into.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
      if (whole && crcOfBlock(block) === crcs[i]) continue;
      if (!(await this.#reconstruct(pbn + i, crcs[i] as number, block))) throw new MediaError(vbnOf?.(i) ?? null, pbn + i);
    }
  }

  /** A page of a tree: from the cache at once, else a promise. */
  page(pbn: number, crc: number): Page | Promise<Page> {
    const cached = this.#pages.get(pbn);
    // The CRC tells a page from an older one that lived at the same place.
    if (cached !== undefined && cached.crc === crc) return cached.page;
    return this.#loadPage(pbn, crc);
  }

  cachePage(pbn: number, crc: number, page: Page): void {
    this.#pages.delete(pbn);
    this.#pages.set(pbn, { crc, page });
    if (this.#pages.size > CACHED_PAGES) {
      for (const oldest of this.#pages.keys()) {
        this.#pages.delete(oldest);
        break;
      }
    }
  }

  async sync(): Promise<void> {
    const retire = this.journals.map((journal) => journal.beginSync());
    await Promise.all(this.#groups.map((group) => group.sync()));
    for (const retired of retire) retired();
  }

  /** Blocks into a stripe with live ones, through the journal. */
  async writePartial(group: number, stripe: number, blocks: readonly { readonly index: number; readonly data: Uint8Array }[]): Promise<void> {
    const journal = this.journals[group];
    assert(journal !== undefined, `group ${group} exists`);
    this.runtime.covered('pool/partial-stripe');
    try {
      await journal.write(stripe, blocks);
    } catch (error) {
      if (error instanceof StripeDamagedError) this.space.avoid((this.space.groups[group]?.baseStripe ?? 0) + stripe);
      throw error;
    }
  }

  /** A segment buffer; contents are arbitrary. */
  takeBuffer(bytes: number): Uint8Array {
    return this.#buffers.get(bytes)?.pop() ?? new Uint8Array(bytes);
  }

  giveBuffer(buffer: Uint8Array): void {
    const list = this.#buffers.get(buffer.length);
    if (list === undefined) this.#buffers.set(buffer.length, [buffer]);
    else if (list.length < 12) list.push(buffer);
  }

  async #loadPage(pbn: number, crc: number): Promise<Page> {
    const page = new Uint32Array(BLOCK_BYTES / 4);
    await this.readVerified(pbn, [crc], new Uint8Array(page.buffer), null);
    this.cachePage(pbn, crc, page);
    return page;
  }

  /**
   * While a stripe is written in part its members are between two contents, and what is computed for a lost one is
   * neither: then the image on its way has the block, or the next attempt finds the stripe at rest.
   */
  async #reconstruct(pbn: number, crc: number, into: Uint8Array): Promise<boolean> {
    const g = this.space.groupOf(pbn);
    const journal = this.journals[g];
    for (let attempt = 0; attempt < 4; attempt++) {
      const writes = journal?.writes;
      if (this.#fromImage(pbn, crc, into) || (await this.#fromMembers(pbn, crc, into)) || this.#fromImage(pbn, crc, into)) return true;
      if (journal?.writes === writes) return false;
    }
    return false;
  }

  #fromImage(pbn: number, crc: number, into: Uint8Array): boolean {
    const g = this.space.groupOf(pbn);
    const group = this.space.groups[g];
    assert(group !== undefined, 'group exists');
    const { stripeBlocks } = group.geometry;
    const stripe = Math.floor((pbn - group.basePbn) / stripeBlocks);
    const image = this.journals[g]?.imageOf(stripe) ?? null;
    if (image === null) return false;
    const at = (pbn - group.basePbn - stripe * stripeBlocks) * BLOCK_BYTES;
    const block = image.subarray(at, at + BLOCK_BYTES);
    if (crcOfBlock(block) !== crc) return false;
    into.set(block);
    this.runtime.covered('pool/read-from-stripe-journal');
    return true;
  }

  async #fromMembers(pbn: number, crc: number, into: Uint8Array): Promise<boolean> {
    const g = this.space.groupOf(pbn);
    const base = this.space.groups[g]?.basePbn ?? 0;
    for await (const candidate of this.group(g).candidates(pbn - base)) {
      if (crcOfBlock(candidate.content) !== crc) continue;
      this.runtime.covered('pool/reconstruct');
      into.set(candidate.content);
      if (!this.repairs) return true;
      try {
        await candidate.repair();
        this.runtime.covered('pool/self-heal');
        this.runtime.log.write('warn', 'block reconstructed and repaired', { pbn });
      } catch (error) {
        // The reader has its data; a repair that fails is the next write's or the scrub's business.
        if (!(error instanceof StorageError) && !(error instanceof GroupFailedError)) throw error;
      }
      this.onRepaired(pbn);
      return true;
    }
    return false;
  }
}

import { assert } from '../runtime/index.ts';
import type { StripeJournal } from './journal.ts';
import type { Space } from './space.ts';
import { levelsFor } from './tree.ts';
import { RADIX } from './page.ts';
import { RECORD_BLOCKS } from './records.ts';

/** All map pages that a tree over `blocks` blocks can have. */
function mapPages(blocks: number): number {
  let pages = 0;
  for (let level = blocks; level > 1; ) {
    level = Math.ceil(level / RADIX);
    pages += level;
  }
  return Math.max(1, pages);
}

/** What does not depend on how much is staged; computed once per set of volumes. */
export interface ReserveModel {
  readonly allPages: number;
  readonly deepest: number;
  readonly fixed: number;
  /** What writers leave for requests that free space: without it a full pool could not be trimmed. */
  readonly freeing: number;
}

const FREEING_BLOCKS = 64;

export function reserveModel(volumeSizes: readonly number[], space: { readonly groups: Space['groups']; readonly dirty: { readonly length: number } }): ReserveModel {
  let allPages = 0;
  let deepest = 1;
  for (const size of volumeSizes) {
    allPages += mapPages(size);
    deepest = Math.max(deepest, levelsFor(size));
  }
  const stripe = Math.max(...space.groups.map((group) => group.geometry.stripeBlocks));
  const padding = stripe * (volumeSizes.length + 1);
  const records = (volumeSizes.length + 1) * RECORD_BLOCKS + mapPages((volumeSizes.length + 1) * RECORD_BLOCKS);
  const headroom = 2 * (records + space.dirty.length + mapPages(space.dirty.length)) + 2 * stripe;
  // A hole costs map pages only, never more than there are, and the blocks it begins and ends in.
  const freeing = Math.min(FREEING_BLOCKS, allPages + 3);
  return { allPages, deepest, fixed: padding + headroom, freeing };
}

/**
 * Blocks that staging and committing `dataBlocks` scattered blocks can take, worst case, with what must always remain:
 * room to write all records, deadlists of a snapshot's deletion and the space map twice (old and new live together).
 */
export function worstCaseBlocks(dataBlocks: number, model: ReserveModel): number {
  const pages = Math.min(dataBlocks * model.deepest, model.allPages);
  // Every superseded block can become a deadlist entry: 1/256 block each, and as much again to rewrite its pages.
  const deadlists = Math.ceil((dataBlocks + pages) / 128);
  return dataBlocks + pages + deadlists + model.fixed;
}

/** What was promised to writers, and whether there is room for more. */
export class Reservations {
  readonly #space: Space;
  readonly #journals: readonly StripeJournal[];
  readonly #volumes: () => ReadonlyMap<string, { readonly sizeBlocks: number }>;
  #dataBlocks = 0;
  #model: ReserveModel;
  /** The set of volumes that the model was made for. */
  #modelOf: ReadonlyMap<string, unknown> | null = null;

  constructor(space: Space, journals: readonly StripeJournal[], volumes: () => ReadonlyMap<string, { readonly sizeBlocks: number }>) {
    this.#space = space;
    this.#journals = journals;
    this.#volumes = volumes;
    this.#model = reserveModel([], space);
  }

  /** Blocks set aside, worst case included. */
  get blocks(): number {
    return this.#dataBlocks === 0 ? 0 : this.#worstCase(this.#dataBlocks);
  }

  /** The room that is kept for finishing a CP, deleting a snapshot and recording a fracture is being used. */
  get headroomUsed(): boolean {
    return this.#space.allocatableBlocks(false) < this.#worstCase(0);
  }

  /** `frees`: the request makes holes; once committed it takes no room, and it may use what writers have to leave. */
  take(dataBlocks: number, frees: boolean): boolean {
    const total = this.#dataBlocks + dataBlocks;
    // Partial stripes count as room only where the journal can write them.
    if (this.#worstCase(frees ? total : total + this.#currentModel().freeing) > this.#space.allocatableBlocks(this.#journals.some((journal) => !journal.usable))) return false;
    this.#dataBlocks = total;
    return true;
  }

  give(dataBlocks: number): void {
    assert(dataBlocks <= this.#dataBlocks, 'only what was reserved is given back');
    this.#dataBlocks -= dataBlocks;
  }

  #worstCase(dataBlocks: number): number {
    return worstCaseBlocks(dataBlocks, this.#currentModel());
  }

  #currentModel(): ReserveModel {
    const volumes = this.#volumes();
    if (this.#modelOf !== volumes) {
      this.#modelOf = volumes;
      this.#model = reserveModel([...volumes.values()].map(({ sizeBlocks }) => sizeBlocks), this.#space);
    }
    return this.#model;
  }
}

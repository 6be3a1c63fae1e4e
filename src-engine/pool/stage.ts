import { assert } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import { crcOfBlock } from './block.ts';
import type { PoolCore } from './core.ts';
import { PointerList } from './page.ts';
import { updateTree } from './tree.ts';
import type { Changes } from './tree.ts';
import type { TreeRoot } from './types.ts';
import { StripeWriter } from './writer.ts';

/** What a stage needs from its pool. The tree lock keeps the cleaner away from the root between `finish` and commit. */
export interface StageHost {
  readonly core: PoolCore;
  lockTree(): Promise<() => void>;
  currentRoot(): TreeRoot;
  sizeBlocks(): number;
  closed(): void;
  failure(): Error | null;
}

type StageState = 'open' | 'finishing' | 'finished' | 'committing' | 'closed';

/** One volume's next consistency point: written to free stripes, visible to nobody until it is committed. */
export class Stage {
  readonly volumeId: string;
  /** The CP's number and the birth of every block in it. */
  readonly birth: number;
  readonly #host: StageHost;
  readonly #writer: StripeWriter;
  readonly #byVbn = new Map<number, number>();
  readonly #freed = new PointerList();
  #vbns = new Float64Array(1024);
  #pbns = new Float64Array(1024);
  #crcs = new Uint32Array(1024);
  #length = 0;
  #ascending = true;
  #state: StageState = 'open';
  #root: TreeRoot | null = null;
  #base: TreeRoot | null = null;
  readonly #tally = { mapped: 0 };
  #unlock: (() => void) | null = null;
  #finishing: Promise<TreeRoot> | null = null;
  /** PBNs of the map pages this stage wrote. */
  readonly #pages: number[] = [];

  constructor(volumeId: string, birth: number, host: StageHost) {
    this.volumeId = volumeId;
    this.birth = birth;
    this.#host = host;
    this.#writer = new StripeWriter(host.core);
  }

  get state(): StageState {
    return this.#state;
  }

  /** Blocks and holes staged so far; a VBN staged twice counts once. */
  get blockCount(): number {
    return this.#byVbn.size;
  }

  /**
   * Stages one block; a later one for the same VBN wins. The data are copied. `crc` (crcOfBlock) saves computing it. A
   * promise, when returned, asks to wait before staging more. Throws PoolFullError.
   */
  write(vbn: number, data: Uint8Array, crc?: number): void | Promise<void> {
    assert(this.#state === 'open', `stage is ${this.#state}`);
    assert(data.length === BLOCK_BYTES, 'a block is 4096 bytes');
    this.#put(vbn, this.#writer.append(data), crc ?? crcOfBlock(data));
    return this.#writer.pressure();
  }

  /** As `write` for successive blocks whose checksums the caller has verified. */
  writeRun(vbn: number, data: Uint8Array, crcs: Uint32Array): void | Promise<void> {
    assert(this.#state === 'open', `stage is ${this.#state}`);
    assert(data.length === crcs.length * BLOCK_BYTES, 'a run is whole blocks');
    for (let done = 0; done < crcs.length; ) {
      const { pbn, blocks } = this.#writer.appendRun(data.subarray(done * BLOCK_BYTES));
      for (let i = 0; i < blocks; i++) this.#put(vbn + done + i, pbn + i, crcs[done + i] as number);
      done += blocks;
    }
    return this.#writer.pressure();
  }

  hole(vbn: number): void {
    assert(this.#state === 'open', `stage is ${this.#state}`);
    this.#put(vbn, 0, 0);
  }

  /** Staged content of a VBN of this stage; zeros for a hole. Verified when it comes from disk. */
  async read(vbn: number): Promise<Uint8Array> {
    const i = this.#byVbn.get(vbn);
    assert(i !== undefined && this.#state !== 'closed', `volume block ${vbn} is staged`);
    const pbn = this.#pbns[i] as number;
    if (pbn === 0) return new Uint8Array(BLOCK_BYTES);
    const inMemory = this.#writer.inMemory(pbn);
    if (inMemory !== null) return inMemory;
    const block = new Uint8Array(BLOCK_BYTES);
    await this.#host.core.readVerified(pbn, [this.#crcs[i] as number], block, () => vbn);
    return block;
  }

  /** CRC of the staged block (0 for a hole), or null when the VBN is not staged. */
  crc(vbn: number): number | null {
    const i = this.#byVbn.get(vbn);
    return i === undefined ? null : (this.#crcs[i] as number);
  }

  /** Writes what is left and the changed map pages, and syncs. Rejects with the error of the first write that failed. */
  finish(): Promise<TreeRoot> {
    this.#finishing ??= this.#finish();
    return this.#finishing;
  }

  /** Forgets everything; the space is free again once running writes ended. */
  async abandon(): Promise<void> {
    if (this.#state === 'closed') return;
    assert(this.#state !== 'committing', 'a stage being committed cannot be abandoned');
    if (this.#finishing !== null) await this.#finishing.catch(() => undefined);
    if ((this.#state as StageState) === 'closed') return;
    this.#state = 'closed';
    await this.#writer.settle();
    this.#end();
  }

  /** For the committer: what to make live, what to free. */
  beginCommit(): { readonly root: TreeRoot; readonly base: TreeRoot; readonly freed: PointerList; readonly mappedMore: number; eachLive(visit: (pbn: number) => void): void } {
    assert(this.#state === 'finished' && this.#root !== null && this.#base !== null, `stage is ${this.#state}`);
    this.#state = 'committing';
    return {
      root: this.#root,
      base: this.#base,
      freed: this.#freed,
      mappedMore: this.#tally.mapped,
      eachLive: (visit) => {
        for (const i of this.#byVbn.values()) if (this.#pbns[i] !== 0) visit(this.#pbns[i] as number);
        for (const pbn of this.#pages) visit(pbn);
      },
    };
  }

  /** The commit did not take place. */
  cancelCommit(): void {
    assert(this.#state === 'committing', `stage is ${this.#state}`);
    this.#state = 'finished';
  }

  endCommit(): void {
    assert(this.#state === 'committing', `stage is ${this.#state}`);
    this.#state = 'closed';
    this.#end();
  }

  async #finish(): Promise<TreeRoot> {
    assert(this.#state === 'open', `stage is ${this.#state}`);
    const failure = this.#host.failure();
    if (failure !== null) throw failure;
    this.#state = 'finishing';
    this.#unlock = await this.#host.lockTree();
    this.#base = this.#host.currentRoot();
    const writer = this.#writer;
    const sink = {
      append: (page: Uint8Array): number => {
        const pbn = writer.append(page);
        this.#pages.push(pbn);
        return pbn;
      },
      pressure: () => writer.pressure(),
    };
    this.#root = await updateTree(this.#host.core, this.#base, this.#changes(), sink, this.#freed, this.#tally);
    await this.#writer.flush();
    await this.#host.core.sync();
    this.#state = 'finished';
    return this.#root;
  }

  #put(vbn: number, pbn: number, crc: number): void {
    assert(vbn >= 0 && vbn < this.#host.sizeBlocks(), `volume block ${vbn} is inside the volume`);
    const known = this.#byVbn.get(vbn);
    if (known !== undefined) {
      // The earlier copy stays in its stripe as padding.
      this.#pbns[known] = pbn;
      this.#crcs[known] = crc;
      return;
    }
    if (this.#length === this.#vbns.length) {
      this.#vbns = resized(this.#vbns);
      this.#pbns = resized(this.#pbns);
      const crcs = new Uint32Array(this.#crcs.length * 2);
      crcs.set(this.#crcs);
      this.#crcs = crcs;
    }
    const i = this.#length++;
    if (i > 0 && vbn < (this.#vbns[i - 1] as number)) this.#ascending = false;
    this.#vbns[i] = vbn;
    this.#pbns[i] = pbn;
    this.#crcs[i] = crc;
    this.#byVbn.set(vbn, i);
  }

  #changes(): Changes {
    const length = this.#length;
    const [vbns, pbns, crcs, birth] = [this.#vbns, this.#pbns, this.#crcs, this.birth];
    let order: Uint32Array | null = null;
    if (!this.#ascending) {
      order = new Uint32Array(length);
      for (let i = 0; i < length; i++) order[i] = i;
      order.sort((a, b) => (vbns[a] as number) - (vbns[b] as number));
    }
    const at = (i: number): number => (order === null ? i : (order[i] as number));
    return {
      length,
      index: (i) => vbns[at(i)] as number,
      pbn: (i) => pbns[at(i)] as number,
      birth: () => birth,
      crc: (i) => crcs[at(i)] as number,
    };
  }

  #end(): void {
    this.#writer.release();
    this.#unlock?.();
    this.#unlock = null;
    this.#host.closed();
  }
}

function resized(array: Float64Array): Float64Array<ArrayBuffer> {
  const next = new Float64Array(array.length * 2);
  next.set(array);
  return next;
}

import { assert, AssertionError, StorageError } from '../runtime/index.ts';
import { GroupFailedError } from '../raid/index.ts';
import { checkPool } from './check.ts';
import { chooseVictims, cleanInto } from './clean.ts';
import { CommitDraft } from './commit.ts';
import { nextLabelNumber } from './label.ts';
import type { Label } from './label.ts';
import { Labels } from './labels.ts';
import { PoolDisks } from './members.ts';
import { blankLabel } from './create.ts';
import { openPool } from './open.ts';
import type { Opened, PoolDeps } from './open.ts';
import { PointerList } from './page.ts';
import { ReadGate } from './readers.ts';
import type { StoredRecord } from './records.ts';
import { validateRequest } from './request.ts';
import type { CommitRequest } from './request.ts';
import { Reservations } from './reserve.ts';
import { SpaceMap } from './spacemap.ts';
import { Stage } from './stage.ts';
import { TreeLocks } from './treelocks.ts';
import { lookup, outlineTree, readPointers, readTree, walkTree, type PointerRun } from './tree.ts';
import { MediaError, PoolFailedError, PoolFullError, PoolRequestError } from './types.ts';
import type { BlockPointer, Capacity, PoolMember, PoolSpec, Problem, TreeRoot, VolumeRecord } from './types.ts';

export type OpenResult = Opened<Pool>;

/** Stripes the pool cleans at a time by itself: small, because commits wait. */
const AUTO_CLEAN_STRIPES = 64;

interface PendingCommit {
  readonly request: CommitRequest;
  readonly resolve: (result: { readonly label: number }) => void;
  readonly reject: (error: unknown) => void;
}

export class Pool {
  readonly id: string;
  readonly name: string;
  readonly #deps: PoolDeps;
  readonly #disks: PoolDisks;
  readonly #space: SpaceMap;
  readonly #labels: Labels;
  readonly #gate = new ReadGate();
  readonly #stages = new Map<string, Stage>();
  readonly #trees = new TreeLocks();
  readonly #commits: PendingCommit[] = [];
  readonly #exclusive: (() => Promise<void>)[] = [];
  #records: ReadonlyMap<string, StoredRecord>;
  #running = false;
  #failure: Error | null = null;
  #closed = false;
  /** Stripes that the cleaner could not empty; forgotten when kept roots go or a stage ends. */
  readonly #pinned = new Set<number>();
  readonly #reservations: Reservations;

  /** Use `create` or `open`. */
  constructor(deps: PoolDeps, disks: PoolDisks, space: SpaceMap, label: Label, records: ReadonlyMap<string, StoredRecord>) {
    this.#deps = deps;
    this.#disks = disks;
    this.#space = space;
    this.#labels = new Labels(disks, deps.handle.epoch, label);
    this.#records = records;
    this.id = label.poolId;
    this.name = label.name;
    this.#reservations = new Reservations(disks.core.space, disks.core.journals, () => this.#records);
    disks.onMemberFailed = () => void this.#recordFailures().catch(() => undefined);
    disks.recordFailures = () => this.#recordFailures();
  }

  /** Writes the first label. The disks must not belong to another pool; every slot must be usable. */
  static async create(deps: PoolDeps, spec: PoolSpec): Promise<Pool> {
    const { handle, runtime } = deps;
    assert(spec.id === handle.poolId, 'the handle is for this pool');
    const blank = blankLabel(handle, spec);
    const disks = new PoolDisks(runtime, handle, blank);
    const pool = new Pool(deps, disks, SpaceMap.create(disks.core), blank, new Map());
    await pool.commit({});
    return pool;
  }

  static open(deps: PoolDeps, options: { readonly poolId: string; readonly minimumLabel?: number }): Promise<OpenResult> {
    return openPool(deps, options, (disks, space, label, records) => new Pool(deps, disks, space, label, records));
  }

  get spec(): PoolSpec {
    return {
      id: this.id,
      name: this.name,
      groups: this.#labels.current.groups.map(({ level, slots, unitBlocks }) => ({ level, slots, unitBlocks })),
    };
  }

  /** Number of the newest label that is durable on all active members. */
  get lastLabel(): number {
    return this.#labels.current.number;
  }

  get epoch(): number {
    return this.#labels.current.epoch;
  }

  get state(): 'healthy' | 'degraded' | 'failed' | 'closed' {
    if (this.#closed) return 'closed';
    return this.#failure !== null ? 'failed' : this.#disks.state;
  }

  /** Why the state is 'failed'. */
  get failure(): Error | null {
    return this.#failure;
  }

  members(): readonly PoolMember[] {
    return this.#disks.members;
  }

  /**
   * From now on a write that finds no room in the file system waits and is repeated until it does, and with it stage,
   * commit and label; the listener gets the reason when that begins and null when it is over. With null (as before the
   * first call) such a write is rejected `no-space`, and a commit in progress ends the pool.
   */
  waitForRoom(listener: ((reason: string | null) => void) | null): void {
    this.#disks.patience.listener = listener;
  }

  /** Called with the PBN of every block that had to be reconstructed. */
  set onRepaired(listener: (pbn: number) => void) {
    this.#disks.core.onRepaired = listener;
  }

  capacity(): Capacity {
    const { space } = this.#disks.core;
    return {
      totalBlocks: space.totalBlocks,
      usedBlocks: space.usedBlocks,
      freeBlocks: space.totalBlocks - space.usedBlocks,
      reservedBlocks: this.#reservations.blocks,
      wholeFreeStripes: space.wholeFreeStripes,
    };
  }

  volumes(): readonly VolumeRecord[] {
    return [...this.#records.values()];
  }

  /** Asserts that the volume exists. */
  volume(id: string): VolumeRecord {
    const record = this.#records.get(id);
    assert(record !== undefined, `volume ${id} exists`);
    return record;
  }

  hasVolume(id: string): boolean {
    return this.#records.has(id);
  }

  /** Reads, verified; holes are zeros. Call in the same turn as the root was taken, or with a kept root. Rejects MediaError. */
  read(root: TreeRoot, vbn: number, blockCount: number, into: Uint8Array): Promise<void> {
    return this.#read(root, vbn, blockCount, into, true);
  }

  /**
   * As `read`, for a caller that compares every block with the checksum of its pointer itself and calls `read` when one
   * differs. Rejects with whatever a member or its group says.
   */
  readUnverified(root: TreeRoot, vbn: number, blockCount: number, into: Uint8Array): Promise<void> {
    return this.#read(root, vbn, blockCount, into, false);
  }

  async #read(root: TreeRoot, vbn: number, blockCount: number, into: Uint8Array, verify: boolean): Promise<void> {
    const token = this.#gate.enter();
    try {
      await readTree(this.#disks.core, root, vbn, blockCount, into, verify);
    } finally {
      this.#gate.leave(token);
    }
  }

  /** Pointers of `count` blocks from `vbn` on, without an object per block. As `read`: with the root of this turn, or a kept one. */
  async pointers(root: TreeRoot, vbn: number, count: number): Promise<PointerRun> {
    const token = this.#gate.enter();
    try {
      return await readPointers(this.#disks.core, root, vbn, count);
    } finally {
      this.#gate.leave(token);
    }
  }

  /** The pointer of a written block or of a hole that was made (pbn 0, its birth); null when never written. */
  async lookup(root: TreeRoot, vbn: number): Promise<BlockPointer | null> {
    const token = this.#gate.enter();
    try {
      const pointer = await lookup(this.#disks.core, root, vbn);
      return pointer.pbn === 0 && pointer.birth === 0 ? null : pointer;
    } finally {
      this.#gate.leave(token);
    }
  }

  /**
   * Pointers in [fromVbn, toVbn), ascending. Without `bornAfter`: written blocks only. With it: everything that changed
   * after that CP of this pool, holes included (pbn 0; a collapsed run of holes carries the newest birth among them, so
   * some may have changed earlier: a superset). Nothing freed is reused until the iteration ended: end it.
   */
  async *walk(
    root: TreeRoot,
    range: { readonly fromVbn: number; readonly toVbn: number; readonly bornAfter?: number },
  ): AsyncGenerator<{ readonly vbn: number; readonly pointer: BlockPointer }> {
    const token = this.#gate.enter();
    try {
      for await (const { index, count, pointer } of walkTree(this.#disks.core, root, range.fromVbn, range.toVbn, range.bornAfter ?? 0)) {
        if (range.bornAfter === undefined && pointer.pbn === 0) continue;
        for (let i = 0; i < count; i++) yield { vbn: index + i, pointer };
      }
    } finally {
      this.#gate.leave(token);
    }
  }

  /** What is mapped, coarsely where the tree is large; true where block by block. With the root of this turn, or a kept one. */
  async outline(root: TreeRoot, sizeBlocks: number, visit: (vbn: number, count: number, birth: number) => void): Promise<boolean> {
    const token = this.#gate.enter();
    try {
      return await outlineTree(this.#disks.core, root, sizeBlocks, visit);
    } finally {
      this.#gate.leave(token);
    }
  }

  /** Opens the volume's next consistency point. At most one is open per volume. */
  stage(volumeId: string): Stage {
    this.volume(volumeId);
    // A failed commit leaves its stages behind, and nothing further can be staged.
    if (this.#failure !== null) throw this.#failure;
    assert(!this.#stages.has(volumeId), `volume ${volumeId} has no other open stage`);
    const stage = new Stage(volumeId, this.lastLabel + 1, {
      core: this.#disks.core,
      lockTree: () => this.#trees.lock(volumeId),
      currentRoot: () => this.volume(volumeId).root,
      sizeBlocks: () => this.volume(volumeId).sizeBlocks,
      closed: () => {
        this.#stages.delete(volumeId);
      },
      failure: () => this.#failure,
    });
    this.#stages.set(volumeId, stage);
    return stage;
  }

  /**
   * Makes the request durable. Requests that arrive while a label is written share the next one. Rejects
   * PoolRequestError, MediaError or PoolFullError (nothing changed) or PoolFailedError (outcome known only after reopening).
   */
  commit(request: CommitRequest): Promise<{ readonly label: number }> {
    return new Promise((resolve, reject) => {
      this.#commits.push({ request, resolve, reject });
      this.#wake();
    });
  }

  /**
   * Promises room for `dataBlocks` more blocks in coming stages, worst case (map pages, records, padding) and the
   * headroom that finishes a CP, deletes a snapshot and records a fracture. Give it back with `unreserve` after the commit.
   * `frees`: the request makes holes (trim, zero); a part of the room is kept for those.
   */
  reserve(dataBlocks: number, frees = false): boolean {
    return this.#failure === null && this.#reservations.take(dataBlocks, frees);
  }

  unreserve(dataBlocks: number): void {
    this.#reservations.give(dataBlocks);
  }

  /** Proves the pool at its current label: trees, checksums, parity, free map, deadlists. Commits wait meanwhile. */
  check(options: { readonly repair?: boolean } = {}): Promise<readonly Problem[]> {
    const { core } = this.#disks;
    return this.#exclusively(async () => {
      core.repairs = false;
      try {
        return await checkPool(core, this.#labels.current, this.#records, this.#space, options.repair ?? false);
      } finally {
        core.repairs = true;
      }
    });
  }

  /**
   * Empties up to `maxStripes` stripes with few live blocks, in a label of its own. Volumes whose stage is finished but
   * not committed are passed over. The pool also does it by itself after commits when whole free stripes get scarce.
   */
  clean(options: { readonly maxStripes: number }): Promise<{ readonly movedBlocks: number; readonly freedStripes: number }> {
    return this.#exclusively(() => this.#clean(options.maxStripes));
  }

  /** Waits for commits and stages in progress to end or abandons them; nothing is written afterwards. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.waitForRoom(null);
    await this.#exclusively(async () => undefined).catch(() => undefined);
    this.#closed = true;
    this.#failure ??= new PoolFailedError('the pool is closed', undefined);
    for (const stage of [...this.#stages.values()]) if (stage.state !== 'committing') await stage.abandon();
  }

  /** Writes a label with the same roots: member or epoch changes. For `open`. */
  async relabel(missingActive: boolean): Promise<void> {
    await this.#labels.relabel(missingActive);
  }

  /** Resolves when a durable label calls every member failed that has failed: it is not trusted any more after a crash. */
  async #recordFailures(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    try {
      await this.#labels.recordFailures();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #clean(maxStripes: number): Promise<{ readonly movedBlocks: number; readonly freedStripes: number }> {
    const { core } = this.#disks;
    const nothing = { movedBlocks: 0, freedStripes: 0 };
    if (this.#failure !== null) throw this.#failure;
    const victims = chooseVictims(core.space, maxStripes, this.#pinned);
    if (victims === null) return nothing;
    const unlock: (() => void)[] = [];
    const passedOver = new Set<string>();
    for (const id of this.#records.keys()) {
      const release = this.#trees.tryLock(id);
      if (release === null) passedOver.add(id);
      else unlock.push(release);
    }
    const draft = new CommitDraft(core, nextLabelNumber(this.#labels.current.number, false), this.#records);
    try {
      const movedBlocks = await cleanInto(core, draft, victims, this.#labels.current.table, this.#space, (id) => !passedOver.has(id)).catch((error: unknown) => {
        // A lost block cannot be moved; its stripe stays as it is.
        if (!(error instanceof MediaError) && !(error instanceof PoolFullError)) throw error;
        return null;
      });
      if (movedBlocks === null) {
        await draft.discard();
        for (const stripe of victims.stripes) this.#pinned.add(stripe);
        return nothing;
      }
      if (movedBlocks === 0) draft.finish();
      else await this.#seal(draft);
      // What did not get empty is held by kept roots (or a stage): leave it alone until that may have changed.
      let freedStripes = 0;
      for (const stripe of victims.stripes) {
        if (core.space.liveOf(stripe) === 0) freedStripes++;
        else if (!core.space.isHeld(stripe)) this.#pinned.add(stripe);
      }
      return { movedBlocks, freedStripes };
    } catch (error) {
      throw this.#fail(error);
    } finally {
      for (const release of unlock) release();
    }
  }

  /** Keeps an eighth of the stripes whole and free, as far as cleaning can. */
  async #cleanIfScarce(): Promise<void> {
    const { space } = this.#disks.core;
    const wanted = Math.max(8, Math.ceil(space.stripeCount / 8));
    for (let round = 0; round < 4 && this.#failure === null && space.wholeFreeStripes < wanted; round++) {
      const { freedStripes } = await this.#clean(AUTO_CLEAN_STRIPES).catch(() => ({ freedStripes: 0 }));
      if (freedStripes === 0) return;
    }
  }

  #exclusively<T>(job: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#exclusive.push(() => job().then(resolve, reject));
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#commits.length > 0 || this.#exclusive.length > 0) {
      const job = this.#exclusive.shift();
      if (job !== undefined) await job();
      else {
        await this.#commitBatch(this.#commits.splice(0));
        await this.#cleanIfScarce();
      }
    }
    this.#running = false;
  }

  /** One label for all requests at hand. */
  async #commitBatch(batch: readonly PendingCommit[]): Promise<void> {
    if (this.#reservations.headroomUsed) this.#deps.runtime.covered('pool/reserve-used');
    let left = batch;
    try {
      while (left.length > 0) {
        if (this.#failure !== null) throw this.#failure;
        const draft = new CommitDraft(this.#disks.core, nextLabelNumber(this.#labels.current.number, false), this.#records);
        const refused = await this.#applyAll(draft, left);
        if (refused === null) {
          if (left.length > 1) this.#deps.runtime.covered('pool/label-shared');
          const label = await this.#seal(draft);
          this.#pinned.clear();
          for (const { resolve } of left) resolve({ label });
          return;
        }
        await draft.discard();
        left = left.filter((pending) => pending !== refused.pending);
        refused.pending.reject(refused.error);
      }
    } catch (error) {
      const failure = this.#fail(error);
      for (const { reject } of left) reject(failure);
    }
  }

  /** The first request that cannot be done as things are (a bad request, lost blocks, no room); the others are tried again. */
  async #applyAll(draft: CommitDraft, batch: readonly PendingCommit[]): Promise<{ readonly pending: PendingCommit; readonly error: unknown } | null> {
    for (const pending of batch) {
      try {
        validateRequest(pending.request, draft.records, (id) => this.#stages.get(id) ?? null);
        await draft.apply(pending.request);
      } catch (error) {
        if (error instanceof MediaError) this.#deps.runtime.covered('pool/commit-without-lost-blocks');
        else if (error instanceof AssertionError || error instanceof GroupFailedError || error instanceof StorageError) throw error;
        return { pending, error };
      }
    }
    return null;
  }

  /** Writes the draft's records and its label; then its frees may settle. */
  async #seal(draft: CommitDraft): Promise<number> {
    const { core } = this.#disks;
    const { table, space } = await draft.write(this.#labels.current.table, this.#space);
    if (!this.#deps.runtime.planted('skip-data-sync-before-label')) await core.sync();
    const number = await this.#labels.write(table, space);
    this.#records = draft.records;
    this.#gate.retire(draft.freed, (freed: PointerList) => core.space.settle(freed));
    draft.finish();
    return number;
  }

  #fail(error: unknown): Error {
    if (this.#failure !== null) return this.#failure;
    const message = error instanceof Error ? error.message : String(error);
    this.#failure = error instanceof PoolRequestError ? new PoolFailedError(message, error) : error instanceof PoolFailedError ? error : new PoolFailedError(message, error);
    this.#deps.runtime.log.write('error', 'pool failed', { pool: this.id, reason: message });
    return this.#failure;
  }
}

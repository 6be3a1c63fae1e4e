import { assert, StorageError } from '../runtime/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import type { Disk } from '../disk/index.ts';
import { geometryOf, locate } from './geometry.ts';
import type { Geometry, RaidLevel } from './geometry.ts';
import { computeP, computeQ, solveStripe, words } from './parity.ts';

export type MemberState = 'active' | 'failed';
export type GroupState = 'healthy' | 'degraded' | 'failed';

/** More members are lost than the level allows. Data on the remaining disks are intact. */
export class GroupFailedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GroupFailedError';
  }
}

export interface Member {
  readonly disk: Disk;
  state: MemberState;
}

/** Errors that say nothing about the disk: they go to the caller and fail no member. */
function isCallersProblem(error: unknown): boolean {
  return !(error instanceof StorageError) || error.code === 'fenced' || error.code === 'no-space';
}

const KEPT_PARITY_BUFFERS = 8;

export class RaidGroup {
  readonly geometry: Geometry;
  readonly stripes: number;
  readonly #members: Member[];
  readonly #baseDbn: number;
  readonly #parityBuffers: Uint8Array[] = [];
  readonly #onMemberFailed: (index: number, error: Error) => void;

  /** `baseDbn`: first disk block of stripe 0 on every member; what lies before belongs to the caller. */
  constructor(
    spec: {
      readonly level: RaidLevel;
      readonly unitBlocks: number;
      readonly baseDbn: number;
      readonly stripes: number;
      readonly members: readonly { readonly disk: Disk; readonly state: MemberState }[];
      readonly onMemberFailed: (index: number, error: Error) => void;
    },
    sharedMembers: Member[] | null = null,
  ) {
    this.geometry = geometryOf({ level: spec.level, members: spec.members.length, unitBlocks: spec.unitBlocks });
    this.stripes = spec.stripes;
    this.#baseDbn = spec.baseDbn;
    this.#members = sharedMembers ?? spec.members.map(({ disk, state }) => ({ disk, state }));
    this.#onMemberFailed = spec.onMemberFailed;
  }

  /** The same members (a failure counts for both) over another range of their blocks. */
  sibling(baseDbn: number, stripes: number): RaidGroup {
    const { level, unitBlocks } = this.geometry;
    return new RaidGroup({ level, unitBlocks, baseDbn, stripes, members: this.#members, onMemberFailed: this.#onMemberFailed }, this.#members);
  }

  /** One I/O on every active member, in parallel; failures are treated as in `writeStripes`. */
  async onEachMember(io: (disk: Disk) => Promise<void>): Promise<void> {
    await this.#onMembers(this.#members.map(() => io));
  }

  memberState(index: number): MemberState {
    return this.#member(index).state;
  }

  get state(): GroupState {
    const lost = this.#members.filter((member) => member.state === 'failed').length;
    if (lost === 0) return 'healthy';
    return this.#survives() ? 'degraded' : 'failed';
  }

  /** Idempotent. `onMemberFailed` runs the first time only. */
  failMember(index: number, error: Error): void {
    const member = this.#member(index);
    if (member.state === 'failed') return;
    member.state = 'failed';
    this.#onMemberFailed(index, error);
  }

  /**
   * Writes `count` successive whole stripes; `data` holds their blocks in GBN order and must not change until it settles.
   * A member that fails is failed and the write goes on; rejects GroupFailedError beyond redundancy.
   */
  async writeStripes(firstStripe: number, count: number, data: Uint8Array): Promise<void> {
    const { dataUnits, unitBlocks, members, level } = this.geometry;
    const unitBytes = unitBlocks * BLOCK_BYTES;
    assert(data.length === count * dataUnits * unitBytes, 'whole stripes');
    assert(firstStripe >= 0 && firstStripe + count <= this.stripes, 'stripes exist');
    this.#assertAlive();
    const perMember: Uint8Array[][] = Array.from({ length: members }, () => []);
    const parities = level === 'raid5' ? 1 : level === 'raid6' ? 2 : 0;
    const parity = this.#takeParity(parities * count * unitBytes);
    for (let s = 0; s < count; s++) {
      const stripe = firstStripe + s;
      const units: Uint8Array[] = [];
      for (let u = 0; u < dataUnits; u++) {
        const at = (s * dataUnits + u) * unitBytes;
        const unit = data.subarray(at, at + unitBytes);
        units.push(unit);
        for (const copy of this.geometry.copies(stripe, u)) perMember[copy]?.push(unit);
      }
      if (parities === 0) continue;
      const unitWords = units.map(words);
      this.geometry.parityMembers(stripe).forEach((member, which) => {
        const at = (s * parities + which) * unitBytes;
        const unit = parity.subarray(at, at + unitBytes);
        if (which === 0) computeP(words(unit), unitWords);
        else computeQ(words(unit), unitWords);
        perMember[member]?.push(unit);
      });
    }
    const dbn = this.#baseDbn + firstStripe * unitBlocks;
    try {
      await this.#onMembers(perMember.map((buffers) => (disk) => disk.write(dbn, buffers)));
    } finally {
      // All members have settled.
      if (this.#parityBuffers.length < KEPT_PARITY_BUFFERS) this.#parityBuffers.push(parity);
    }
  }

  /** A buffer whose contents are arbitrary: most segments are equally long. */
  #takeParity(bytes: number): Uint8Array {
    const at = this.#parityBuffers.findLastIndex((buffer) => buffer.length === bytes);
    if (at < 0) this.#parityBuffers.shift();
    return this.#parityBuffers.splice(at, at < 0 ? 0 : 1)[0] ?? new Uint8Array(bytes);
  }

  /** Syncs every active member; one that fails is failed. */
  async sync(): Promise<void> {
    await this.#onMembers(
      this.#members.map(() => async (disk) => {
        try {
          await disk.sync();
        } catch (error) {
          // Also without room: what the failed sync should have made durable may be gone, and a second one would not tell.
          if (error instanceof StorageError && error.code === 'no-space') throw new StorageError('io', error.path, error.message);
          throw error;
        }
      }),
    );
  }

  /** Reads `into.length / 4096` blocks from `gbn`, reconstructing what a member cannot give. */
  async read(gbn: number, into: Uint8Array): Promise<void> {
    const blocks = into.length / BLOCK_BYTES;
    const parts: Promise<void>[] = [];
    let done = 0;
    while (done < blocks) {
      const { stripe, unit, offset } = locate(this.geometry, gbn + done);
      const run = Math.min(this.geometry.unitBlocks - offset, blocks - done);
      parts.push(this.#readUnit(stripe, unit, offset, into.subarray(done * BLOCK_BYTES, (done + run) * BLOCK_BYTES)));
      done += run;
    }
    if (parts.length === 1) await parts[0];
    else await Promise.all(parts);
  }

  /**
   * Other opinions on one block, for a caller whose checksum disagrees: every copy of a mirror, or the block solved with
   * its member left out, then also without P, without Q and without each other member as far as the level allows.
   * `repair` writes the block given (which the caller verified) over the place that was left out.
   */
  async *candidates(gbn: number): AsyncIterable<{ readonly content: Uint8Array; repair(): Promise<void> }> {
    const { stripe, unit, offset } = locate(this.geometry, gbn);
    const home = this.geometry.copies(stripe, unit);
    const dbn = this.#dbn(stripe, offset);
    const repairAll = (content: Uint8Array) => async (): Promise<void> => {
      await this.#onMembers(this.#members.map((_, i) => (home.includes(i) ? (disk: Disk) => disk.write(dbn, [content]) : null)));
    };
    for (const copy of home) {
      const content = new Uint8Array(BLOCK_BYTES);
      if (await this.#tryMember(copy, dbn, content)) yield { content, repair: repairAll(content) };
    }
    const parity = this.geometry.parityMembers(stripe);
    const [target] = home;
    if (parity.length === 0 || target === undefined) return;
    const exclusions: number[][] = [[target]];
    if (parity.length === 2) {
      const rest = this.#members.map((_, i) => i).filter((i) => i !== target && !parity.includes(i));
      for (const other of [...parity, ...rest]) exclusions.push([target, other]);
    }
    for (const excluded of exclusions) {
      const content = await this.#solve(stripe, unit, offset, 1, new Set(excluded));
      if (content !== null) yield { content, repair: repairAll(content) };
    }
  }

  /** Where the first copy of a block lies: slot of its disk, and disk block number. */
  placeOf(gbn: number): { readonly slot: number; readonly dbn: number } {
    const { stripe, unit, offset } = locate(this.geometry, gbn);
    return { slot: this.#member(this.geometry.dataMember(stripe, unit)).disk.slot, dbn: this.#dbn(stripe, offset) };
  }

  /** Computes parity and copies of a stripe anew from its data, which the caller has verified, and syncs. */
  async rewriteStripe(stripe: number): Promise<void> {
    await this.writeStripes(stripe, 1, await this.composeStripe(stripe, []));
    await this.sync();
  }

  /**
   * Writes blocks inside a stripe that may hold live blocks: reads the whole stripe (reconstructing), puts the blocks in
   * and computes the new image. Pure with respect to the disks: the caller journals the result before it writes it.
   */
  async composeStripe(stripe: number, blocks: readonly { readonly index: number; readonly data: Uint8Array }[]): Promise<Uint8Array> {
    const data = new Uint8Array(this.geometry.stripeBlocks * BLOCK_BYTES);
    await this.read(stripe * this.geometry.stripeBlocks, data);
    for (const { index, data: block } of blocks) data.set(block, index * BLOCK_BYTES);
    return data;
  }

  /** True when parity or copies agree over the whole stripe, or when too few members answer to compare anything. */
  async verifyStripe(stripe: number): Promise<boolean> {
    const { dataUnits, unitBlocks } = this.geometry;
    const bytes = unitBlocks * BLOCK_BYTES;
    const dbn = this.#dbn(stripe, 0);
    const perMember: (Uint8Array | null)[] = await Promise.all(
      this.#members.map(async (_, i): Promise<Uint8Array | null> => {
        const content = new Uint8Array(bytes);
        return (await this.#tryMember(i, dbn, content)) ? content : null;
      }),
    );
    const data: (Int32Array | null)[] = [];
    for (let u = 0; u < dataUnits; u++) {
      const copies = this.geometry.copies(stripe, u).map((i) => perMember[i] ?? null);
      const present = copies.filter((copy): copy is Uint8Array => copy !== null);
      const [first] = present;
      if (first !== undefined && present.some((copy) => Buffer.compare(copy, first) !== 0)) return false;
      data.push(first === undefined ? null : words(first));
    }
    let full = data.filter((unit): unit is Int32Array => unit !== null);
    if (full.length < dataUnits) {
      // With one unit missing P gives it, and Q still tells whether the rest agree.
      const [p, q] = this.geometry.parityMembers(stripe).map((member) => perMember[member] ?? null);
      if (full.length < dataUnits - 1 || p === undefined || p === null || q === undefined || q === null) return true;
      const solved = solveStripe(data, words(p), null, bytes >>> 2);
      assert(solved !== null, 'one unknown and P');
      full = solved;
    }
    return this.geometry.parityMembers(stripe).every((member, which) => {
      const stored = perMember[member];
      if (stored === undefined || stored === null) return true;
      const computed = new Uint8Array(bytes);
      if (which === 0) computeP(words(computed), full);
      else computeQ(words(computed), full);
      return Buffer.compare(computed, stored) === 0;
    });
  }

  async #readUnit(stripe: number, unit: number, offset: number, into: Uint8Array): Promise<void> {
    const dbn = this.#dbn(stripe, offset);
    const copies = this.geometry.copies(stripe, unit);
    // Mirrors take turns by stripe, so that sequential reads keep all sides busy.
    for (let turn = 0; turn < copies.length; turn++) {
      const copy = copies[(turn + stripe) % copies.length];
      if (copy !== undefined && (await this.#tryMember(copy, dbn, into))) return;
    }
    const [home] = copies;
    const excluded = new Set(home === undefined ? [] : [home]);
    const content = await this.#solve(stripe, unit, offset, into.length / BLOCK_BYTES, excluded);
    if (content === null) {
      throw new GroupFailedError(`stripe ${stripe} unit ${unit}: not enough members can be read`);
    }
    into.set(content);
  }

  /** The blocks of one unit from all members but the excluded ones, or null when those that answer do not suffice. */
  async #solve(stripe: number, unit: number, offset: number, blocks: number, excluded: ReadonlySet<number>): Promise<Uint8Array | null> {
    const parity = this.geometry.parityMembers(stripe);
    if (parity.length === 0) return null;
    const dbn = this.#dbn(stripe, offset);
    const contents = await Promise.all(
      this.#members.map(async (_, i) => {
        if (excluded.has(i)) return null;
        const content = new Uint8Array(blocks * BLOCK_BYTES);
        return (await this.#tryMember(i, dbn, content)) ? words(content) : null;
      }),
    );
    const data = Array.from({ length: this.geometry.dataUnits }, (_, u) => contents[this.geometry.dataMember(stripe, u)] ?? null);
    const [p, q] = parity;
    const solved = solveStripe(data, p === undefined ? null : (contents[p] ?? null), q === undefined ? null : (contents[q] ?? null), (blocks * BLOCK_BYTES) >>> 2);
    const wanted = solved?.[unit];
    return wanted === undefined ? null : new Uint8Array(wanted.buffer, wanted.byteOffset, wanted.byteLength);
  }

  /** False when the member is failed or the read fails; a failed read alone does not fail the member (it may be one sector). */
  async #tryMember(index: number, dbn: number, into: Uint8Array): Promise<boolean> {
    const member = this.#member(index);
    if (member.state === 'failed') return false;
    try {
      await member.disk.read(dbn, into);
      return true;
    } catch (error) {
      if (isCallersProblem(error)) throw error;
      return false;
    }
  }

  /** Runs one I/O per active member in parallel; failures fail members; then the group must still be alive. */
  async #onMembers(actions: readonly (((disk: Disk) => Promise<void>) | null)[]): Promise<void> {
    this.#assertAlive();
    // A rejection that is the caller's problem waits for the other members: buffers are in use until all settled.
    const others = await Promise.all(
      actions.map(async (action, i) => {
        const member = this.#member(i);
        if (action === null || member.state === 'failed') return null;
        try {
          await action(member.disk);
          return null;
        } catch (error) {
          if (isCallersProblem(error)) return error as Error;
          this.failMember(i, error as Error);
          return null;
        }
      }),
    );
    for (const error of others) if (error !== null) throw error;
    this.#assertAlive();
  }

  #assertAlive(): void {
    if (!this.#survives()) throw new GroupFailedError('more members failed than the level allows');
  }

  #survives(): boolean {
    const failed = this.#members.map((member) => member.state === 'failed');
    const lost = failed.filter(Boolean).length;
    switch (this.geometry.level) {
      case 'raid0':
        return lost === 0;
      case 'raid1':
        return lost < failed.length;
      case 'raid10':
        return failed.every((isFailed, i) => !isFailed || failed[i ^ 1] === false);
      case 'raid5':
        return lost <= 1;
      case 'raid6':
        return lost <= 2;
    }
  }

  #dbn(stripe: number, offset: number): number {
    return this.#baseDbn + stripe * this.geometry.unitBlocks + offset;
  }

  #member(index: number): Member {
    const member = this.#members[index];
    assert(member !== undefined, `member ${index} exists`);
    return member;
  }
}

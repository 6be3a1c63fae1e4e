import { assert, StorageError } from '../runtime/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Disk, ShelfHandle } from '../disk/index.ts';
import { geometryOf, RaidGroup } from '../raid/index.ts';
import { PoolCore } from './core.ts';
import { StripeJournal } from './journal.ts';
import { encodeLabel, labelSlotOf } from './label.ts';
import type { Label } from './label.ts';
import { Patience, patientDisk } from './patience.ts';
import { Space } from './space.ts';
import type { SpaceGroup } from './space.ts';
import type { PoolMember } from './types.ts';

/** The disks of an open pool: their states, the groups made of them, and label writing. */
export class PoolDisks {
  readonly core: PoolCore;
  /** Of writes that find no room in the file system. */
  readonly patience: Patience;
  readonly #disks = new Map<number, Disk>();
  readonly #groups: readonly RaidGroup[];
  #members: PoolMember[];
  /** For the pool: a label must say it. */
  onMemberFailed: () => void = () => undefined;
  /** For the pool: resolves when a durable label says what failed so far. */
  recordFailures: () => Promise<void> = async () => undefined;
  #serial = 0;
  #lastLabel: number;

  constructor(runtime: Runtime, handle: ShelfHandle, label: Pick<Label, 'poolId' | 'groups' | 'journalBlocks' | 'journalFrom' | 'members' | 'number'>) {
    this.patience = new Patience(runtime.clock);
    for (const { slot } of label.members) this.#disks.set(slot, patientDisk(handle.disk(slot), this.patience));
    this.#members = [...label.members];
    this.#lastLabel = label.number;
    const spaceGroups: SpaceGroup[] = [];
    let basePbn = 32;
    let baseStripe = 0;
    this.#groups = label.groups.map((layout, g) => {
      const geometry = geometryOf({ level: layout.level, members: layout.slots.length, unitBlocks: layout.unitBlocks });
      spaceGroups.push({ geometry, stripes: layout.stripes, basePbn, baseStripe });
      basePbn = Math.ceil((basePbn + layout.stripes * geometry.stripeBlocks) / 32) * 32;
      baseStripe += layout.stripes;
      return new RaidGroup({
        level: layout.level,
        unitBlocks: layout.unitBlocks,
        baseDbn: label.journalBlocks,
        stripes: layout.stripes,
        members: layout.slots.map((slot) => ({ disk: this.#disk(slot), state: this.member(slot).state })),
        onMemberFailed: (index, error) => {
          const slot = layout.slots[index];
          assert(slot !== undefined && layout === label.groups[g], 'slot of the member');
          runtime.log.write('error', 'pool member failed', { slot, reason: error.message });
          this.#setFailed(slot);
        },
      });
    });
    const space = new Space(spaceGroups, () => runtime.planted('reuse-staged-block'));
    const journals = this.#groups.map((group, g) => {
      const disks = label.groups[g]?.slots.map((slot) => this.#disk(slot)) ?? [];
      return new StripeJournal({
        poolId: label.poolId,
        group,
        disks,
        journalBlocks: label.journalBlocks,
        from: label.journalFrom[g] ?? 1,
        recordFailures: () => this.recordFailures(),
        covered: (mark) => {
          runtime.covered(mark);
        },
      });
    });
    this.core = new PoolCore(runtime, space, this.#groups, journals);
  }

  get members(): readonly PoolMember[] {
    return this.#members;
  }

  member(slot: number): PoolMember {
    const member = this.#members.find((candidate) => candidate.slot === slot);
    assert(member !== undefined, `slot ${slot} is a member`);
    return member;
  }

  /** Grows whenever a member changes state; a label is complete when it was built at the current serial. */
  get serial(): number {
    return this.#serial;
  }

  get state(): 'healthy' | 'degraded' | 'failed' {
    const states = this.#groups.map((group) => group.state);
    return states.includes('failed') ? 'failed' : states.includes('degraded') ? 'degraded' : 'healthy';
  }

  isFailed(): boolean {
    return this.state === 'failed';
  }

  failSlot(slot: number, error: Error): void {
    for (const group of this.#groups) {
      const index = this.#slotsOf(group).indexOf(slot);
      if (index >= 0) group.failMember(index, error);
    }
  }

  /** The members as a label of this number has to list them. */
  membersFor(number: number): readonly PoolMember[] {
    return this.#members.map((member) => (member.state === 'active' ? { ...member, completeLabel: number } : member));
  }

  /** Writes the label to every member it calls active, and syncs; a disk that fails is failed (`serial` tells). */
  async writeLabel(label: Label, only?: ReadonlySet<number>): Promise<void> {
    const jobs: Promise<void>[] = [];
    for (const member of label.members) {
      if (member.state !== 'active' || (only !== undefined && !only.has(member.slot))) continue;
      jobs.push(this.#writeOne(label, member.slot));
    }
    const results = await Promise.allSettled(jobs);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    this.#lastLabel = label.number;
  }

  async #writeOne(label: Label, slot: number): Promise<void> {
    const disk = this.#disk(slot);
    try {
      await disk.writeLabel(labelSlotOf(label.number), encodeLabel(label, slot));
      await disk.sync();
    } catch (error) {
      if (!(error instanceof StorageError) || error.code === 'fenced' || error.code === 'no-space') throw error;
      this.core.runtime.covered('pool/member-failed-during-label');
      this.failSlot(slot, error);
    }
  }

  #setFailed(slot: number): void {
    this.#serial++;
    this.#members = this.#members.map((member) => (member.slot === slot ? { ...member, state: 'failed', completeLabel: this.#lastLabel } : member));
    this.onMemberFailed();
  }

  #disk(slot: number): Disk {
    const disk = this.#disks.get(slot);
    assert(disk !== undefined, `slot ${slot} is a member`);
    return disk;
  }

  #slotsOf(group: RaidGroup): readonly number[] {
    const g = this.#groups.indexOf(group);
    return this.#members.filter((member) => member.group === g).map((member) => member.slot);
  }
}

/** Pools: which slots of an array, bound by which level, owned by whom. */
import { geometryOf, minimumMembers } from '../raid/index.ts';
import type { Clock } from '../runtime/index.ts';
import { refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { ServerUnit } from './server-unit.ts';
import { RefusedStart } from './server/index.ts';
import type { ArrayRecord, PoolRecord, ServerRecord, Topology } from './topology.ts';

const UNIT_BLOCKS = 16;

export interface PoolsEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly changes: Serial;
}

export class Pools {
  readonly #environment: PoolsEnvironment;

  constructor(environment: PoolsEnvironment) {
    this.#environment = environment;
  }

  create(
    name: string,
    array: ArrayRecord,
    level: PoolRecord['level'],
    slots: readonly number[] | undefined,
    owner: ServerRecord,
  ): Promise<PoolRecord> {
    return this.#environment.changes.run(() => this.#create(name, array, level, slots, owner));
  }

  async #create(
    name: string,
    array: ArrayRecord,
    level: PoolRecord['level'],
    slots: readonly number[] | undefined,
    owner: ServerRecord,
  ): Promise<PoolRecord> {
    const { topology, clock, unitOf } = this.#environment;
    topology.pools.checkName(name);
    if (owner.clusterId !== array.clusterId)
      refuse(
        'pool/foreign-owner',
        `${owner.name} does not reach ${array.name}.`,
        'Name a server of the same cluster.',
        { field: 'owner' },
      );
    const used = new Set(
      topology.pools
        .list()
        .filter((pool) => pool.arrayId === array.id)
        .flatMap((pool) => pool.slots),
    );
    const chosen = slots ?? Array.from({ length: array.disks }, (_, slot) => slot).filter((slot) => !used.has(slot));
    const bad = chosen.find((slot, index) => slot >= array.disks || used.has(slot) || chosen.indexOf(slot) !== index);
    if (bad !== undefined)
      refuse(
        'pool/slot-unusable',
        `Slot ${bad} of ${array.name} is not there, named twice, or belongs to a pool.`,
        'Name unused slots.',
        { field: 'slots' },
      );
    if (chosen.length < minimumMembers(level) || (level === 'raid10' && chosen.length % 2 !== 0)) {
      refuse(
        'pool/too-few-disks',
        `${level} needs at least ${minimumMembers(level)} disks${level === 'raid10' ? ', an even number' : ''}; ${chosen.length} are named.`,
        'Name more slots, or another level.',
        { field: 'slots' },
      );
    }
    geometryOf({ level, members: chosen.length, unitBlocks: UNIT_BLOCKS });
    const record: PoolRecord = {
      id: topology.newId(),
      name,
      createdAtMs: clock.wallMs(),
      arrayId: array.id,
      level,
      slots: [...chosen],
      ownerId: owner.id,
    };
    const group = { level, slots: record.slots, unitBlocks: UNIT_BLOCKS };
    await unitOf(owner.id)
      .ask((face) => face.createPool({ id: record.id, name, arrayId: array.id, groups: [group] }))
      .catch((error: unknown) => {
        if (!(error instanceof RefusedStart) || error.code !== 'pool/slot-unusable') throw error;
        refuse('pool/slot-unusable', `${array.name}: ${error.message}.`, 'Name unused slots.', { field: 'slots' });
      });
    return topology.pools.put(record);
  }
}

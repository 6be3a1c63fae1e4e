/** Pools: which slots of an array, bound by which level, owned by whom. */
import type { Clock } from '../runtime/index.ts';
import { chosenSlots, UNIT_BLOCKS } from './pool-plan.ts';
import { refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { ServerUnit } from './server-unit.ts';
import { RefusedStart } from './server/index.ts';
import type { ArrayRecord, PoolRecord, ServerRecord, Topology } from './topology.ts';

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
    const chosen = chosenSlots(topology, array, level, slots, owner);
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

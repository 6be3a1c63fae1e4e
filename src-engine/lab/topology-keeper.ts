/** Keeps a copy of the topology on every array: what a lost catalog is made anew from (scenario 71). */
import type { Arrays } from './arrays.ts';
import type { Catalog } from './catalog/index.ts';
import type { EventStream } from './event-stream.ts';
import type { Topology } from './topology.ts';
import { readTopologyCopy, writeTopologyCopy, type TopologyCopy } from './topology-copy.ts';

export interface TopologyKeeperEnvironment {
  readonly catalog: Catalog;
  readonly topology: Topology;
  readonly events: EventStream;
  readonly arrays: Arrays;
}

export class TopologyKeeper {
  readonly #environment: TopologyKeeperEnvironment;
  #copying: Promise<void> = Promise.resolve();

  constructor(environment: TopologyKeeperEnvironment) {
    this.#environment = environment;
  }

  /** Writes the topology to every array, newest last; what is under way is waited for at close. */
  copy(): Promise<void> {
    const { topology, events, arrays, catalog } = this.#environment;
    const copy: TopologyCopy = { number: catalog.topologyNumber(), document: topology.document() };
    this.#copying = this.#copying.then(async () => {
      if (copy.number !== catalog.topologyNumber()) return; // a newer one follows
      for (const array of topology.arrays.list()) {
        try {
          await writeTopologyCopy(arrays.storageOf(array), copy);
        } catch (error) {
          events.append({
            kind: 'array/topology-not-copied',
            severity: 'warning',
            subject: `array/${array.name}`,
            message: `${array.name} could not take its copy of the topology: ${error instanceof Error ? error.message : String(error)}`,
          });
        }
      }
    });
    return this.#copying;
  }

  /** Resolves when nothing is being written any more. */
  rested(): Promise<void> {
    return this.#copying;
  }

  /**
   * At opening: an array that missed the last change (its power was off, or it came from a backup) gets it now. A damaged
   * copy is left for `lab check` to tell of.
   */
  async catchUp(): Promise<void> {
    const { topology, arrays, catalog } = this.#environment;
    const number = catalog.topologyNumber();
    for (const array of topology.arrays.list()) {
      const copy = await readTopologyCopy(arrays.storageOf(array)).catch(() => null); // its server tells of a lost array
      if (copy === null || ('number' in copy && copy.number !== number)) return this.copy();
    }
  }
}

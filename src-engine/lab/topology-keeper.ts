/** Keeps a copy of the topology on every array, and makes a lost catalog anew from the best of them (scenario 71). */
import type { Storage } from '../runtime/index.ts';
import type { Arrays } from './arrays.ts';
import type { Catalog } from './catalog/index.ts';
import type { EventStream } from './event-stream.ts';
import { refuse } from './refused.ts';
import type { Topology } from './topology.ts';
import { readTopologyCopy, writeTopologyCopy, type TopologyCopy } from './topology-copy.ts';

export interface TopologyKeeperEnvironment {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly topology: Topology;
  readonly events: EventStream;
  readonly arrays: Arrays;
  readonly labName: string;
}

export class TopologyKeeper {
  readonly #environment: TopologyKeeperEnvironment;
  #copyNumber = 0;
  #copying: Promise<void> = Promise.resolve();

  constructor(environment: TopologyKeeperEnvironment) {
    this.#environment = environment;
  }

  /** Writes the topology to every array, newest last; what is under way is waited for at close. */
  copy(): Promise<void> {
    const { topology, events, arrays } = this.#environment;
    this.#copyNumber += 1;
    const copy: TopologyCopy = { number: this.#copyNumber, document: topology.document() };
    this.#copying = this.#copying.then(async () => {
      if (copy.number !== this.#copyNumber) return;
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

  /** Scenario 71: a new catalog from what the arrays keep. */
  async rebuild(why: string): Promise<void> {
    const { topology, events, storage, catalog, arrays, labName } = this.#environment;
    let best: TopologyCopy | null = null;
    const names = new Set((await storage.list('arrays/')).map((path) => path.split('/')[1] ?? ''));
    for (const name of names) {
      const copy = await readTopologyCopy(arrays.storageOf({ name }));
      if (copy !== null && 'number' in copy && (best === null || copy.number > best.number)) best = copy;
    }
    if (best === null && names.size > 0) {
      refuse(
        'lab/catalog-lost',
        `The catalog is ${why}, and no array holds a readable copy of the topology.`,
        'Restore catalog.sqlite from backups/. The data in arrays/ are untouched.',
      );
    }
    if (best !== null) {
      const { document } = best;
      this.#copyNumber = best.number;
      catalog.transaction(() => topology.restore(document));
    }
    events.append({
      kind: 'lab/catalog-rebuilt',
      severity: 'warning',
      subject: `lab/${labName}`,
      message: `The catalog was ${why}; it was rebuilt from the arrays. Earlier events, jobs and reports are gone`,
    });
  }
}

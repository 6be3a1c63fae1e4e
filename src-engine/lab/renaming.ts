/**
 * Another name for a thing that stays what it is: everything refers to it by its id, and its files keep the name they have.
 * What was said under the earlier name (events, finished jobs, reports) is not rewritten.
 */
import type { EventStream } from './event-stream.ts';
import type { Jobs } from './jobs.ts';
import { refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { Registry, Topology } from './topology.ts';
import type { Workloads } from './workloads.ts';

export interface RenamingEnvironment {
  readonly topology: Topology;
  readonly events: EventStream;
  readonly jobs: Jobs;
  readonly workloads: Workloads;
  readonly changes: Serial;
  /** A drill names what it works on. */
  readonly drilling: () => boolean;
}

interface Renamed {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly filedAs?: string | undefined;
}

/** Their files are called by their first name. */
const WITH_FILES: readonly string[] = ['server', 'array', 'volume'];

export class Renaming {
  readonly #environment: RenamingEnvironment;

  constructor(environment: RenamingEnvironment) {
    this.#environment = environment;
  }

  rename<T extends Renamed>(registry: Registry<T>, record: T, name: string): Promise<T> {
    return this.#environment.changes.run(async () => {
      const present = registry.still(record);
      if (present.name === name) return present;
      registry.checkName(name);
      this.#refuseInUse(registry.noun, present);
      const filedAs = WITH_FILES.includes(registry.noun) ? { filedAs: registry.filesOf(present) } : {};
      const renamed = registry.put({ ...present, ...filedAs, name });
      this.#environment.events.append({
        kind: `${registry.noun}/renamed`,
        severity: 'notice',
        subject: `${registry.noun}/${name}`,
        message: `${present.name} is called ${name} now`,
        details: { id: present.id, from: present.name },
      });
      return renamed;
    });
  }

  /** What runs says the name it began with. */
  #refuseInUse(noun: string, { id, name }: Renamed): void {
    const { jobs, workloads, drilling } = this.#environment;
    const job = jobs.running(`${noun}/${name}`)[0];
    if (job !== undefined)
      refuse(`${noun}/in-use`, `A job (${job.kind}, ${job.id}) works on ${name}.`, 'Wait for it, or cancel it.', {
        field: noun,
      });
    if (noun === 'volume' && workloads.runningOn(id) !== null)
      refuse('volume/in-use', `A workload runs on ${name}.`, 'Stop it first.', { field: 'volume' });
    if (drilling())
      refuse(`${noun}/in-use`, `A drill is under way; it may work on ${name}.`, 'Wait until it has ended.', {
        field: noun,
      });
  }
}

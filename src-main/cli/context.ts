import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isFinished, type Job } from '../../src-engine/contract/index.ts';
import { refusal, type DoorClient } from '../engine/index.ts';
import type { Connect, Connection } from './connect.ts';
import { CommandFailure, EXIT, facts, type Io } from './io.ts';
import { progressBar } from './progress.ts';

export interface CliDependencies {
  readonly io: Io;
  readonly connect: Connect;
}

/** Options that every command takes. */
export interface CommonOptions {
  readonly lab?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly wait: boolean;
}

/** One run of one command: its options, its connection, its way of answering. */
export class Run {
  readonly io: Io;
  readonly options: CommonOptions;
  private readonly connect: Connect;

  constructor(dependencies: CliDependencies, command: Command) {
    this.io = dependencies.io;
    this.connect = dependencies.connect;
    this.options = command.optsWithGlobals();
  }

  get directory(): string {
    const lab = this.options.lab ?? this.io.env['LOCKSTEP_LAB'];
    if (lab === undefined || lab === '') {
      throw new CommandFailure(
        refusal('cli/no-lab', 'No lab was named.', 'Say --lab DIR or set LOCKSTEP_LAB.'),
        EXIT.usage,
      );
    }
    return resolve(this.io.cwd, lab);
  }

  /** `look`: where no host runs, the lab is only looked at. */
  async with<Result>(
    work: (client: DoorClient, connection: Connection) => Promise<Result>,
    look = false,
  ): Promise<Result> {
    const connection = await this.connect({ directory: this.directory, ...(look ? { look } : {}) });
    try {
      return await work(connection.client, connection);
    } finally {
      await connection.close();
    }
  }

  /** The one document, or the same for people. */
  print(value: unknown, forPeople?: () => string): void {
    if (this.options.json === true) this.io.out(`${JSON.stringify(value)}\n`);
    else this.io.out(`${forPeople === undefined ? facts(value as object) : forPeople()}\n`);
  }

  /** Progress and remarks, for people only. */
  say(text: string): void {
    if (this.options.json !== true) this.io.err(`${text}\n`);
  }

  /**
   * The typed confirmation: the name with `--yes`, what a person types where somebody can be asked, else nothing; the
   * engine then refuses by itself where it wants one.
   */
  async confirmation(name: string, what: string): Promise<string | undefined> {
    if (this.options.yes === true) return name;
    if (!this.io.interactive || this.options.json === true) return undefined;
    const answer = await this.io.ask(`${what}\nType "${name}" to go on: `);
    return answer ?? undefined;
  }

  /** Waits for a job (unless `--no-wait`), prints it, and fails if it failed. */
  async finish(client: DoorClient, job: Job): Promise<void> {
    const last = this.options.wait ? await this.wait(client, job) : job;
    this.print(last, () => jobText(last));
    if (last.state === 'failed' || last.state === 'cancelled') {
      throw new CommandFailure(
        last.error ??
          refusal('job/cancelled', `The job ${last.id} was cancelled.`, 'Start it again when it is wanted.'),
      );
    }
  }

  async wait(client: DoorClient, job: Job): Promise<Job> {
    const bar = this.io.interactive && this.options.json !== true ? progressBar(job) : null;
    let present = job;
    try {
      while (!isFinished(present.state)) {
        present = await client.job.wait({ job: job.id, timeoutSeconds: bar === null ? 30 : 0.3 });
        bar?.show(present);
      }
    } finally {
      bar?.end();
    }
    return present;
  }
}

export function jobText(job: Job): string {
  const result = job.result === null ? '' : `\n${facts(job.result, '  ')}`;
  return `${job.kind} ${job.subject}: ${job.state}${job.error === null ? '' : ` (${job.error.code}: ${job.error.message})`} [job ${job.id}]${result}`;
}

/** Leaves out what was not given: absent and `undefined` differ in the contract. */
export function given<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as never;
}

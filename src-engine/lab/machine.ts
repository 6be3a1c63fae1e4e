/** What a lab asks of the machine it runs on, beyond the runtime of its servers. */
import type { Clock, Hash, Log, Random, Runtime, Storage } from '../runtime/index.ts';
import {
  createNodeRuntime,
  nodeScratch,
  nodeStorage,
  nodeUserFiles,
  type Scratch,
  type UserFiles,
} from '../runtime/node/index.ts';

export interface Machine {
  readonly clock: Clock;
  readonly random: Random;
  readonly hash: Hash;
  readonly log: Log;
  readonly runtime: Runtime;
  /** The files below an absolute directory. */
  storage(directory: string): Storage;
  readonly userFiles: UserFiles;
  /** A directory outside every lab, for what is thrown away. */
  scratch(): Promise<Scratch>;
  readonly pid: number;
  readonly host: string;
  /** Path of SQLite's native part where the host brings its own. */
  readonly sqliteBinding?: string;
}

/** The process around the lab, said by the host: nothing under the engine looks at `process`. */
export interface HostProcess {
  readonly pid: number;
  readonly host: string;
  readonly sqliteBinding?: string | undefined;
  readonly log?: Log | undefined;
}

export function nodeMachine(process: HostProcess): Machine {
  const runtime = createNodeRuntime(process.log === undefined ? {} : { log: process.log });
  return {
    clock: runtime.clock,
    random: runtime.random,
    hash: runtime.hash,
    log: runtime.log,
    runtime,
    storage: (directory) => nodeStorage(directory),
    userFiles: nodeUserFiles,
    scratch: nodeScratch,
    pid: process.pid,
    host: process.host,
    ...(process.sqliteBinding === undefined ? {} : { sqliteBinding: process.sqliteBinding }),
  };
}

/**
 * The composition root: a lab from its directory. Promises: one process per lab (the lock); what is configured and what
 * happened is in the catalog, and a lost catalog is rebuilt from the arrays; a server's crash ends everything of it at
 * once; long work is a job that survives a restart or says why not, and is done only when its effect was found; every
 * change is audited and an event. `openLab` is all that a host needs.
 */
import type { DemoSizes } from './demo.ts';
import { Lab } from './lab.ts';
import { nodeMachine, type HostProcess } from './machine.ts';
import { createRouter, type LabRouter } from './routes/index.ts';
import { StorageServer } from './server/index.ts';
import type { ServerSettings } from './server/types.ts';

export interface OpenLabRequest {
  /** Absolute path. */
  readonly directory: string;
  /** Present: a new lab is made there; refused where one is. */
  readonly create?: { readonly demo?: 'two-site' | undefined; readonly name?: string | undefined };
  readonly process: HostProcess;
  /** Resolve only once the servers that can reach each other have met, at most after the peer wait. */
  readonly settled?: boolean;
  /** Only looked at: nothing in the directory is changed. For `check`. */
  readonly look?: boolean;
  /** For tests and benchmarks. */
  readonly settings?: Partial<ServerSettings>;
  readonly demoSizes?: DemoSizes;
}

export interface OpenedLab {
  readonly lab: Lab;
  readonly router: LabRouter;
  close(): Promise<void>;
  /** Ends the lab as in a power cut, with an event that says why. For exceptions that nobody expected. */
  abandon(reason: string): Promise<void>;
  announce(addition: { readonly socket?: string; readonly url?: string }): Promise<void>;
}

/** Throws `Refused` (its `refusal` is the contract's) where the lab cannot be opened or made. */
export async function openLab(request: OpenLabRequest): Promise<OpenedLab> {
  const { process, settled, ...options } = request;
  const lab = await Lab.open({
    ...options,
    machine: nodeMachine(process),
    makeServer: (dependencies) => new StorageServer(dependencies),
  });
  if (settled === true) await lab.meetings();
  return {
    lab,
    router: createRouter(lab),
    close: () => lab.close(),
    abandon: (reason) => lab.abandon(reason),
    announce: (addition) => lab.lock.announce(addition),
  };
}

export type { DemoSizes } from './demo.ts';
export { Lab, type LabOptions } from './lab.ts';
export { nodeMachine, type HostProcess, type Machine } from './machine.ts';
export { createRouter, type CallContext, type LabRouter } from './routes/index.ts';
export { Refused } from './refused.ts';
export { readOwner, type LockOwner } from './lock.ts';

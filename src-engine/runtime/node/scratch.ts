import fs from 'node:fs/promises';
import os from 'node:os';
import nodePath from 'node:path';

/** A directory of its own for what lasts as long as its caller. */
export interface Scratch {
  /** Absolute. */
  readonly directory: string;
  remove(): Promise<void>;
}

export async function nodeScratch(): Promise<Scratch> {
  const directory = await fs.mkdtemp(nodePath.join(os.tmpdir(), 'lockstep-'));
  return { directory, remove: () => fs.rm(directory, { recursive: true, force: true }) };
}

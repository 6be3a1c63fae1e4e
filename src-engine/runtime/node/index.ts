/**
 * The real machine: the only place of the engine that touches clocks, files, randomness and `crypto`. It promises what
 * `runtime/types.ts` says, on Linux file systems: a file that `open` created is whole or absent after power loss, a
 * settled `sync` or `commit` is on the device, a rename is durable when it settles, and no path leaves its root.
 */
import type { Log, Network, Runtime } from '../types.ts';
import { nodeClock } from './clock.ts';
import { nodeHash } from './hash.ts';
import { jsonLines } from './log.ts';
import { createNodeRandom } from './random.ts';

export { jsonLines } from './log.ts';
export { nodeScratch, type Scratch } from './scratch.ts';
export { nodeStorage, type FileSystem, type NodeStorageOptions } from './storage.ts';
export {
  nodeUserFiles,
  type UserFileProblem,
  type UserFileReader,
  type UserFiles,
  type UserFileTarget,
  type UserFileWriter,
} from './user-files.ts';

/**
 * A runtime for one server of this process. `network` is normally an endpoint of the lab's `LinkNetwork`; without it the
 * server is alone and every dial is refused. The log defaults to warnings and errors on stderr.
 */
export function createNodeRuntime(options: { readonly log?: Log; readonly network?: Network } = {}): Runtime {
  return {
    clock: nodeClock,
    random: createNodeRandom(),
    network: options.network ?? ALONE,
    hash: nodeHash,
    log: options.log ?? jsonLines((line) => void process.stderr.write(line), 'warn'),
    covered: () => {},
    planted: () => false,
  };
}

const ALONE: Network = {
  listen: () => ({ close: () => {} }),
  dial: async (address) => {
    throw new Error(`${address} cannot be reached: this runtime has no network`);
  },
};

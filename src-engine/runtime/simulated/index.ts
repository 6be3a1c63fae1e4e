/**
 * The world in which the production code is tested: one seed is one schedule of messages, I/O completions, timers and
 * crashes, on a virtual clock. Nothing real is touched. It promises what `runtime/types.ts` asks of a runtime and not a
 * bit more: unsynced sectors are lost, kept and reordered at random when power goes, and faults can be put on any file.
 */
export {
  createSimulatedWorld,
  type SimulatedBoot,
  type SimulatedLogLine,
  type SimulatedServer,
  type SimulatedWorld,
  type SimulatedWorldOptions,
} from './world.ts';
export { SimulatedDisk, type DiskCounters } from './disk.ts';
export type { DiskFault, DiskFaultKind, DiskOperation } from './faults.ts';
export { SECTOR_BYTES } from './file-content.ts';
export { Prng } from './prng.ts';

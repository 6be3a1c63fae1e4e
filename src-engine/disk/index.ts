/**
 * Disk: an array as an actor of its own (`Shelf`), its disks (`Disk`: an image file with a reserved head that holds two
 * label slots, then blocks addressed by disk block number), and the files that the servers of a cluster share on it.
 *
 * Promises: a handle works for one (pool, server, epoch); once `raiseEpoch` confirmed a higher epoch no I/O of an older
 * handle is running and every later call through it, reads included, rejects `fenced`. Epochs are durable in two copies
 * before they are confirmed. A missing, truncated or foreign image is reported with file and offset and its disk is
 * failed; nothing is ever filled in for it.
 */
export { Shelf, ShelfRefusedError } from './shelf.ts';
export type { DiskFinding, DiskSpec, ShelfHandle } from './shelf.ts';
export { BLOCK_BYTES, DISK_HEAD_BYTES, LABEL_SLOT_BYTES, readHeader } from './image.ts';
export type { Disk, DiskCounters } from './image.ts';
export { decodeEnvelope, encodeEnvelope, ENVELOPE_HEAD_BYTES } from './envelope.ts';
export type { Envelope } from './envelope.ts';

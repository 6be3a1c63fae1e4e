/**
 * The non-volatile log: an ordered, durable list of records in two preallocated files ("halves"), used for a server's
 * own NVLOG and for the mirror logs that a server keeps for others.
 *
 * Promises. What `onDurable` or `whenDurable` reported is found by the next `open`, or reported as lost (NVFail), until
 * its half was freed. What was not reported may be found or not, but never returns after a later `start`. Records come
 * back in order without gaps. All appends of one turn, and all that arrive while a commit runs, share one sync. A sync
 * that failed is never repeated: its records move to the other half, or the log is suspended and acknowledges nothing.
 * Opening arbitrary bytes gives a value, in time proportional to the size of the files.
 */
export { Log, type LogOpenResult } from './log.ts';
export * from './types.ts';
export { BLOCK_BYTES, HALF_HEADER_BYTES, LOG_FORMAT_VERSION } from './format.ts';

import { assert, type StorageFile } from '../runtime/index.ts';
import { BLOCK_BYTES, HALF_HEADER_BYTES, assertLogId } from './format.ts';
import type { HalfFill, HalfIndex, LogDependencies, LogOptions, SealedHalf } from './types.ts';

/** One of the two files of a log, and how far it is filled. */
export interface Half {
  readonly index: HalfIndex;
  readonly name: string;
  file: StorageFile;
  state: 'active' | 'sealed' | 'free';
  /** Where the next frame goes; `HALF_HEADER_BYTES` while the half has no frame, not even a queued one. */
  nextOffset: number;
  firstSequence: number;
  lastSequence: number;
  /** Last record of the half that is on the medium; 0 for none. */
  durableSequence: number;
  /** A sync failed: the file takes nothing until it is replaced or all it holds is freed. */
  failed: boolean;
}

export function checkOptions(options: LogOptions): void {
  assertLogId(options.logId);
  assert(options.halfBytes % BLOCK_BYTES === 0, 'a half is a multiple of 4 KiB');
  assert(
    options.reserveBytes >= 2 * BLOCK_BYTES && options.reserveBytes + HALF_HEADER_BYTES < options.halfBytes,
    'the reserve leaves room for host records',
  );
}

export async function openHalves(deps: LogDependencies, options: LogOptions): Promise<readonly [Half, Half]> {
  const [first, second] = options.names;
  return [emptyHalf(0, first, await deps.open(first)), emptyHalf(1, second, await deps.open(second))];
}

function emptyHalf(index: HalfIndex, name: string, file: StorageFile): Half {
  return {
    index,
    name,
    file,
    state: 'free',
    nextOffset: HALF_HEADER_BYTES,
    firstSequence: 0,
    lastSequence: 0,
    durableSequence: 0,
    failed: false,
  };
}

export function describe(half: Half): SealedHalf {
  return { index: half.index, firstSequence: half.firstSequence, lastSequence: half.lastSequence };
}

export function fillOf(half: Half): HalfFill {
  return { state: half.state, usedBytes: half.state === 'free' ? 0 : half.nextOffset, sizeBytes: half.file.size };
}

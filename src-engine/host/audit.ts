/** Reads every block that a ledger knows and compares it with the promises. */
import { judge } from './judge.ts';
import type { Ledger } from './ledger.ts';
import { BLOCK_BYTES } from './stamp.ts';

/** A volume as a host sees it. Offsets and lengths are bytes. */
export interface BlockTarget {
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  write(offset: number, data: Uint8Array): Promise<void>;
}

export interface AuditFinding {
  readonly kind: 'lost' | 'torn' | 'stale' | 'misplaced';
  readonly vbn: number;
  readonly promisedSequence: number;
  readonly foundSequence: number;
}

/** All counts are 4 KiB block writes; `verified` are the acknowledged ones that are there or rightly overwritten. */
export interface AuditResult {
  readonly acknowledged: number;
  readonly verified: number;
  readonly lost: number;
  readonly torn: number;
  readonly stale: number;
  readonly misplaced: number;
  /** Distinct blocks that were read. */
  readonly blocks: number;
  /** The first findings, bounded. */
  readonly findings: readonly AuditFinding[];
}

const READ_BLOCKS = 128;
const MAX_FINDINGS = 100;

/** The workloads of the volume must be paused. `onProgress` gets a fraction 0..1. Read errors are thrown. */
export async function audit(
  ledger: Ledger,
  target: BlockTarget,
  onProgress?: (fraction: number) => void,
): Promise<AuditResult> {
  await ledger.flushed();
  const blocks = Math.min(ledger.volumeBlocks, Math.floor(target.sizeBytes / BLOCK_BYTES));
  const counts = { lost: 0, torn: 0, stale: 0, misplaced: 0 };
  const findings: AuditFinding[] = [];
  const older = new Map<number, { readonly found: number; readonly kind: 'lost' | 'stale' }>();
  const acknowledged = ledger.acknowledgedWrites;
  let missing = 0;
  let read = 0;

  const examine = (vbn: number, block: Uint8Array): void => {
    const promised = ledger.acknowledgedSequence(vbn);
    const verdict = judge(block, ledger.stream, vbn, promised);
    read += 1;
    if (verdict.kind === 'good') return;
    if (findings.length < MAX_FINDINGS) {
      findings.push({ kind: verdict.kind, vbn, promisedSequence: promised, foundSequence: verdict.sequence });
    }
    if (verdict.kind === 'lost' || verdict.kind === 'stale') {
      older.set(vbn, { found: verdict.sequence, kind: verdict.kind });
      return;
    }
    counts[verdict.kind] += 1;
    if (promised > 0) missing += 1;
  };

  let from = 0;
  while (from < blocks) {
    if (ledger.issuedSequence(from) === 0) {
      from += 1;
      continue;
    }
    let to = from + 1;
    while (to < blocks && to - from < READ_BLOCKS && ledger.issuedSequence(to) > 0) to += 1;
    const bytes = await target.read(from * BLOCK_BYTES, (to - from) * BLOCK_BYTES);
    for (let vbn = from; vbn < to; vbn += 1) {
      examine(vbn, bytes.subarray((vbn - from) * BLOCK_BYTES, (vbn - from + 1) * BLOCK_BYTES));
    }
    from = to;
    onProgress?.(from / blocks);
  }
  // A block past the end of a shrunken or wrong target cannot be there.
  for (let vbn = blocks; vbn < ledger.volumeBlocks; vbn += 1) {
    if (ledger.acknowledgedSequence(vbn) > 0) older.set(vbn, { found: 0, kind: 'lost' });
  }

  if (older.size > 0) {
    const found = new Map([...older].map(([vbn, entry]) => [vbn, entry.found]));
    const writes = await ledger.missingWrites(found);
    for (const [vbn, entry] of older) {
      const count = Math.max(1, writes.get(vbn) ?? 0);
      counts[entry.kind] += count;
      missing += count;
    }
  }
  onProgress?.(1);
  return { acknowledged, verified: acknowledged - missing, ...counts, blocks: read, findings };
}

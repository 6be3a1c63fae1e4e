import { StorageError } from '../runtime/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { ShelfHandle } from '../disk/index.ts';
import { BLOCK_BYTES } from '../disk/index.ts';
import { GroupFailedError } from '../raid/index.ts';
import { chooseLabel, decodeLabel } from './label.ts';
import type { DiskView, Label } from './label.ts';
import { PoolDisks } from './members.ts';
import { decodeRecord, RECORD_BLOCKS } from './records.ts';
import type { ReadRecord, StoredRecord } from './records.ts';
import { SpaceMap } from './spacemap.ts';
import { mappedBlocks, readTree, walkTree } from './tree.ts';
import type { PoolCore } from './core.ts';
import { MediaError } from './types.ts';
import type { Finding, JsonObject, OpenRefusalCode } from './types.ts';

export interface PoolDeps {
  readonly runtime: Runtime;
  readonly handle: ShelfHandle;
}

export type Opened<P> =
  | { readonly kind: 'open'; readonly pool: P; readonly findings: readonly Finding[] }
  | { readonly kind: 'refused'; readonly code: OpenRefusalCode; readonly message: string; readonly details: JsonObject };

/** Opens a pool as layout.md, "Label", orders: choose, relabel, then record member changes, and only then anything else. */
export async function openPool<P extends { relabel(missingActive: boolean): Promise<void> }>(
  deps: PoolDeps,
  options: { readonly poolId: string; readonly minimumLabel?: number },
  build: (disks: PoolDisks, space: SpaceMap, label: Label, records: ReadonlyMap<string, StoredRecord>) => P,
): Promise<Opened<P>> {
  const { handle, runtime } = deps;
  const refuse = (code: OpenRefusalCode, message: string, details: JsonObject = {}): Opened<P> => ({ kind: 'refused', code, message, details });
  const findings: Finding[] = [];
  const scan = await scanDisks(handle, options.poolId, findings);
  if (scan.newer !== null) return refuse('pool/newer-format', scan.newer);
  const choice = chooseLabel(scan.views);
  if (choice.kind === 'none') return refuse('pool/no-label', `no disk of array ${handle.arrayId} holds a label of pool ${options.poolId}`);
  if (choice.kind === 'two-histories') return refuse('pool/two-histories', choice.message);
  const { label, relabel, stale, missing } = choice;
  const minimum = options.minimumLabel ?? 0;
  if (label.number < minimum) {
    return refuse('pool/older-than-log', `the newest label found is ${label.number}, the log was written over ${minimum}`, { found: label.number, minimum });
  }
  const disks = new PoolDisks(runtime, handle, label);
  for (const slot of stale) {
    findings.push({ kind: 'stale-member', slot, message: `disk ${slot} is older than label ${label.predecessor} and needs a rebuild` });
    disks.failSlot(slot, new Error('stale'));
  }
  for (const slot of missing) {
    findings.push({ kind: 'missing-member', slot, message: handle.disk(slot).failure ?? `the labels of disk ${slot} cannot be read` });
    disks.failSlot(slot, new Error('missing'));
  }
  for (const member of label.members) {
    if (member.state === 'failed') findings.push({ kind: 'failed-member', slot: member.slot, message: `disk ${member.slot} failed after label ${member.completeLabel}` });
  }
  if (disks.isFailed()) {
    const lost = disks.members.filter((member) => member.state === 'failed').map((member) => member.slot);
    return refuse('pool/failed', `disks ${lost.join(', ')} are lost, more than the RAID level allows`, { lost });
  }
  try {
    if (relabel.length > 0 && !runtime.planted('skip-relabel-on-open')) {
      runtime.covered('pool/relabel');
      for (const slot of relabel) findings.push({ kind: 'relabelled', slot, message: `disk ${slot} lacked label ${label.number}` });
      await disks.writeLabel(label, new Set(relabel));
    }
    if (disks.isFailed()) return refuse('pool/failed', 'disks failed while the label was completed, more than the RAID level allows');
    for (const [g, journal] of disks.core.journals.entries()) {
      for (const stripe of await journal.replay(label.journalFrom[g] ?? 1)) {
        runtime.covered('pool/partial-stripe-replayed');
        findings.push({ kind: 'journal-replayed', slot: null, message: `group ${g} stripe ${stripe} was completed from the journal` });
      }
    }
    const space = await SpaceMap.load(disks.core, label.space);
    const records = await loadRecords(disks.core, label);
    if ('newer' in records) return refuse('pool/newer-format', records.newer);
    const pool = build(disks, space, label, records.records);
    if (disks.serial > 0 || label.epoch !== handle.epoch) await pool.relabel(missing.length > 0);
    return { kind: 'open', pool, findings };
  } catch (error) {
    if (error instanceof GroupFailedError || error instanceof MediaError) return refuse('pool/failed', error.message);
    throw error;
  }
}

async function scanDisks(handle: ShelfHandle, poolId: string, findings: Finding[]): Promise<{ views: readonly DiskView[]; newer: string | null }> {
  const views: DiskView[] = [];
  let newer: string | null = null;
  for (const slot of handle.slots) {
    const disk = handle.disk(slot);
    let newest: Label | null = null;
    let readable = disk.failure === null;
    for (const labelSlot of [0, 1] as const) {
      if (!readable) break;
      try {
        const found = decodeLabel(await disk.readLabel(labelSlot));
        if (found.kind === 'newer') newer ??= `disk ${slot} label slot ${labelSlot}: format version ${found.version} is newer than this program`;
        else if (found.kind === 'damaged') findings.push({ kind: 'damaged-label', slot, message: `disk ${slot} label slot ${labelSlot}: ${found.message}` });
        else if (found.kind === 'ok' && found.label.poolId === poolId && found.diskSlot === slot && (newest === null || found.label.number > newest.number)) newest = found.label;
      } catch (error) {
        if (!(error instanceof StorageError) || error.code === 'fenced') throw error;
        readable = false;
        newest = null;
      }
    }
    views.push({ slot, newest, readable });
  }
  return { views, newer };
}

async function loadRecords(core: PoolCore, label: Label): Promise<{ records: ReadonlyMap<string, StoredRecord> } | { newer: string }> {
  const blocks = new Map<number, number>();
  for await (const { index, pointer } of walkTree(core, label.table, 0, Infinity, 0)) {
    if (pointer.pbn === 0) continue;
    const slot = Math.floor(index / RECORD_BLOCKS);
    blocks.set(slot, (blocks.get(slot) ?? 0) + 1);
  }
  const records = new Map<string, StoredRecord>();
  for (const [slot, count] of blocks) {
    const bytes = new Uint8Array(count * BLOCK_BYTES);
    await readTree(core, label.table, slot * RECORD_BLOCKS, count, bytes);
    const record = decodeRecord(bytes);
    // The CRC of the pointer was right, so what does not parse was written by somebody else's rules.
    if ('problem' in record) return { newer: `table slot ${slot}: ${record.problem}` };
    records.set(record.id, await counted(core, record));
  }
  return { records };
}

/** The record with its counts, which version 1 did not keep. They are durable with its next change. */
async function counted(core: PoolCore, record: ReadRecord): Promise<StoredRecord> {
  const count = async (root: ReadRecord['root'], known: number | undefined): Promise<number> => known ?? mappedBlocks(core, root);
  const usedBlocks = await count(record.root, record.usedBlocks);
  const keptRoots: StoredRecord['keptRoots'][number][] = [];
  for (const kept of record.keptRoots) keptRoots.push({ ...kept, usedBlocks: await count(kept.root, kept.usedBlocks) });
  return { ...record, usedBlocks, keptRoots };
}

import { assert } from '../runtime/index.ts';
import { decodeEnvelope, encodeEnvelope, LABEL_SLOT_BYTES } from '../disk/index.ts';
import type { GroupLayout, PoolMember, TreeRoot } from './types.ts';

const MAGIC = 'LSLABEL\0';
const VERSION = 1;

/** What the pool is, at one consistency point (layout.md, "Label"). */
export interface Label {
  readonly poolId: string;
  readonly name: string;
  readonly number: number;
  /** Number of the label before this one; 0 for the first. */
  readonly predecessor: number;
  readonly epoch: number;
  readonly groups: readonly (GroupLayout & { readonly stripes: number })[];
  /** Blocks at the front of every disk that belong to the stripe journal. */
  readonly journalBlocks: number;
  /** Per group: entries of the stripe journal below this serial are over and done with. */
  readonly journalFrom: readonly number[];
  readonly members: readonly PoolMember[];
  readonly table: TreeRoot;
  readonly space: TreeRoot;
}

export function encodeLabel(label: Label, diskSlot: number): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify({ diskSlot, label }));
  return encodeEnvelope(MAGIC, VERSION, payload, LABEL_SLOT_BYTES);
}

export type LabelSlot =
  | { readonly kind: 'ok'; readonly label: Label; readonly diskSlot: number }
  | { readonly kind: 'empty' }
  | { readonly kind: 'damaged'; readonly message: string }
  | { readonly kind: 'newer'; readonly version: number };

export function decodeLabel(bytes: Uint8Array): LabelSlot {
  const envelope = decodeEnvelope(bytes, MAGIC, VERSION);
  switch (envelope.kind) {
    case 'ok':
      return { kind: 'ok', ...(JSON.parse(new TextDecoder().decode(envelope.payload)) as { label: Label; diskSlot: number }) };
    case 'damaged':
      return { kind: 'damaged', message: `expected ${envelope.expected}, found ${envelope.found}` };
    default:
      return envelope;
  }
}

/** The slot a label number goes to; successive numbers differ by 1 or 3, so it never hits its predecessor. */
export function labelSlotOf(number: number): 0 | 1 {
  return number % 2 === 0 ? 0 : 1;
}

/** What one disk says of the pool: its newest valid label, or null (unreadable, or not of this pool). */
export interface DiskView {
  readonly slot: number;
  readonly newest: Label | null;
  readonly readable: boolean;
}

export type LabelChoice =
  | { readonly kind: 'none' }
  | { readonly kind: 'two-histories'; readonly message: string }
  | {
      readonly kind: 'best';
      readonly label: Label;
      /** Active members to which the label must be written before anything else. */
      readonly relabel: readonly number[];
      /** Present but older than the predecessor: rebuilt, until then failed. */
      readonly stale: readonly number[];
      /** Called active by the label, but not there: the next number skips what it may hold. */
      readonly missing: readonly number[];
    };

/** Pure: which label is the pool's, and who lacks it. */
export function chooseLabel(views: readonly DiskView[]): LabelChoice {
  const present = views.filter((view): view is DiskView & { newest: Label } => view.newest !== null);
  let best: Label | null = null;
  for (const { newest } of present) if (best === null || newest.number > best.number) best = newest;
  if (best === null) return { kind: 'none' };
  const callsFailed = (label: Label, slot: number): boolean => label.members.some((member) => member.slot === slot && member.state === 'failed');
  for (const a of present) {
    for (const b of present) {
      if (a.slot >= b.slot) continue;
      if (callsFailed(a.newest, b.slot) && callsFailed(b.newest, a.slot)) {
        return {
          kind: 'two-histories',
          message: `disk ${a.slot} (label ${a.newest.number}) and disk ${b.slot} (label ${b.newest.number}) call each other failed`,
        };
      }
      if (a.newest.number === b.newest.number && JSON.stringify(a.newest) !== JSON.stringify(b.newest)) {
        return { kind: 'two-histories', message: `disks ${a.slot} and ${b.slot} hold different labels ${a.newest.number}` };
      }
    }
  }
  const relabel: number[] = [];
  const stale: number[] = [];
  const missing: number[] = [];
  for (const member of best.members) {
    if (member.state !== 'active') continue;
    const view = views.find((candidate) => candidate.slot === member.slot);
    if (view === undefined || !view.readable) missing.push(member.slot);
    else if (view.newest === null || view.newest.number < best.predecessor) stale.push(member.slot);
    else if (view.newest.number < best.number) relabel.push(member.slot);
  }
  return { kind: 'best', label: best, relabel, stale, missing };
}

/** `missingActive`: an active member was not there at open, so it may hold one label more than was seen. */
export function nextLabelNumber(last: number, missingActive: boolean): number {
  const next = last + (missingActive ? 3 : 1);
  assert(next < Number.MAX_SAFE_INTEGER, 'label numbers are safe integers');
  return next;
}

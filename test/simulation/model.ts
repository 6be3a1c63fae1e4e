/**
 * What a volume may contain, as seen from outside: per side of a pair and per cell the writes whose content is still
 * legal there. A write replaces those that had ended before it was asked for, as soon as it is *certain* on that side:
 * acknowledged while the side was in sync, acknowledged by the side itself, or seen there by a host.
 *
 * Moments are ticks of one counter, so that no two things happen at once.
 */
import { readCell } from './content.ts';

export interface Write {
  readonly id: number;
  readonly kind: 'write' | 'trim' | 'zero';
  readonly firstCell: number;
  readonly cells: number;
  readonly askedAt: number;
  /** When it was acknowledged, failed, or its server crashed; until then it may overtake whatever is under way with it. */
  endedAt: number;
  acknowledged: boolean;
  /** The log it went into, and its place there; null when it was not logged at once, so that nobody outside knows. */
  place: Place | null;
}

export interface Place {
  readonly log: string;
  readonly sequence: number;
}

interface Entry {
  readonly write: Write;
  /** The side stopped hearing of this write then (it was promoted): whatever is asked for later comes after it. */
  cutAt: number;
  supersededAt: number;
}

type Cells = Entry[][];

const NEVER = Number.POSITIVE_INFINITY;
const INITIAL: Write = { id: 0, kind: 'zero', firstCell: 0, cells: 0, askedAt: 0, endedAt: 0, acknowledged: true, place: null };

function endOf(entry: Entry): number {
  return Math.min(entry.cutAt, entry.write.endedAt);
}

function copyOf(cells: Cells): Cells {
  return cells.map((entries) => entries.filter((e) => e.supersededAt === NEVER).map((e) => ({ ...e })));
}

/** One side's copy. */
export class SideModel {
  cells: Cells;
  /** `mixture`: a sync runs or broke off here; `target` is what it leads to, `safety` what a rollback gives. */
  state: 'usable' | 'mixture' = 'usable';
  target: Cells | null = null;
  safety: Cells | null = null;
  private readonly reads = new Set<number>();

  constructor(cellCount: number) {
    this.cells = Array.from({ length: cellCount }, () => [{ write: INITIAL, cutAt: NEVER, supersededAt: NEVER }]);
  }

  beginRead(tick: number): void {
    this.reads.add(tick);
  }

  endRead(tick: number): void {
    this.reads.delete(tick);
  }

  private oldestRead(): number {
    let oldest = NEVER;
    for (const tick of this.reads) oldest = Math.min(oldest, tick);
    return oldest;
  }

  add(write: Write, into: Cells = this.cells): void {
    const oldest = this.oldestRead();
    for (let cell = write.firstCell; cell < write.firstCell + write.cells; cell++) {
      const entries = into[cell];
      if (entries === undefined) continue;
      let known = false;
      let kept = 0;
      for (const entry of entries) {
        known ||= entry.write === write;
        if (entry.supersededAt === NEVER || entry.supersededAt > oldest) entries[kept++] = entry;
      }
      entries.length = kept;
      if (!known) entries.push({ write, cutAt: NEVER, supersededAt: NEVER });
    }
  }

  /** Acknowledged writes since `tick` may be gone, and the server has said so: what they replaced may be seen again. */
  mayHaveLost(tick: number): void {
    for (const entries of this.cells) for (const entry of entries) if (entry.supersededAt > tick) entry.supersededAt = NEVER;
  }

  /** The write was never taken. */
  remove(write: Write): void {
    for (const cells of [this.cells, this.target, this.safety]) {
      if (cells === null) continue;
      for (let cell = write.firstCell; cell < write.firstCell + write.cells; cell++) {
        const entries = cells[cell];
        const at = entries?.findIndex((e) => e.write === write) ?? -1;
        if (at >= 0) entries?.splice(at, 1);
      }
    }
  }

  /** The write is on this side for good: what had ended before it was asked for cannot be seen any more. */
  certain(write: Write, tick: number, into: Cells = this.cells): void {
    this.add(write, into);
    for (let cell = write.firstCell; cell < write.firstCell + write.cells; cell++) this.supersede(into[cell] ?? [], write, tick);
  }

  private supersede(entries: Entry[], write: Write, tick: number): void {
    for (const entry of entries) if (entry.supersededAt === NEVER && endOf(entry) < write.askedAt) entry.supersededAt = tick;
  }

  /** Nothing of the other side's present writes arrives here after this moment. */
  cut(tick: number): void {
    for (const entries of this.cells) {
      for (const entry of entries) if (endOf(entry) > tick) entry.cutAt = tick;
      // Learnt of later: what the other side was asked for since cannot be here.
      for (let i = entries.length - 1; i >= 0; i--) if ((entries[i]?.write.askedAt ?? 0) > tick) entries.splice(i, 1);
    }
  }

  /** What a read that began at `from` may find in a cell; for messages. */
  legalIds(cell: number, from: number): string {
    return (this.cells[cell] ?? []).filter((e) => e.supersededAt > from).map((e) => `${String(e.write.id)}${e.write.kind === 'write' ? '' : ` (${e.write.kind})`}`).join(', ');
  }

  /** Judges bytes read since tick `from`; null when legal. `pin`: a host has seen them, they are there for good. */
  judge(tag: number, cellBytes: number, firstCell: number, bytes: Uint8Array, from: number, now: number, pin: boolean, cells: Cells = this.cells): string | null {
    for (let i = 0; i * cellBytes < bytes.length; i++) {
      const cell = firstCell + i;
      const id = readCell(bytes.subarray(i * cellBytes, (i + 1) * cellBytes), tag, cell);
      const where = `cell ${String(cell)} (byte ${String(cell * cellBytes)}, block ${String(Math.floor((cell * cellBytes) / 4096))})`;
      if (id === null) return `${where} holds bytes that nobody wrote there`;
      const entries = cells[cell] ?? [];
      const found = entries.filter((e) => e.supersededAt > from && (id === 0 ? e.write.kind !== 'write' : e.write.id === id));
      if (found.length === 0) return `${where} holds write ${String(id)}, legal are: ${entries.filter((e) => e.supersededAt > from).map((e) => `${String(e.write.id)}${e.write.kind === 'write' ? '' : ` (${e.write.kind})`}`).join(', ')}`;
      const only = found[0];
      if (pin && found.length === 1 && only !== undefined) this.supersede(entries, only.write, now);
    }
    return null;
  }

  /**
   * What a recovery (replay at a start, promotion) brought back is a prefix of the log: where a write is there, no earlier
   * one of the same log is missing, whether hosts were told of it or not. `bytes` are legal; null when in order.
   */
  judgeOrder(tag: number, cellBytes: number, bytes: Uint8Array): string | null {
    // Zeros may come from any trim there.
    const found: (readonly Write[])[] = [];
    const last = new Map<string, { readonly write: Write; readonly place: Place; readonly cell: number }>();
    for (let cell = 0; cell * cellBytes < bytes.length; cell++) {
      const id = readCell(bytes.subarray(cell * cellBytes, (cell + 1) * cellBytes), tag, cell);
      const writes = (this.cells[cell] ?? []).map((e) => e.write).filter((write) => (id === 0 ? write.kind !== 'write' : write.id === id));
      found.push(writes);
      const write = writes[0];
      // Zeros prove nothing.
      if (id !== 0 && write?.place != null && write.place.sequence > (last.get(write.place.log)?.place.sequence ?? 0)) last.set(write.place.log, { write, place: write.place, cell });
    }
    for (const [cell, here] of found.entries()) {
      for (const { write } of this.cells[cell] ?? []) {
        const { place } = write;
        if (place === null || here.includes(write)) continue;
        const later = last.get(place.log);
        if (later === undefined || later.place.sequence <= place.sequence) continue;
        const older = here.every((one) => (one.place?.log === place.log ? one.place.sequence < place.sequence : one.place === null && one.endedAt < write.askedAt));
        if (older) return `cell ${String(cell)} lacks write ${String(write.id)} (record ${String(place.sequence)}), but cell ${String(later.cell)} holds the later write ${String(later.write.id)} (record ${String(later.place.sequence)})`;
      }
    }
    return null;
  }
}

/** One volume, or a pair of them. Side 0 is the home source. */
export class VolumeModel {
  readonly tag: number;
  readonly cellBytes: number;
  readonly sizeBytes: number;
  readonly sides: readonly SideModel[];
  /** The side whose acknowledgements promise the other one too. */
  inSyncFrom: number | null = null;
  /** The side that copies to the other one now. */
  syncingFrom: number | null = null;
  /** Side that a forced failover put in charge while the other may still serve. */
  forced = false;
  /** The side in charge, and since when it alone may acknowledge. */
  primary = 0;
  private readonly ticks: { now: number };
  private readonly open = new Map<Write, number>();

  constructor(ticks: { now: number }, tag: number, cellBytes: number, sizeBytes: number, sides: number) {
    this.ticks = ticks;
    this.tag = tag;
    this.cellBytes = cellBytes;
    this.sizeBytes = sizeBytes;
    this.sides = Array.from({ length: sides }, () => new SideModel(sizeBytes / cellBytes));
  }

  side(index: number): SideModel {
    const side = this.sides[index];
    if (side === undefined) throw new Error(`no side ${String(index)}`);
    return side;
  }

  tick(): number {
    return ++this.ticks.now;
  }

  // --- what hosts do -----------------------------------------------------------------------------------------------

  ask(index: number, id: number, kind: Write['kind'], firstCell: number, cells: number): Write {
    const write: Write = { id, kind, firstCell, cells, askedAt: this.tick(), endedAt: NEVER, acknowledged: false, place: null };
    this.side(index).add(write);
    const other = this.sides[1 - index];
    if (other !== undefined) {
      if (this.inSyncFrom === index) other.add(write);
      if (this.syncingFrom === index && other.target !== null) other.add(write, other.target);
    }
    this.open.set(write, index);
    return write;
  }

  /** Tells what is wrong with the acknowledgement itself, null when nothing is. */
  ended(index: number, write: Write, acknowledged: boolean): string | null {
    write.endedAt = this.tick();
    write.acknowledged = acknowledged;
    this.open.delete(write);
    if (!acknowledged) return null;
    this.side(index).certain(write, write.endedAt);
    const other = this.sides[1 - index];
    if (other !== undefined && this.inSyncFrom === index && other.state === 'usable') other.certain(write, write.endedAt);
    if (this.sides.length === 2 && index !== this.primary && !this.forced && write.askedAt > this.primarySince) {
      return `side ${String(index)} acknowledged write ${String(write.id)} although side ${String(this.primary)} is primary and nobody forced a failover`;
    }
    return null;
  }

  private primarySince = 0;

  /** The write was refused before it was logged: it can never be seen. */
  refused(write: Write): void {
    write.endedAt = this.tick();
    this.open.delete(write);
    for (const side of this.sides) side.remove(write);
  }

  // --- what servers report -------------------------------------------------------------------------------------------

  resyncStarted(from: number): void {
    const target = this.side(1 - from);
    this.syncingFrom = from;
    this.inSyncFrom = null;
    if (target.state === 'usable') target.safety = copyOf(target.cells);
    target.state = 'mixture';
    target.target = copyOf(this.side(from).cells);
  }

  /** `stillSo`: the reporting side says so at this moment too; a fracture may have followed at once. */
  synchronized(from: number, stillSo: boolean): void {
    if (!stillSo) return;
    const target = this.side(1 - from);
    target.cells = copyOf(this.side(from).cells);
    target.state = 'usable';
    target.target = null;
    this.syncingFrom = null;
    this.inSyncFrom = from;
    this.primary = from;
    this.forced = false;
  }

  fractured(from: number): void {
    if (this.inSyncFrom === from) this.inSyncFrom = null;
    if (this.syncingFrom === from) this.syncingFrom = null;
  }

  /** `at`: the tick of the promotion, when it is learnt of later only; until then nobody was told of it. */
  failover(to: number, at = this.tick()): void {
    const side = this.side(to);
    side.cut(at);
    if (side.state === 'mixture') {
      // Either the sync never touched the image, or its last step was taken and only the news of it was lost.
      const target = side.target ?? [];
      side.cells = (side.safety ?? side.cells).map((entries, cell) => {
        const more = (target[cell] ?? []).filter((e) => e.supersededAt === NEVER && !entries.some((known) => known.write === e.write));
        return [...entries, ...more.map((e) => ({ ...e, cutAt: at }))];
      });
      side.state = 'usable';
      side.target = null;
    }
    // It was secondary until now, whatever it once promised as a source.
    if (this.inSyncFrom === to) this.inSyncFrom = null;
    this.forced = true;
    this.primary = to;
    this.primarySince = at;
    if (this.syncingFrom !== to) this.syncingFrom = null;
  }

  swapped(to: number): void {
    this.inSyncFrom = null;
    this.primary = to;
    this.primarySince = this.tick();
  }

  /** A sync over the primary: hosts wait, and until it has finished it is a mixture of what it was and what the other side is. */
  overwriting(index: number): void {
    this.inSyncFrom = null;
    const side = this.side(index);
    side.cells = copyOf(this.side(1 - index).cells);
    side.state = 'mixture';
  }

  overwritten(index: number): void {
    this.side(index).state = 'usable';
  }

  fenced(index: number): void {
    if (this.inSyncFrom === index) this.inSyncFrom = null;
    this.endOpen(index);
  }

  rolledBack(index: number): void {
    const side = this.side(index);
    if (side.safety !== null) side.cells = copyOf(side.safety);
    side.state = 'usable';
    side.target = null;
  }

  /** The server of this side is gone: what was under way has ended, one way or the other. */
  crashed(index: number): void {
    this.endOpen(index);
  }

  private endOpen(index: number): void {
    for (const [write, side] of this.open) {
      if (side !== index) continue;
      write.endedAt = this.tick();
      this.open.delete(write);
    }
  }

  /** The pair is no more: the sides are volumes of their own. */
  parted(): void {
    this.inSyncFrom = null;
    this.syncingFrom = null;
    this.forced = true;
  }
}

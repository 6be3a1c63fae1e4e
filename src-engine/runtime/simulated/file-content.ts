import { StorageError } from '../types.ts';

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;
const CHUNK_BYTES = 64 * 1024;

/** One unsynced content of one sector. */
interface SectorVersion {
  readonly sequence: number;
  readonly origin: number;
  readonly bytes: Uint8Array;
  /** A failed sync dropped it: it is still read (as from a page cache), and no later sync makes it durable. */
  doomed: boolean;
}

/**
 * The bytes of one simulated file: what is durable, and per sector the versions written since, in order. Reads see the
 * newest version. Knows nothing of time, names or faults other than those of the medium.
 */
export class FileContent {
  readonly #chunks = new Map<number, Uint8Array>();
  readonly #unsynced = new Map<number, SectorVersion[]>();
  readonly #unreadable = new Set<number>();
  #sequence = 0;
  #size: number;
  #durableSize: number;

  constructor(size: number) {
    this.#size = size;
    this.#durableSize = size;
  }

  get size(): number {
    return this.#size;
  }

  /** Taken when a sync is called; the sync covers what had landed by then. */
  get sequence(): number {
    return this.#sequence;
  }

  get unsyncedSectors(): number {
    return this.#unsynced.size;
  }

  read(path: string, into: Uint8Array, at: number): void {
    if (at < 0 || at + into.length > this.#size) {
      throw new StorageError(
        'out-of-range',
        path,
        `read of ${into.length} bytes at ${at} passes the end ${this.#size}`,
      );
    }
    for (const piece of pieces(at, into.length)) {
      if (this.#unreadable.has(piece.sector))
        throw new StorageError('io', path, `sector ${piece.sector} cannot be read`);
      const newest = this.#unsynced.get(piece.sector)?.at(-1);
      const target = into.subarray(piece.from, piece.from + piece.length);
      if (newest === undefined) this.#readDurable(piece.sector, piece.within, target);
      else target.set(newest.bytes.subarray(piece.within, piece.within + piece.length));
    }
  }

  /** A write arrives in the volatile cache. `only` leaves out sectors (a torn write). `data` is kept, not copied. */
  land(data: Uint8Array, at: number, origin: number, only?: (sector: number) => boolean): void {
    const sequence = ++this.#sequence;
    for (const piece of pieces(at, data.length)) {
      if (only !== undefined && !only(piece.sector)) continue;
      let bytes: Uint8Array;
      if (piece.length === SECTOR_BYTES) {
        bytes = data.subarray(piece.from, piece.from + SECTOR_BYTES);
        this.#unreadable.delete(piece.sector); // a whole new sector is remapped by the disk
      } else {
        bytes = this.#newest(piece.sector);
        bytes.set(data.subarray(piece.from, piece.from + piece.length), piece.within);
      }
      const version = { sequence, origin, bytes, doomed: false };
      const versions = this.#unsynced.get(piece.sector);
      if (versions === undefined) this.#unsynced.set(piece.sector, [version]);
      else versions.push(version);
      this.#size = Math.max(this.#size, at + piece.from + piece.length);
    }
  }

  /** Makes durable what had landed by `sequence`, except what an earlier failed sync dropped. */
  sync(sequence: number): void {
    for (const [sector, versions] of this.#unsynced) {
      const durable = versions.findLast((version) => version.sequence <= sequence && !version.doomed);
      if (durable !== undefined) this.#writeDurable(sector, durable.bytes);
      const floor = durable?.sequence ?? 0;
      this.#keep(
        sector,
        versions.filter((version) => version.sequence > floor),
      );
    }
    this.#durableSize = Math.max(this.#durableSize, this.#size);
  }

  /** A sync that failed: whatever `drop` says yes to will never be durable, though it is still read. */
  failSync(sequence: number, drop: () => boolean): void {
    for (const versions of this.#unsynced.values()) {
      if (!drop()) continue;
      for (const version of versions) if (version.sequence <= sequence) version.doomed = true;
    }
  }

  /**
   * Power loss for the unsynced writes of one origin, or of all: each sector of each write is kept (then it is durable)
   * or lost, as `keep` says, which is asked with the number of the write inside this file.
   */
  losePower(origin: number | undefined, keep: (write: number) => boolean): void {
    let end = this.#durableSize;
    for (const [sector, versions] of this.#unsynced) {
      let kept: SectorVersion | undefined;
      for (const version of versions) {
        if ((origin === undefined || version.origin === origin) && !version.doomed && keep(version.sequence))
          kept = version;
      }
      if (kept !== undefined) this.#writeDurable(sector, kept.bytes);
      const floor = kept?.sequence ?? 0;
      const left = versions.filter((v) => origin !== undefined && v.origin !== origin && v.sequence > floor);
      this.#keep(sector, left);
      if (kept !== undefined || left.length > 0) end = Math.max(end, Math.min(this.#size, (sector + 1) * SECTOR_BYTES));
    }
    this.#size = end;
    if (origin === undefined) this.#durableSize = end;
  }

  /** Bit rot: flips one durable bit, silently. */
  flipBit(atByte: number, bit: number): void {
    const byte = new Uint8Array(1);
    const sector = Math.floor(atByte / SECTOR_BYTES);
    this.#readDurable(sector, atByte % SECTOR_BYTES, byte);
    const [value = 0] = byte;
    const whole = new Uint8Array(SECTOR_BYTES);
    this.#readDurable(sector, 0, whole);
    whole[atByte % SECTOR_BYTES] = value ^ (1 << bit);
    this.#writeDurable(sector, whole);
  }

  /** Latent sector error: reads of the range fail until a whole sector is written anew, or `repair`. */
  spoil(at: number, length: number): void {
    for (const piece of pieces(at, length)) this.#unreadable.add(piece.sector);
  }

  repair(): void {
    this.#unreadable.clear();
  }

  #newest(sector: number): Uint8Array {
    const newest = this.#unsynced.get(sector)?.at(-1);
    if (newest !== undefined) return newest.bytes.slice();
    const bytes = new Uint8Array(SECTOR_BYTES);
    this.#readDurable(sector, 0, bytes);
    return bytes;
  }

  #keep(sector: number, versions: SectorVersion[]): void {
    if (versions.length === 0) this.#unsynced.delete(sector);
    else this.#unsynced.set(sector, versions);
  }

  #readDurable(sector: number, within: number, into: Uint8Array): void {
    const at = sector * SECTOR_BYTES;
    const chunk = this.#chunks.get(Math.floor(at / CHUNK_BYTES));
    const from = (at % CHUNK_BYTES) + within;
    if (chunk === undefined) into.fill(0);
    else into.set(chunk.subarray(from, from + into.length));
  }

  #writeDurable(sector: number, bytes: Uint8Array): void {
    const at = sector * SECTOR_BYTES;
    const index = Math.floor(at / CHUNK_BYTES);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_BYTES);
      this.#chunks.set(index, chunk);
    }
    chunk.set(bytes, at % CHUNK_BYTES);
  }
}

interface Piece {
  readonly sector: number;
  /** Offset inside the sector. */
  readonly within: number;
  /** Offset inside the caller's range. */
  readonly from: number;
  readonly length: number;
}

/** The range, sector by sector. */
export function* pieces(at: number, length: number): Generator<Piece> {
  let from = 0;
  while (from < length) {
    const within = (at + from) % SECTOR_BYTES;
    const take = Math.min(SECTOR_BYTES - within, length - from);
    yield { sector: Math.floor((at + from) / SECTOR_BYTES), within, from, length: take };
    from += take;
  }
}

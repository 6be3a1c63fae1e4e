/**
 * The durable bitmap of one relationship: the regions that one side may miss (docs: "marks").
 *
 * One file, 4 KiB pages, everything twice: header A, pages A, header B, pages B. A page is eight sectors of 512 bytes,
 * each with 504 bytes of bits, its serial and its CRC; a device writes a sector whole or not at all, therefore no torn
 * write can damage a bit, and a flush needs one sync although both copies are written in place. What is read: per
 * sector the valid copy with the higher serial; all ones where neither copy is valid. The log is never believed clean
 * because of damage.
 *
 * A log may track more regions than its volume has: when a volume grows, its log grows first, durably. Where that takes
 * more pages it is another file, `<name>.<pages>`; the one that fits the volume's size counts.
 */
import { crc32 } from 'node:zlib';
import { StorageError, assert, type Runtime, type StorageFile } from '../runtime/index.ts';
import { REGION_BYTES, RegionSet } from './region-set.ts';

const FORMAT_VERSION = 1;
const MAGIC = 'LSKFRACT';
const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;
const SECTOR_BITS_BYTES = 504;
const SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES;
export const REGIONS_PER_PAGE = SECTORS_PER_PAGE * SECTOR_BITS_BYTES * 8;
const REGIONS_PER_SECTOR = SECTOR_BITS_BYTES * 8;

export interface FractureLogDependencies {
  readonly runtime: Pick<Runtime, 'planted' | 'covered'>;
  /** Rejects `not-found` when the file is missing and `create` is false. A new file has exactly `sizeBytes`. */
  open(name: string, sizeBytes: number, create: boolean): Promise<StorageFile>;
}

export interface FractureLogOptions {
  readonly regions: number;
  /** Makes a new log over whatever is there. Without it a missing file is refused, never made silently. */
  readonly create: boolean;
  /** Content of a new log; 'marked' (all regions) unless said otherwise, since nothing was ever copied. */
  readonly initial?: 'marked' | 'clear';
}

export type FractureLogOpenResult =
  | {
      readonly kind: 'open';
      readonly log: FractureLog;
      /** 'one-copy': nothing lost. 'both': the regions of the damaged sectors (or all, without a header) are marked. */
      readonly damaged: 'none' | 'one-copy' | 'both';
    }
  | {
      readonly kind: 'refused';
      readonly code: 'missing' | 'unreadable' | 'newer-version' | 'other-log' | 'wrong-size';
      readonly message: string;
    };

export class FractureLog {
  readonly name: string;
  readonly #deps: FractureLogDependencies;
  readonly #runtime: FractureLogDependencies['runtime'];
  #file: StorageFile;
  #fileName: string;
  #regions: RegionSet;
  #pages: number;
  #changedPages: Uint8Array;
  #serial: number;
  #state: 'open' | 'failed' = 'open';
  /** A growth ended without anybody knowing which of two files counts after a restart. */
  #unknown = false;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  private constructor(deps: FractureLogDependencies, name: string, at: { readonly file: StorageFile; readonly fileName: string }, regions: RegionSet, serial: number) {
    this.#deps = deps;
    this.#runtime = deps.runtime;
    this.name = name;
    this.#file = at.file;
    this.#fileName = at.fileName;
    this.#regions = regions;
    this.#pages = pagesOf(regions.size);
    this.#changedPages = new Uint8Array(this.#pages);
    this.#serial = serial;
  }

  /** Only rejects for errors that are bugs; everything a medium can do is a result. */
  static async open(
    deps: FractureLogDependencies,
    name: string,
    options: FractureLogOptions,
  ): Promise<FractureLogOpenResult> {
    const sizeBytes = fileBytes(pagesOf(options.regions));
    try {
      const at = await openFile(deps, name, pagesOf(options.regions), options.create);
      const { file } = at;
      if (file.size !== sizeBytes) {
        const message = `${file.path} has ${file.size} bytes, a fracture log of ${options.regions} regions has ${sizeBytes}`;
        return { kind: 'refused', code: 'wrong-size', message };
      }
      if (options.create) {
        const regions = options.initial === 'clear' ? new RegionSet(options.regions) : RegionSet.full(options.regions);
        const log = new FractureLog(deps, name, at, regions, 0);
        await log.#format();
        return { kind: 'open', log, damaged: 'none' };
      }
      return await FractureLog.#load(deps, name, at, options.regions);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const code = error.code === 'not-found' ? 'missing' : 'unreadable';
      return { kind: 'refused', code, message: error.message };
    }
  }

  static async #load(
    deps: FractureLogDependencies,
    name: string,
    at: { readonly file: StorageFile; readonly fileName: string },
    regionCount: number,
  ): Promise<FractureLogOpenResult> {
    const { file } = at;
    const pages = pagesOf(regionCount);
    const copies = [
      await readCopy(file, 0, 1 + pages),
      await readCopy(file, (1 + pages) * PAGE_BYTES, 1 + pages),
    ] as const;
    const headers = copies.map((copy) => readHeader(copy.subarray(0, PAGE_BYTES), name, regionCount));
    for (const header of headers) {
      if (header.kind === 'refused') return header;
    }
    const goodHeaders = headers.filter((header) => header.kind === 'good').length;
    if (goodHeaders === 0) {
      deps.runtime.covered('fracture-log/both-headers-damaged');
      const log = new FractureLog(deps, name, at, RegionSet.full(regionCount), 0);
      await log.#format();
      return { kind: 'open', log, damaged: 'both' };
    }
    const regions = new RegionSet(regionCount);
    let damaged: 'none' | 'one-copy' | 'both' = goodHeaders === 1 ? 'one-copy' : 'none';
    let serial = 0;
    const repair = goodHeaders === 1;
    const suspect = new Set<number>();
    for (let index = 0; index < pages * SECTORS_PER_PAGE; index += 1) {
      const from = PAGE_BYTES + index * SECTOR_BYTES;
      const [a, b] = copies.map((copy) => readSector(copy.subarray(from, from + SECTOR_BYTES), name, index));
      const serialA = a?.serial ?? -1;
      const serialB = b?.serial ?? -1;
      serial = Math.max(serial, serialA, serialB);
      if (serialA !== serialB) suspect.add(Math.floor(index / SECTORS_PER_PAGE));
      const best = serialA >= serialB ? a : b;
      if (best !== null && best !== undefined) regions.addBits(index * REGIONS_PER_SECTOR, best.bits);
      else {
        const from = index * REGIONS_PER_SECTOR;
        if (from < regionCount) regions.addRange(from, Math.min(regionCount, from + REGIONS_PER_SECTOR));
        suspect.add(Math.floor(index / SECTORS_PER_PAGE));
      }
      if (a === null && b === null) damaged = 'both';
      else if ((a === null || b === null) && damaged === 'none') damaged = 'one-copy';
    }
    const log = new FractureLog(deps, name, at, regions, serial);
    if (damaged !== 'none') deps.runtime.covered(`fracture-log/damaged-${damaged}`);
    // Copies are made equal again at once, so that a second damage still finds a good one.
    if (repair) await log.#writeHeaders();
    for (const page of suspect) log.#changedPages[page] = 1;
    await log.flush();
    return { kind: 'open', log, damaged };
  }

  get state(): 'open' | 'failed' {
    return this.#state;
  }

  /** The current marks, flushed or not. Not to be changed by the caller. */
  get regions(): RegionSet {
    return this.#regions;
  }

  /** No region is marked, and the medium says so. */
  get clean(): boolean {
    return this.#state === 'open' && this.#regions.isEmpty && this.#running === null && !this.#changedPages.includes(1);
  }

  /** Marks in memory; durable after the next `flush`. */
  mark(regions: RegionSet): void {
    for (const { from, to } of regions.runs()) this.#add(from, to);
  }

  /** Marks every region that the byte range of the volume touches. */
  markRange(offset: number, length: number): void {
    if (length > 0) this.#add(Math.floor(offset / REGION_BYTES), Math.ceil((offset + length) / REGION_BYTES));
  }

  markAll(): void {
    this.#add(0, this.#regions.size);
  }

  /** Unmarks in memory; the caller knows that a committed consistency point carried the blocks. */
  clear(regions: RegionSet): void {
    for (const { from, to } of regions.runs()) this.#remove(from, to);
  }

  clearAll(): void {
    this.#remove(0, this.#regions.size);
  }

  /**
   * Settles when all marks and clears made before the call are durable; calls share syncs. Rejects with StorageError
   * when the medium refuses. What an earlier failed sync left behind is never trusted: the next flush opens the file
   * anew and writes all of it again, both copies, before it calls anything durable.
   */
  flush(): Promise<void> {
    if (this.#unknown) return Promise.reject(new StorageError('io', this.#file.path, 'a growth of the volume ended without an answer; restart the server'));
    if (this.#running === null) {
      const running = (this.#state === 'failed' ? this.#rewrite() : this.#write()).finally(() => {
        if (this.#running === running) this.#running = null;
      });
      this.#running = running;
      return running;
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.flush();
      });
    return this.#next;
  }

  /**
   * The volume grows to so many regions; none of the new ones is marked: both sides read zeros there. The file tracks
   * them before `label` makes the new size durable; flushes wait meanwhile, for files and a label only, never for a
   * consistency point. Rejects with the error of the file (nothing changed) or of `label` (the log is of no use then,
   * since nobody knows which size counts).
   */
  grow(regions: number, label: () => Promise<void>): Promise<void> {
    // What runs fills the place of a flush: those that are asked for meanwhile follow it.
    const before = this.#running ?? Promise.resolve();
    const growing = before
      .catch(() => undefined)
      .then(async () => {
        if (this.#state === 'failed') await this.#rewrite();
        if (regions > this.#regions.size) await this.#trackMore(regions);
        try {
          await label();
        } catch (error) {
          this.#unknown = true;
          this.#state = 'failed';
          throw error;
        }
      })
      .finally(() => {
        if (this.#running === growing) this.#running = null;
      });
    this.#running = growing;
    return growing;
  }

  /** Afterwards the log in memory and on disk has so many regions; what is marked meanwhile is flushed later. */
  async #trackMore(regions: number): Promise<void> {
    const pages = pagesOf(regions);
    if (pages === this.#pages) {
      await this.#writeHeaders(regions);
      this.#regions = this.#regions.grown(regions);
      return;
    }
    const fileName = `${this.name}.${String(pages)}`;
    const file = await this.#deps.open(fileName, fileBytes(pages), true);
    const log = new FractureLog(this.#deps, this.name, { file, fileName }, this.#regions.grown(regions), this.#serial);
    try {
      await log.#format();
    } catch (error) {
      await file.close();
      throw error;
    }
    const old = this.#file;
    this.#file = file;
    this.#fileName = fileName;
    this.#regions = this.#regions.grown(regions);
    this.#pages = pages;
    this.#serial = log.#serial;
    // Bits that changed while the file was written are not in it.
    this.#changedPages = new Uint8Array(pages).fill(1);
    this.#runtime.covered('fracture-log/more-pages');
    await old.close();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #add(from: number, to: number): void {
    const before = this.#regions.count;
    this.#regions.addRange(from, to);
    if (this.#regions.count !== before) this.#touch(from, to);
  }

  #remove(from: number, to: number): void {
    const before = this.#regions.count;
    this.#regions.deleteRange(from, to);
    if (this.#regions.count !== before) this.#touch(from, to);
  }

  async #rewrite(): Promise<void> {
    const file = await this.#deps.open(this.#fileName, fileBytes(this.#pages), true);
    if (file.size !== this.#file.size) throw new StorageError('io', file.path, `the fracture log has ${file.size} bytes, expected ${this.#file.size}`);
    this.#file = file;
    this.#changedPages.fill(1);
    await this.#writeHeaders();
    await this.#write();
    this.#state = 'open';
    this.#runtime.covered('fracture-log/rewritten');
  }

  #touch(from: number, to: number): void {
    for (let page = Math.floor(from / REGIONS_PER_PAGE); page * REGIONS_PER_PAGE < to; page += 1)
      this.#changedPages[page] = 1;
  }

  async #format(): Promise<void> {
    await this.#writeHeaders();
    this.#changedPages.fill(1);
    await this.flush();
  }

  async #writeHeaders(regions = this.#regions.size): Promise<void> {
    const header = encodeHeader(this.name, regions);
    // One after the other: a header is not atomic, and both may not be torn by one crash.
    for (const at of [0, (1 + this.#pages) * PAGE_BYTES]) {
      await this.#file.write([header], at);
      await this.#file.sync();
    }
  }

  async #write(): Promise<void> {
    if (!this.#changedPages.includes(1)) return;
    this.#serial += 1;
    assert(this.#serial < 2 ** 32, 'the serial of a fracture log fits into 32 bits');
    const images: { page: number; bytes: Uint8Array }[] = [];
    for (let page = 0; page < this.#pages; page += 1) {
      if (this.#changedPages[page] === 1) images.push({ page, bytes: this.#encodePage(page) });
    }
    this.#changedPages.fill(0);
    try {
      for (const copyAt of [PAGE_BYTES, (2 + this.#pages) * PAGE_BYTES]) {
        for (const { page, bytes } of images) await this.#file.write([bytes], copyAt + page * PAGE_BYTES);
      }
      await this.#file.sync();
    } catch (error) {
      this.#state = 'failed';
      this.#runtime.covered('fracture-log/failed');
      throw error;
    }
  }

  #encodePage(page: number): Uint8Array {
    const bytes = new Uint8Array(PAGE_BYTES);
    const view = new DataView(bytes.buffer);
    for (let sector = 0; sector < SECTORS_PER_PAGE; sector += 1) {
      const index = page * SECTORS_PER_PAGE + sector;
      const at = sector * SECTOR_BYTES;
      const bits = bytes.subarray(at, at + SECTOR_BITS_BYTES);
      this.#regions.readBits(index * REGIONS_PER_SECTOR, bits);
      if (this.#runtime.planted('drop-fracture-bit')) dropFirstBit(bits);
      view.setUint32(at + SECTOR_BITS_BYTES, this.#serial, true);
      view.setUint32(
        at + SECTOR_BITS_BYTES + 4,
        sectorCrc(bytes.subarray(at, at + SECTOR_BYTES), this.name, index),
        true,
      );
    }
    return bytes;
  }
}

function dropFirstBit(bits: Uint8Array): void {
  const at = bits.findIndex((byte) => byte !== 0);
  if (at >= 0) bits[at] = (bits[at] ?? 0) & ((bits[at] ?? 0) - 1);
}

function fileBytes(pages: number): number {
  return 2 * (1 + pages) * PAGE_BYTES;
}

/** Every file in which the marks of so many regions may lie. */
export function fractureLogFiles(name: string, regions: number): readonly string[] {
  return [name, `${name}.${String(pagesOf(regions))}`];
}

/** The file for so many pages: the one that a growth to them made, else the one of the beginning. */
async function openFile(deps: FractureLogDependencies, name: string, pages: number, create: boolean): Promise<{ readonly file: StorageFile; readonly fileName: string }> {
  const fileName = `${name}.${String(pages)}`;
  try {
    return { file: await deps.open(fileName, fileBytes(pages), false), fileName };
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'not-found') throw error;
  }
  const file = await deps.open(name, fileBytes(pages), create);
  if (file.size === fileBytes(pages) || !create) return { file, fileName: name };
  // One of another size is in the way, and must stay: should the volume turn out to have that size, it counts.
  await file.close();
  return { file: await deps.open(fileName, fileBytes(pages), true), fileName };
}

function pagesOf(regions: number): number {
  return Math.max(1, Math.ceil(regions / REGIONS_PER_PAGE));
}

/** Covers log and place, so that a sector of another log or place is damage. */
function sectorCrc(sector: Uint8Array, name: string, index: number): number {
  return crc32(sector.subarray(0, SECTOR_BITS_BYTES + 4), crc32(`${name}#${index}`));
}

function readSector(sector: Uint8Array, name: string, index: number): { serial: number; bits: Uint8Array } | null {
  const view = new DataView(sector.buffer, sector.byteOffset, sector.byteLength);
  if (view.getUint32(SECTOR_BITS_BYTES + 4, true) !== sectorCrc(sector, name, index)) return null;
  return { serial: view.getUint32(SECTOR_BITS_BYTES, true), bits: sector.subarray(0, SECTOR_BITS_BYTES) };
}

/** Blocks with medium errors stay zero, which is no valid sector. */
async function readCopy(file: StorageFile, from: number, blocks: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(blocks * PAGE_BYTES);
  try {
    await file.read(bytes, from);
    return bytes;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
  }
  for (let block = 0; block < blocks; block += 1) {
    const part = bytes.subarray(block * PAGE_BYTES, (block + 1) * PAGE_BYTES);
    try {
      await file.read(part, from + block * PAGE_BYTES);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      part.fill(0);
    }
  }
  return bytes;
}

function encodeHeader(name: string, regions: number): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC), 0);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, PAGE_BYTES, true);
  view.setUint32(16, regions >>> 0, true);
  view.setUint32(20, Math.floor(regions / 2 ** 32), true);
  view.setUint32(24, crc32(name), true);
  view.setUint32(PAGE_BYTES - 4, crc32(bytes.subarray(0, PAGE_BYTES - 4)), true);
  return bytes;
}

type HeaderResult =
  { readonly kind: 'good' } | { readonly kind: 'damaged' } | Extract<FractureLogOpenResult, { kind: 'refused' }>;

function readHeader(bytes: Uint8Array, name: string, regions: number): HeaderResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC) return { kind: 'damaged' };
  if (view.getUint32(PAGE_BYTES - 4, true) !== crc32(bytes.subarray(0, PAGE_BYTES - 4))) return { kind: 'damaged' };
  const version = view.getUint32(8, true);
  if (version !== FORMAT_VERSION) {
    return { kind: 'refused', code: 'newer-version', message: `${name} has fracture log format ${version}` };
  }
  if (view.getUint32(24, true) !== crc32(name)) {
    return { kind: 'refused', code: 'other-log', message: `the file of ${name} belongs to another relationship` };
  }
  const stored = view.getUint32(16, true) + view.getUint32(20, true) * 2 ** 32;
  if (stored < regions) {
    return {
      kind: 'refused',
      code: 'wrong-size',
      message: `${name} tracks ${stored} regions, the volume has ${regions}`,
    };
  }
  return { kind: 'good' };
}

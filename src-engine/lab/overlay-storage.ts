/**
 * Storage whose changes stay in memory: what is below it is read and never written. A lab that is only looked at recovers
 * on top of it, so that a check of a lab at rest changes nothing.
 */
import { StorageError, type Storage, type StorageFile } from '../runtime/index.ts';

const PAGE = 4096;

export class OverlayStorage implements Storage {
  readonly #base: Storage;
  readonly #files = new Map<string, OverlayFile>();
  /** Of the base, removed or renamed away here. */
  readonly #gone = new Set<string>();

  constructor(base: Storage) {
    this.#base = base;
  }

  async open(path: string, options: { readonly create?: boolean; readonly size?: number } = {}): Promise<StorageFile> {
    const known = await this.#find(path);
    if (known !== null) return known;
    if (options.create !== true) throw new StorageError('not-found', path, `${path} does not exist`);
    const made = new OverlayFile(path, null, options.size ?? 0);
    this.#files.set(path, made);
    return made;
  }

  async exists(path: string): Promise<boolean> {
    return this.#files.has(path) || (!this.#gone.has(path) && (await this.#base.exists(path)));
  }

  async list(prefix: string): Promise<readonly string[]> {
    const below = (await this.#base.list(prefix)).filter((path) => !this.#gone.has(path));
    const here = [...this.#files.keys()].filter((path) => path.startsWith(prefix));
    return [...new Set([...below, ...here])].sort();
  }

  async remove(path: string): Promise<void> {
    if (!(await this.exists(path))) throw new StorageError('not-found', path, `${path} does not exist`);
    await this.#files.get(path)?.release();
    this.#files.delete(path);
    this.#gone.add(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const file = await this.#find(from);
    if (file === null) throw new StorageError('not-found', from, `${from} does not exist`);
    await this.#files.get(to)?.release();
    this.#files.delete(from);
    this.#files.set(to, file);
    this.#gone.add(from);
  }

  freeBytes(): Promise<number> {
    return this.#base.freeBytes();
  }

  /** Closes what is open below. */
  async release(): Promise<void> {
    for (const file of this.#files.values()) await file.release();
    this.#files.clear();
  }

  async #find(path: string): Promise<OverlayFile | null> {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    if (this.#gone.has(path) || !(await this.#base.exists(path))) return null;
    const base = await this.#base.open(path);
    const raced = this.#files.get(path);
    if (raced !== undefined) {
      await base.close();
      return raced;
    }
    const file = new OverlayFile(path, base, base.size);
    this.#files.set(path, file);
    return file;
  }
}

/** Written pages over a base; pages are whole, the last may reach past the end. */
class OverlayFile implements StorageFile {
  readonly path: string;
  readonly size: number;
  readonly #base: StorageFile | null;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(path: string, base: StorageFile | null, size: number) {
    this.path = path;
    this.#base = base;
    this.size = size;
  }

  async read(into: Uint8Array, at: number): Promise<void> {
    this.#inside(at, into.byteLength);
    const end = at + into.byteLength;
    const belowEnd = Math.min(end, this.#base?.size ?? 0);
    into.fill(0);
    if (this.#base !== null && belowEnd > at) await this.#base.read(into.subarray(0, belowEnd - at), at);
    if (this.#pages.size === 0) return;
    for (let page = Math.floor(at / PAGE); page * PAGE < end; page += 1) {
      const bytes = this.#pages.get(page);
      if (bytes === undefined) continue;
      const from = Math.max(at, page * PAGE);
      const to = Math.min(end, (page + 1) * PAGE);
      into.set(bytes.subarray(from - page * PAGE, to - page * PAGE), from - at);
    }
  }

  async write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    let offset = at;
    for (const buffer of buffers) {
      this.#inside(offset, buffer.byteLength);
      await this.#put(buffer, offset);
      offset += buffer.byteLength;
    }
  }

  async #put(data: Uint8Array, at: number): Promise<void> {
    const end = at + data.byteLength;
    for (let page = Math.floor(at / PAGE); page * PAGE < end; page += 1) {
      const from = Math.max(at, page * PAGE);
      const to = Math.min(end, (page + 1) * PAGE);
      const bytes = this.#pages.get(page) ?? (to - from === PAGE ? new Uint8Array(PAGE) : await this.#below(page));
      bytes.set(data.subarray(from - at, to - at), from - page * PAGE);
      this.#pages.set(page, bytes);
    }
  }

  async #below(page: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(PAGE);
    const length = Math.min(PAGE, (this.#base?.size ?? 0) - page * PAGE);
    if (this.#base !== null && length > 0) await this.#base.read(bytes.subarray(0, length), page * PAGE);
    return this.#pages.get(page) ?? bytes;
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }
  commit(buffers: readonly Uint8Array[], at: number): Promise<void> {
    return this.write(buffers, at);
  }
  async discard(at: number, length: number): Promise<void> {
    for (let from = at; from < at + length; from += PAGE)
      await this.#put(new Uint8Array(Math.min(PAGE, at + length - from)), from);
  }
  /** Others may have it open too; `release` closes what is below. */
  close(): Promise<void> {
    return Promise.resolve();
  }
  async release(): Promise<void> {
    await this.#base?.close();
  }

  #inside(at: number, length: number): void {
    if (at < 0 || at + length > this.size)
      throw new StorageError('out-of-range', this.path, `${this.path}: ${at}+${length} is past ${this.size}`);
  }
}

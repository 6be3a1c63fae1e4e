import nodeFs from 'node:fs';
import nodePath from 'node:path';
import { assertStoragePath, assertStoragePrefix, CREATING_SUFFIX, directoryOf } from '../paths.ts';
import { StorageError, type Storage, type StorageFile } from '../types.ts';
import { call } from './errors.ts';
import { NodeFile } from './file.ts';

/** What this module uses of `node:fs`; a test may hand in one that records or fails. */
export type FileSystem = typeof nodeFs;

export interface NodeStorageOptions {
  readonly fs?: FileSystem;
}

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * The files below `rootDirectory` (made when missing). A new file is made under another name, allocated, synced and
 * then renamed, and its directory synced, so that it is whole or absent whatever happens.
 */
export function nodeStorage(rootDirectory: string, options: NodeStorageOptions = {}): Storage {
  return new NodeStorage(nodePath.resolve(rootDirectory), options.fs ?? nodeFs);
}

class NodeStorage implements Storage {
  readonly #root: string;
  readonly #fs: FileSystem;
  /** Files being made, so that two callers do not make the same one. */
  readonly #making = new Map<string, Promise<unknown>>();
  #realRoot: Promise<string> | undefined;

  constructor(root: string, fs: FileSystem) {
    this.#root = root;
    this.#fs = fs;
  }

  async open(
    path: string,
    options: { readonly create?: boolean; readonly size?: number; readonly preallocate?: boolean } = {},
  ): Promise<StorageFile> {
    assertStoragePath(path);
    await this.#making.get(path);
    const directory = await this.#directory(directoryOf(path), options.create === true ? path : undefined);
    const full = nodePath.join(directory, nodePath.basename(path));
    try {
      return await this.#openExisting(path, full);
    } catch (error) {
      if (options.create !== true || !(error instanceof StorageError) || error.code !== 'not-found') throw error;
    }
    // Between the failed open and here others may have begun to make it.
    const other = this.#making.get(path);
    if (other !== undefined) return this.open(path, options);
    const made = this.#make(path, full, options.size ?? 0, options.preallocate === true);
    const settled = made.catch(() => undefined);
    this.#making.set(path, settled);
    try {
      return await made;
    } finally {
      this.#making.delete(path);
    }
  }

  async exists(path: string): Promise<boolean> {
    assertStoragePath(path);
    try {
      const directory = await this.#directory(directoryOf(path), undefined);
      const full = nodePath.join(directory, nodePath.basename(path));
      const stat = await call<nodeFs.Stats>(path, (done) => this.#fs.lstat(full, done));
      return stat.isFile();
    } catch (error) {
      if (error instanceof StorageError && error.code === 'not-found') return false;
      throw error;
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    assertStoragePrefix(prefix);
    const found: string[] = [];
    await this.#walk(directoryOf(prefix), found);
    return found.filter((path) => path.startsWith(prefix)).sort();
  }

  async remove(path: string): Promise<void> {
    assertStoragePath(path);
    const directory = await this.#directory(directoryOf(path), undefined);
    const full = nodePath.join(directory, nodePath.basename(path));
    await call(path, (done) => this.#fs.unlink(full, done));
    await this.#syncDirectory(path, directory);
  }

  async rename(from: string, to: string): Promise<void> {
    assertStoragePath(from);
    assertStoragePath(to);
    const fromDirectory = await this.#directory(directoryOf(from), undefined);
    const toDirectory = await this.#directory(directoryOf(to), to);
    const fullFrom = nodePath.join(fromDirectory, nodePath.basename(from));
    const fullTo = nodePath.join(toDirectory, nodePath.basename(to));
    await call(from, (done) => this.#fs.rename(fullFrom, fullTo, done));
    await this.#syncDirectory(to, toDirectory);
    if (fromDirectory !== toDirectory) await this.#syncDirectory(from, fromDirectory);
  }

  async freeBytes(): Promise<number> {
    const root = await this.#rootDirectory();
    const stat = await call<nodeFs.StatsFs>('', (done) => this.#fs.statfs(root, done));
    return stat.bavail * stat.bsize;
  }

  async #openExisting(path: string, full: string): Promise<NodeFile> {
    const { O_RDWR, O_NOFOLLOW } = this.#fs.constants;
    const fd = await call<number>(path, (done) => this.#fs.open(full, O_RDWR | O_NOFOLLOW, FILE_MODE, done));
    try {
      const stat = await call<nodeFs.Stats>(path, (done) => this.#fs.fstat(fd, done));
      if (!stat.isFile()) throw new StorageError('io', path, `${path} is not a regular file`);
      return new NodeFile(this.#fs, path, fd, stat.size);
    } catch (error) {
      await call(path, (done) => this.#fs.close(fd, done));
      throw error;
    }
  }

  async #make(path: string, full: string, sizeBytes: number, preallocate: boolean): Promise<NodeFile> {
    const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = this.#fs.constants;
    const draft = `${full}${CREATING_SUFFIX}`;
    const flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW;
    const fd = await call<number>(path, (done) => this.#fs.open(draft, flags, FILE_MODE, done));
    let file = new NodeFile(this.#fs, path, fd, 0);
    try {
      if (preallocate) {
        await file.allocate(sizeBytes);
      } else if (sizeBytes > 0) {
        await call(path, (done) => this.#fs.ftruncate(fd, sizeBytes, done));
        file = new NodeFile(this.#fs, path, fd, sizeBytes);
      }
      await call(path, (done) => this.#fs.fsync(fd, done));
      await call(path, (done) => this.#fs.rename(draft, full, done));
      await this.#syncDirectory(path, nodePath.dirname(full));
      return file;
    } catch (error) {
      await file.close();
      await call(path, (done) => this.#fs.rm(draft, { force: true }, done));
      throw error;
    }
  }

  /** The real path of a directory below the root; made, with its parents, when a file `forPath` is to be put there. */
  async #directory(relative: string, forPath: string | undefined): Promise<string> {
    const root = await this.#rootDirectory();
    const wanted = nodePath.join(root, relative);
    if (forPath !== undefined) await this.#makeDirectories(forPath, root, relative);
    const real = await call<string>(relative, (done) => this.#fs.realpath(wanted, done));
    if (real === root || real.startsWith(root === nodePath.sep ? root : `${root}${nodePath.sep}`)) return real;
    throw new StorageError('io', relative, `${relative} leads out of the storage directory`);
  }

  async #makeDirectories(path: string, root: string, relative: string): Promise<void> {
    let parent = root;
    for (const name of relative.split('/').filter((segment) => segment !== '')) {
      const directory = nodePath.join(parent, name);
      try {
        await call(path, (done) => this.#fs.mkdir(directory, DIRECTORY_MODE, done));
        await this.#syncDirectory(path, parent);
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== 'exists') throw error;
        const stat = await call<nodeFs.Stats>(path, (done) => this.#fs.lstat(directory, done));
        if (!stat.isDirectory()) throw new StorageError('io', path, `${name} is not a directory`);
      }
      parent = directory;
    }
  }

  #rootDirectory(): Promise<string> {
    this.#realRoot ??= (async () => {
      const options = { recursive: true, mode: DIRECTORY_MODE };
      await call<unknown>('', (done) => this.#fs.mkdir(this.#root, options, done));
      return call<string>('', (done) => this.#fs.realpath(this.#root, done));
    })().catch((error: unknown) => {
      this.#realRoot = undefined; // the next call tries again
      throw error;
    });
    return this.#realRoot;
  }

  async #syncDirectory(path: string, directory: string): Promise<void> {
    const { O_RDONLY, O_DIRECTORY } = this.#fs.constants;
    const fd = await call<number>(path, (done) => this.#fs.open(directory, O_RDONLY | O_DIRECTORY, done));
    try {
      await call(path, (done) => this.#fs.fsync(fd, done));
    } finally {
      await call(path, (done) => this.#fs.close(fd, done));
    }
  }

  /** Regular files below `relative`, without following symbolic links; drafts of unfinished files are not files yet. */
  async #walk(relative: string, found: string[]): Promise<void> {
    let entries: nodeFs.Dirent[];
    try {
      const directory = await this.#directory(relative, undefined);
      entries = await call<nodeFs.Dirent[]>(relative, (done) =>
        this.#fs.readdir(directory, { withFileTypes: true }, done),
      );
    } catch (error) {
      if (error instanceof StorageError && error.code === 'not-found') return;
      throw error;
    }
    for (const entry of entries) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) await this.#walk(path, found);
      else if (entry.isFile() && !entry.name.endsWith(CREATING_SUFFIX)) found.push(path);
    }
  }
}

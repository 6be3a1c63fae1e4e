import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import nodePath from 'node:path';

/** A file named by the person at the machine: absolute path, anywhere they may read or write. */
export interface UserFileReader {
  readonly sizeBytes: number;
  /** Another one as soon as the file was replaced or changed, as far as the file system tells. */
  readonly version: string;
  /** At most `length` bytes from `at`; shorter at the end. */
  read(at: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Written beside its final place, under a name of its own; nothing is there under the final name before `finish`. */
export interface UserFileWriter {
  /** Absolute path of the draft: what `resume` takes. */
  readonly draft: string;
  /** Size of the draft when it was opened: 0 for a new one. */
  readonly draftBytes: number;
  /** At most `length` bytes of the draft from `at`. */
  read(at: number, length: number): Promise<Uint8Array>;
  write(data: Uint8Array, at: number): Promise<void>;
  /** What was written before survives a power loss after it. */
  sync(): Promise<void>;
  /** Sets the size (what was not written is a hole), makes it durable and gives it its name. The draft stays on a problem. */
  finish(sizeBytes: number): Promise<UserFileProblem | null>;
  /** Closes the draft and leaves it, for `resume`. */
  keep(): Promise<void>;
  /** Leaves nothing behind. */
  abandon(): Promise<void>;
}

export type UserFileProblem = {
  readonly problem: 'not-absolute' | 'not-found' | 'exists' | 'not-a-file' | 'not-allowed' | 'failed';
  readonly message: string;
};

export interface UserFileTarget {
  /** Absolute. */
  readonly path: string;
  readonly overwrite: boolean;
}

export interface UserFiles {
  open(path: string): Promise<UserFileReader | UserFileProblem>;
  /** `tag` makes the draft's name its own; a file of that name is never touched. */
  create(target: UserFileTarget & { readonly tag: string }): Promise<UserFileWriter | UserFileProblem>;
  /** A draft that `keep`, or the end of the process, left. */
  resume(target: UserFileTarget & { readonly draft: string }): Promise<UserFileWriter | UserFileProblem>;
  /** Whether the path lies in the directory, links followed. A path whose folder does not exist lies nowhere. */
  isInside(path: string, directory: string): Promise<boolean>;
}

export const nodeUserFiles: UserFiles = {
  async open(path) {
    if (!nodePath.isAbsolute(path)) return notAbsolute(path);
    let handle: fs.FileHandle;
    try {
      // Not blocking: the other end of a pipe may never come.
      handle = await fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      return problemOf(error, path);
    }
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) {
      await handle.close();
      return notAFile(path);
    }
    return {
      sizeBytes: Number(stat.size),
      version: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`,
      read: (at, length) => readFrom(handle, at, length),
      close: () => handle.close(),
    };
  },

  async create({ path, overwrite, tag }) {
    if (!nodePath.isAbsolute(path)) return notAbsolute(path);
    const draft = `${path}.${tag}.partial`;
    try {
      const there = await fs.lstat(path).catch(() => null);
      if (there?.isDirectory() === true) return notAFile(path);
      if (there !== null && !overwrite) return { problem: 'exists', message: `${path} exists` };
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      return writer(await fs.open(draft, flags, 0o600), draft, 0, { path, overwrite });
    } catch (error) {
      return problemOf(error, path);
    }
  },

  async resume({ path, overwrite, draft }) {
    try {
      const handle = await fs.open(draft, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const stat = await handle.stat();
      if (stat.isFile()) return writer(handle, draft, stat.size, { path, overwrite });
      await handle.close();
      return notAFile(draft);
    } catch (error) {
      return problemOf(error, draft);
    }
  },

  async isInside(path, directory) {
    const [folder, root] = await Promise.all(
      [nodePath.dirname(path), directory].map((one) => fs.realpath(one).catch(() => null)),
    );
    if (typeof folder !== 'string' || typeof root !== 'string') return false;
    const way = nodePath.relative(root, folder);
    return way === '' || (way !== '..' && !way.startsWith(`..${nodePath.sep}`) && !nodePath.isAbsolute(way));
  },
};

function writer(
  handle: fs.FileHandle,
  draft: string,
  draftBytes: number,
  { path, overwrite }: UserFileTarget,
): UserFileWriter {
  return {
    draft,
    draftBytes,
    read: (at, length) => readFrom(handle, at, length),
    write: async (data, at) => {
      let put = 0;
      while (put < data.byteLength)
        put += (await handle.write(data, put, data.byteLength - put, at + put)).bytesWritten;
    },
    sync: () => handle.datasync(),
    finish: async (sizeBytes) => {
      await handle.truncate(sizeBytes);
      await handle.sync();
      try {
        if (overwrite) await fs.rename(draft, path);
        else await nameOnce(draft, path);
      } catch (error) {
        return problemOf(error, path);
      }
      await handle.close();
      const directory = await fs.open(nodePath.dirname(path), 'r');
      await directory.sync().finally(() => directory.close());
      return null;
    },
    keep: () => handle.close(),
    abandon: async () => {
      await handle.close();
      await fs.rm(draft, { force: true });
    },
  };
}

/** Gives the draft its final name unless something has that name: also what appeared a moment ago is not replaced. */
async function nameOnce(draft: string, path: string): Promise<void> {
  try {
    await fs.link(draft, path);
  } catch (error) {
    const code = codeOf(error);
    // Named already, by an attempt that was interrupted before the draft's own name was taken away.
    const ours = code === 'EEXIST' && (await sameFile(draft, path));
    if (!ours && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    if (!ours) {
      // A file system without hard links.
      if ((await fs.lstat(path).catch(() => null)) !== null)
        throw Object.assign(new Error(`${path} exists`), { code: 'EEXIST' });
      return fs.rename(draft, path);
    }
  }
  await fs.rm(draft);
}

async function sameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([fs.lstat(a), fs.lstat(b)]);
  return one.dev === other.dev && one.ino === other.ino;
}

async function readFrom(handle: fs.FileHandle, at: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const { bytesRead } = await handle.read(into, got, length - got, at + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return into.subarray(0, got);
}

const notAbsolute = (path: string): UserFileProblem => ({
  problem: 'not-absolute',
  message: `${path} is not an absolute path`,
});
const notAFile = (path: string): UserFileProblem => ({
  problem: 'not-a-file',
  message: `${path} is not a regular file`,
});

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
}

function problemOf(error: unknown, path: string): UserFileProblem {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return { problem: 'not-found', message: `${path} does not exist` };
  if (code === 'EEXIST') return { problem: 'exists', message: `${path} exists` };
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return { problem: 'not-allowed', message };
  if (code === 'EISDIR' || code === 'ELOOP' || code === 'ENXIO') return notAFile(path);
  return { problem: 'failed', message };
}

import fs from 'node:fs/promises';
import nodePath from 'node:path';

/** A file named by the person at the machine: absolute path, anywhere they may read or write. */
export interface UserFileReader {
  readonly sizeBytes: number;
  /** At most `length` bytes from `at`; shorter at the end. */
  read(at: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Written beside its final place; nothing is there under its name before `finish`. */
export interface UserFileWriter {
  write(data: Uint8Array, at: number): Promise<void>;
  /** Sets the size (what was not written is a hole), makes it durable and gives it its name. */
  finish(sizeBytes: number): Promise<void>;
  /** Leaves nothing behind. */
  abandon(): Promise<void>;
}

export type UserFileProblem = {
  readonly problem: 'not-absolute' | 'not-found' | 'exists' | 'not-a-file' | 'not-allowed' | 'failed';
  readonly message: string;
};

export interface UserFiles {
  open(path: string): Promise<UserFileReader | UserFileProblem>;
  create(path: string, options: { readonly overwrite: boolean }): Promise<UserFileWriter | UserFileProblem>;
}

export const nodeUserFiles: UserFiles = {
  async open(path) {
    if (!nodePath.isAbsolute(path)) return { problem: 'not-absolute', message: `${path} is not an absolute path` };
    let handle: fs.FileHandle;
    try {
      handle = await fs.open(path, 'r');
    } catch (error) {
      return problemOf(error, path);
    }
    const stat = await handle.stat();
    if (!stat.isFile()) {
      await handle.close();
      return { problem: 'not-a-file', message: `${path} is not a regular file` };
    }
    return {
      sizeBytes: stat.size,
      read: async (at, length) => {
        const into = new Uint8Array(length);
        let got = 0;
        while (got < length) {
          const { bytesRead } = await handle.read(into, got, length - got, at + got);
          if (bytesRead === 0) break;
          got += bytesRead;
        }
        return into.subarray(0, got);
      },
      close: () => handle.close(),
    };
  },

  async create(path, { overwrite }) {
    if (!nodePath.isAbsolute(path)) return { problem: 'not-absolute', message: `${path} is not an absolute path` };
    const draft = `${path}.partial`;
    let handle: fs.FileHandle;
    try {
      if (!overwrite && (await exists(path))) return { problem: 'exists', message: `${path} exists` };
      handle = await fs.open(draft, 'w', 0o600);
    } catch (error) {
      return problemOf(error, path);
    }
    return {
      write: async (data, at) => {
        let put = 0;
        while (put < data.byteLength)
          put += (await handle.write(data, put, data.byteLength - put, at + put)).bytesWritten;
      },
      finish: async (sizeBytes) => {
        await handle.truncate(sizeBytes);
        await handle.sync();
        await handle.close();
        await fs.rename(draft, path);
        const directory = await fs.open(nodePath.dirname(path), 'r');
        await directory.sync().finally(() => directory.close());
      },
      abandon: async () => {
        await handle.close();
        await fs.rm(draft, { force: true });
      },
    };
  },
};

async function exists(path: string): Promise<boolean> {
  return fs.lstat(path).then(
    () => true,
    () => false,
  );
}

function problemOf(error: unknown, path: string): UserFileProblem {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return { problem: 'not-found', message: `${path} does not exist` };
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return { problem: 'not-allowed', message };
  if (code === 'EISDIR') return { problem: 'not-a-file', message: `${path} is a directory` };
  return { problem: 'failed', message };
}

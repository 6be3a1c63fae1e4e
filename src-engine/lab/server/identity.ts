import { crc32 } from 'node:zlib';
import { StorageError, type Runtime, type Storage } from '../../runtime/index.ts';

/** What a server knows of itself on its own device: the id of its log, and the epoch it last raised on each pool. */
export interface Identity {
  readonly logId: string;
  readonly epochs: Readonly<Record<string, number>>;
}

const FILE = 'identity.json';
const FORMAT = 1;

export type IdentityResult =
  | { readonly kind: 'known'; readonly identity: Identity }
  | { readonly kind: 'new' }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/** Reads the identity; `new` only when the file does not exist. */
export async function readIdentity(storage: Storage): Promise<IdentityResult> {
  if (!(await storage.exists(FILE))) return { kind: 'new' };
  const file = await storage.open(FILE);
  const bytes = new Uint8Array(file.size);
  await file.read(bytes, 0);
  await file.close();
  const text = new TextDecoder().decode(bytes).replace(/\0+$/, '');
  try {
    const { format, check, identity } = JSON.parse(text) as { format: number; check: number; identity: Identity };
    if (format > FORMAT)
      return {
        kind: 'refused',
        code: 'server/newer-format',
        message: `${FILE} has format ${String(format)}; this version knows ${String(FORMAT)}`,
      };
    if (crc32(JSON.stringify(identity)) !== check) throw new Error('checksum');
    return { kind: 'known', identity };
  } catch {
    return {
      kind: 'refused',
      code: 'server/identity-damaged',
      message: `${FILE}, offset 0: expected a server identity with a valid checksum; restore the file from a backup`,
    };
  }
}

/** Durable when it returns. */
export async function writeIdentity(storage: Storage, runtime: Runtime, identity: Identity): Promise<void> {
  const bytes = new TextEncoder().encode(
    JSON.stringify({ format: FORMAT, check: crc32(JSON.stringify(identity)), identity }),
  );
  const draft = `identity-${runtime.random.id()}.draft`;
  const file = await storage.open(draft, { create: true, size: bytes.length });
  await file.commit([bytes], 0);
  await file.close();
  await storage.rename(draft, FILE);
  for (const left of await storage.list('identity-')) {
    await storage.remove(left).catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error;
    });
  }
}

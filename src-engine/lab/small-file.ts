/** Whole small files through `Storage`: replaced atomically, durable when the promise resolves. */
import type { Storage } from '../runtime/index.ts';

export async function readSmallFile(storage: Storage, path: string): Promise<Uint8Array> {
  const file = await storage.open(path);
  try {
    const bytes = new Uint8Array(file.size);
    await file.read(bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

export async function writeSmallFile(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  if (await storage.exists(temporary)) await storage.remove(temporary);
  const file = await storage.open(temporary, { create: true, size: bytes.byteLength });
  await file.commit([bytes], 0);
  await file.close();
  await storage.rename(temporary, path);
}

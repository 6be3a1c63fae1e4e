import { SECURITY_HEADERS } from '../web/index.ts';
import type { DoorClient } from '../engine/index.ts';

const CHUNK_BYTES = 2 ** 20;

/** The content of a volume as a host would read it, streamed; a chunk is read when the one before has been taken. */
export async function download(client: DoorClient, name: string): Promise<Response> {
  const volume = await client.volume.show({ volume: name });
  let offset = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const length = Math.min(CHUNK_BYTES, volume.sizeBytes - offset);
        if (length === 0) return controller.close();
        const { dataBase64 } = await client.volume.read({ volume: volume.id, offset, length });
        offset += length;
        controller.enqueue(Buffer.from(dataBase64, 'base64'));
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      ...SECURITY_HEADERS,
      'content-type': 'application/octet-stream',
      'content-length': String(volume.sizeBytes),
      'content-disposition': `attachment; filename="${volume.name}.img"`,
      'cache-control': 'no-store',
    },
  });
}

/** Writes the body from offset 0; every chunk is durable before the next is taken. */
export async function upload(client: DoorClient, name: string, request: Request): Promise<Response> {
  const volume = await client.volume.show({ volume: name });
  const tooLarge = (): Response =>
    Response.json(
      { message: `The volume holds ${volume.sizeBytes} bytes.` },
      { status: 413, headers: SECURITY_HEADERS },
    );
  if (Number(request.headers.get('content-length') ?? 0) > volume.sizeBytes) return tooLarge();
  let offset = 0;
  for await (const chunk of chunks(request.body)) {
    if (offset + chunk.length > volume.sizeBytes) return tooLarge();
    await client.volume.write({ volume: volume.id, offset, dataBase64: chunk.toString('base64') });
    offset += chunk.length;
  }
  return Response.json({ bytes: offset }, { headers: SECURITY_HEADERS });
}

/** Regroups a stream into chunks of `CHUNK_BYTES`; the last may be shorter. */
async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Buffer> {
  if (body === null) return;
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const part of body) {
    parts.push(part);
    held += part.byteLength;
    if (held < CHUNK_BYTES) continue;
    const joined = Buffer.concat(parts);
    let at = 0;
    for (; joined.length - at >= CHUNK_BYTES; at += CHUNK_BYTES) yield joined.subarray(at, at + CHUNK_BYTES);
    parts = [joined.subarray(at)];
    held = joined.length - at;
  }
  if (held > 0) yield Buffer.concat(parts);
}

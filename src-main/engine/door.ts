import { z } from 'zod';
import { WsHandler } from '@orpc/server/ws';
import type { StandardHandler } from '@orpc/server/standard';
import type { Caller, Engine } from './engine.ts';

/** One message of a door; a `volume.write` of 4 MiB in base64 fits. */
export const MAX_MESSAGE_BYTES = 8 * 2 ** 20;

/** The least that a WebSocket and a wrapped MessagePort have in common. */
export interface MessageChannelLike {
  send(data: string | Uint8Array | Blob): void;
  onMessage(receive: (data: unknown) => void): void;
  onClose(closed: () => void): void;
  /** Ends the channel: what came was not the protocol. */
  close(): void;
}

/**
 * Serves the contract on one channel until it closes. What is no text, or too long, ends the channel; text that is no
 * envelope is dropped. Nothing that arrives can throw into the process.
 */
export function attachDoor(engine: Engine, channel: MessageChannelLike, caller: Caller): void {
  const handler = new WsHandler<Caller>(engine.rpc as StandardHandler<Caller>);
  const socket = {
    send: (data: string | Uint8Array) => channel.send(data),
    addEventListener(event: string, listener: (event: { data: unknown }) => unknown) {
      if (event === 'close') channel.onClose(() => void listener({ data: undefined }));
      if (event === 'message') {
        channel.onMessage((data) => {
          if (typeof data !== 'string' || data.length > MAX_MESSAGE_BYTES) channel.close();
          else if (isEnvelope(data)) void listener({ data });
        });
      }
    },
  };
  void handler.upgrade(socket as unknown as Parameters<WsHandler<Caller>['upgrade']>[0], { context: caller });
}

/**
 * oRPC's envelope of a request (`t` absent or 1) or of its abortion (4). Checked here because the library would write every
 * other message to the console as a failure of its own. Binary messages and client streams do not occur: no procedure
 * takes a file or an iterator.
 */
const idSchema = z.string().min(1).max(64);
const envelopeSchema = z.union([
  z.object({
    i: idSchema,
    t: z.literal(1).optional(),
    p: z.object({
      u: z
        .string()
        .max(2048)
        .refine((url) => URL.canParse(url.startsWith('/') ? `http://orpc${url}` : url)),
      m: z.string().max(16).optional(),
      h: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
    }),
  }),
  z.object({ i: idSchema, t: z.literal(4) }),
]);

function isEnvelope(text: string): boolean {
  try {
    return envelopeSchema.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

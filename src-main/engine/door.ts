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
 * Serves the contract on one channel until it closes. What is neither text nor bytes, or too large, ends the channel;
 * what does not decode is dropped. Nothing that arrives can throw into the process.
 */
export function attachDoor(engine: Engine, channel: MessageChannelLike, caller: Caller): void {
  const handler = new WsHandler<Caller>(engine.rpc as StandardHandler<Caller>);
  const socket = {
    send: (data: string | Uint8Array) => channel.send(data),
    addEventListener(event: string, listener: (event: { data: unknown }) => unknown) {
      if (event === 'close') channel.onClose(() => void listener({ data: undefined }));
      if (event === 'message') {
        channel.onMessage((data) => {
          const size = messageBytes(data);
          if (size === null || size > MAX_MESSAGE_BYTES) channel.close();
          else if (plausible(data)) void listener({ data });
        });
      }
    },
  };
  void handler.upgrade(socket as unknown as Parameters<WsHandler<Caller>['upgrade']>[0], { context: caller });
}

function messageBytes(data: unknown): number | null {
  if (typeof data === 'string') return data.length;
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return data.byteLength;
  if (Array.isArray(data) && data.every((part) => ArrayBuffer.isView(part)))
    return data.reduce((sum, part) => sum + part.byteLength, 0);
  return null;
}

/** Text must be an envelope `{ i: id, ... }`; oRPC would write every other message to the console as a bug. */
function plausible(data: unknown): boolean {
  if (typeof data !== 'string') return true;
  try {
    const message: unknown = JSON.parse(data);
    if (typeof message !== 'object' || message === null || !('i' in message)) return false;
    if (typeof message.i !== 'string' || message.i.length > 64) return false;
    const payload: unknown = 'p' in message ? message.p : undefined;
    return payload === undefined || (typeof payload === 'object' && payload !== null);
  } catch {
    return false;
  }
}

import { createORPCClient, ORPCError } from '@orpc/client';
import { RPCLink as PortLink } from '@orpc/client/message-port';
import { RPCLink as SocketLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import type { DoorContract, Refusal } from '../../src-engine/contract/index.ts';
import { requestPort } from './bridge.ts';

export type Client = ContractRouterClient<DoorContract>;

/** One connection to the engine. `closed` settles once, when nothing more can come through it. */
export interface Transport {
  readonly client: Client;
  readonly closed: Promise<void>;
  close(): void;
}

function overPort(port: MessagePort): Transport {
  const client: Client = createORPCClient(new PortLink({ port }));
  const closed = new Promise<void>((resolve) => {
    // A port tells of its end only through the `close` event of newer Chromium.
    port.addEventListener('close', () => resolve());
  });
  port.start();
  return { client, closed, close: () => port.close() };
}

/** The host answers, but not to this session: it was started anew, with a new key. Waiting does not help. */
export class SessionEndedError extends Error {}

async function whyClosed(): Promise<Error> {
  try {
    const { status } = await fetch('/', { method: 'HEAD', cache: 'no-store' });
    if (status === 401 || status === 403) return new SessionEndedError('this session has ended');
  } catch {
    // Nobody there: the usual case.
  }
  return new Error('the engine does not answer');
}

function overSocket(url: string): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const websocket = new WebSocket(url);
    const client: Client = createORPCClient(new SocketLink({ websocket }));
    const closed = new Promise<void>((done) => {
      websocket.addEventListener('close', () => {
        done();
        void whyClosed().then(reject);
      });
    });
    websocket.addEventListener('open', () => resolve({ client, closed, close: () => websocket.close() }));
  });
}

/** Desktop: a port from the preload. Everywhere else: a socket to the origin that served this page. */
export async function openTransport(): Promise<Transport> {
  const bridge = window.lockstep;
  if (bridge !== undefined) return overPort(await requestPort(bridge));
  return overSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/rpc`);
}

/** The refusal inside an error, or null where the error is something else. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof ORPCError && error.code === 'REFUSED') return error.data as Refusal;
  return null;
}

/** A sentence for people, whatever went wrong. */
export function explain(error: unknown): string {
  const refusal = refusalOf(error);
  if (refusal !== null) return refusal.hint === '' ? refusal.message : `${refusal.message} ${refusal.hint}`;
  return error instanceof Error ? error.message : String(error);
}

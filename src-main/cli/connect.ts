import { existsSync } from 'node:fs';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { WebSocket } from 'ws';
import {
  controlSocketPath,
  Engine,
  isListening,
  MAX_MESSAGE_BYTES,
  messageOf,
  openControlSocket,
  refusal,
  refusalIn,
  type Caller,
  type DoorClient,
  type LabOpener,
} from '../engine/index.ts';
import { CommandFailure, EXIT } from './io.ts';

export interface Connection {
  readonly client: DoorClient;
  /** True where this very command holds the lab. */
  readonly own: boolean;
  close(): Promise<void>;
}
export interface ConnectOptions {
  readonly directory: string;
  /** Makes the lab first; refused where one is. */
  readonly create?: { readonly demo?: 'two-site'; readonly name?: string };
  /** Where no host runs: only look, change nothing. */
  readonly look?: boolean;
}
export type Connect = (options: ConnectOptions) => Promise<Connection>;

/** How long a command waits for a host that holds the lab and does not answer yet. */
const HOST_START_MS = 10_000;

export const CLI_CALLER: Caller = { actor: 'cli', local: true };

/** Talks to the host that serves the lab; where none runs, opens the lab for the duration of the command. */
export function connector(openLab: LabOpener, version: string): Connect {
  return async ({ directory, create, look }) => {
    const path = controlSocketPath(directory);
    if (process.platform === 'win32' || existsSync(path)) {
      if (await isListening(path)) {
        const connection = await dial(path);
        if (create !== undefined)
          await connection.client.host.create(create).catch((error: unknown) => closeAndThrow(connection, error));
        return connection;
      }
    }
    try {
      return await serveForOneCommand(directory, openLab, version, create, look === true);
    } catch (error) {
      const locked = error instanceof CommandFailure && error.refusal.code === 'lab/locked';
      if (locked && create === undefined && (await listensSoon(path))) return dial(path);
      throw error;
    }
  };
}

/** A host that has just started holds the lab before it answers; one that has just ended a command lets go of it soon. */
async function listensSoon(path: string): Promise<boolean> {
  const until = performance.now() + HOST_START_MS;
  while (performance.now() < until) {
    if (existsSync(path) && (await isListening(path))) return true;
    // A foreign process: nothing announces that it listens, so it is asked ten times a second, within HOST_START_MS.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function closeAndThrow(connection: Connection, error: unknown): Promise<never> {
  await connection.close();
  throw error;
}

async function dial(path: string): Promise<Connection> {
  const socket = new WebSocket(`ws+unix:${path}:/rpc`, { maxPayload: MAX_MESSAGE_BYTES, handshakeTimeout: 10_000 });
  const client: DoorClient = createORPCClient(new RPCLink({ websocket: socket as unknown as globalThis.WebSocket }));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', (error) =>
      reject(
        new CommandFailure(
          refusal(
            'host/unreachable',
            `The host at ${path} does not answer: ${error.message}`,
            'Is it stopped? Then try again.',
          ),
          EXIT.unreachable,
        ),
      ),
    );
  });
  return {
    client,
    own: false,
    close: () =>
      new Promise((resolve) => {
        if (socket.readyState === WebSocket.CLOSED) return resolve();
        socket.once('close', () => resolve());
        socket.close();
      }),
  };
}

async function serveForOneCommand(
  directory: string,
  openLab: LabOpener,
  version: string,
  create: ConnectOptions['create'],
  look: boolean,
): Promise<Connection> {
  const engine = new Engine({ directory, host: 'command', version, openLab, onBug: () => undefined });
  try {
    // Before a command acts, the pairs have met: else it would see everything fractured.
    await engine.open({
      directory,
      ...(look ? { look } : { settled: true }),
      ...(create === undefined ? {} : { create }),
    });
  } catch (error) {
    const reason = refusalIn(error) ?? refusal('lab/open-failed', messageOf(error), 'See the message.');
    // Somebody holds the lab but does not answer: not a refusal of the engine, there is none to be reached.
    throw new CommandFailure(reason, reason.code === 'lab/locked' ? EXIT.unreachable : EXIT.refused);
  }
  // Nobody else is to act on a lab that is only looked at.
  if (look) return { client: engine.client(CLI_CALLER), own: true, close: () => engine.close() };
  const socket = await openControlSocket(engine, directory, CLI_CALLER);
  await engine.announce({ socket: socket.path });
  return {
    client: engine.client(CLI_CALLER),
    own: true,
    close: async () => {
      await socket.close();
      await engine.close();
    },
  };
}

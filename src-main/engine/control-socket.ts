import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import { attachDoor, MAX_MESSAGE_BYTES, type MessageChannelLike } from './door.ts';
import type { Caller, Engine } from './engine.ts';
import { refusal, refused } from './refusals.ts';

/** What one client may leave unread. */
const MAX_BUFFERED_BYTES = 2 * MAX_MESSAGE_BYTES;
/** sun_path holds 108 bytes on Linux, 104 elsewhere. */
const MAX_SOCKET_PATH_BYTES = 100;

/** Where a host of this directory listens: the owner's own word in `lab.lock`, else the place that follows from the path. */
export function controlSocketPath(directory: string): string {
  const real = existsSync(directory) ? realpathSync(directory) : directory;
  const id = createHash('sha256').update(real).digest('hex').slice(0, 16);
  if (process.platform === 'win32') return `\\\\.\\pipe\\lockstep-${id}`;
  const own = join(real, 'control.sock');
  // A copied lab brings the word of the lab it was copied from: only a socket of this very directory counts.
  const announced = announcedSocket(directory);
  if (announced !== null && (announced === own || basename(announced) === `${id}.sock`)) return announced;
  if (Buffer.byteLength(own) <= MAX_SOCKET_PATH_BYTES) return own;
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const base = runtime === undefined ? join(tmpdir(), `lockstep-${userInfo().uid}`) : join(runtime, 'lockstep');
  return join(base, `${id}.sock`);
}

function announcedSocket(directory: string): string | null {
  try {
    const owner: unknown = JSON.parse(readFileSync(join(directory, 'lab.lock'), 'utf8'));
    if (
      typeof owner === 'object' &&
      owner !== null &&
      'socket' in owner &&
      typeof owner.socket === 'string' &&
      owner.socket !== ''
    )
      return owner.socket;
  } catch {
    // No lock, or one being written: the path that follows from the directory is as good.
  }
  return null;
}

/** True where somebody accepts connections. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

export function webSocketChannel(socket: WebSocket): MessageChannelLike {
  return {
    send: (data) => {
      if (socket.readyState !== socket.OPEN) return;
      // Who does not read is let go before it fills the memory: it comes back and resumes from what it last saw.
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
      else socket.send(data as string | Uint8Array);
    },
    onMessage: (receive) =>
      socket.on('message', (data, isBinary) => receive(isBinary ? data : (data as Buffer).toString('utf8'))),
    onClose: (closed) => socket.once('close', closed),
    close: () => socket.close(1007, 'not the protocol'),
  };
}

export interface ControlSocket {
  readonly path: string;
  close(): Promise<void>;
}

/** Serves the contract on the lab's control socket, mode 0600. A socket left by a crashed host is replaced; a live one is respected. */
export async function openControlSocket(engine: Engine, directory: string, caller: Caller): Promise<ControlSocket> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = controlSocketPath(directory);
  if (process.platform !== 'win32') {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    if (existsSync(path)) {
      if (await isListening(path)) {
        throw refused(
          refusal(
            'lab/locked',
            `Another host serves ${directory}.`,
            'Use that host (the command line does so by itself), or stop it first.',
          ),
        );
      }
      unlinkSync(path);
    }
  }
  const server = createServer((_request, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({ server, path: '/rpc', maxPayload: MAX_MESSAGE_BYTES });
  sockets.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    attachDoor(engine, webSocketChannel(socket), caller);
  });
  await listenPrivately(server, path);
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        sockets.close();
        server.close(() => resolve());
      }),
  };
}

/** No instant at which others could connect: the mode comes from the umask, not from a later chmod alone. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  if (process.platform !== 'win32') chmodSync(path, 0o600);
}

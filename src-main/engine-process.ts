/**
 * Entry of the process that runs a lab and serves the contract on ports: Electron's `utilityProcess`. The main process
 * sends `{ type: 'start', ... }` once, then `{ type: 'port' }` with a MessagePort for every window that connects, and
 * `{ type: 'open', directory }` when a person chose a lab in a native dialog. This process answers `{ type: 'status' }`
 * whenever that changes. `{ type: 'stop' }` closes the lab gracefully and ends the process.
 */
import { z } from 'zod';
import {
  attachDoor,
  Engine,
  messageOf,
  openControlSocket,
  spreadNet,
  type Caller,
  type ControlSocket,
  type MessageChannelLike,
} from './engine/index.ts';
import { openRealLab } from './engine/lab.ts';

/** The part of Electron's MessagePortMain that is used here. */
interface PortMain {
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  postMessage(message: unknown): void;
  start(): void;
  close(): void;
}
interface ParentPort {
  on(event: 'message', listener: (event: { data: unknown; ports: readonly PortMain[] }) => void): unknown;
  postMessage(message: unknown): void;
}

const orderSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('start'),
    directory: z.string(),
    version: z.string(),
    engineStarts: z.number(),
    lastCrash: z.string().nullable(),
  }),
  z.strictObject({ type: z.literal('port') }),
  z.strictObject({ type: z.literal('open'), directory: z.string() }),
  z.strictObject({ type: z.literal('stop') }),
]);
export type EngineOrder = z.infer<typeof orderSchema>;

/** Windows may not name files of the machine: they ask the main process, which shows a native dialog. */
const CONSOLE: Caller = { actor: 'console', local: false };
const CLI: Caller = { actor: 'cli', local: true };

function portChannel(port: PortMain): MessageChannelLike {
  return {
    send: (data) => port.postMessage(data),
    onMessage: (receive) => void port.on('message', (event) => receive(event.data)),
    onClose: (closed) => void port.on('close', closed),
    close: () => port.close(),
  };
}

function serveParent(parent: ParentPort): void {
  let engine: Engine | null = null;
  let socket: ControlSocket | null = null;
  /** Windows that connected before the lab was there. */
  const early: PortMain[] = [];

  const onBug = (error: unknown, path: readonly string[]): void => {
    process.stderr.write(
      `${path.join('.')}: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
    );
  };
  const tell = (): void => {
    if (engine !== null) parent.postMessage({ type: 'status', status: engine.status() });
  };
  const admit = (port: PortMain): void => {
    if (engine === null) return void early.push(port);
    attachDoor(engine, portChannel(port), CONSOLE);
    port.start();
  };
  const listen = async (of: Engine): Promise<void> => {
    // Another host may serve this directory: the state says so, and the window shows it.
    socket = await openControlSocket(of, of.status().directory, CLI).catch(() => null);
    if (socket !== null) await of.announce({ socket: socket.path });
  };

  const obey = async (order: EngineOrder, ports: readonly PortMain[]): Promise<void> => {
    switch (order.type) {
      case 'start': {
        engine = new Engine({ ...order, host: 'desktop', openLab: openRealLab, onBug });
        spreadNet(engine, onBug);
        for (const port of early.splice(0)) admit(port);
        const starting = engine.start();
        tell();
        await starting;
        await listen(engine);
        return tell();
      }
      case 'port':
        for (const port of ports) admit(port);
        return;
      case 'open': {
        if (engine === null) return;
        await socket?.close();
        await engine.close();
        await engine.open({ directory: order.directory }).catch(() => undefined); // the state carries the refusal
        await listen(engine);
        return tell();
      }
      case 'stop':
        await socket?.close();
        await engine?.close();
        process.exit(0);
    }
  };

  parent.on('message', ({ data, ports }) => {
    const order = orderSchema.safeParse(data);
    if (order.success) void obey(order.data, ports).catch((error: unknown) => onBug(error, ['engine-process']));
  });
}

const parentPort = (process as { parentPort?: ParentPort }).parentPort;
if (parentPort === undefined) {
  process.stderr.write('This file is started by the desktop host; in a terminal use: lockstep serve --lab DIR\n');
  process.exitCode = 2;
} else {
  serveParent(parentPort);
}

import { ipcMain, MessageChannelMain, type MessagePortMain } from 'electron';
import { isOwnPage } from './origin.ts';

const CHANNEL = 'lockstep:port';

/**
 * Security rule 6, the only IPC there is: a window's main frame with a page of ours asks for a port, the other end goes to
 * the engine process. Anybody else gets nothing.
 */
export function handOverPorts(giveToEngine: (port: MessagePortMain) => void): void {
  ipcMain.on(CHANNEL, (event) => {
    const frame = event.senderFrame;
    if (frame === null || frame.parent !== null || !isOwnPage(frame.url)) return;
    const { port1, port2 } = new MessageChannelMain();
    giveToEngine(port1);
    frame.postMessage(CHANNEL, null, [port2]);
  });
}

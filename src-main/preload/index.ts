import { contextBridge, ipcRenderer } from 'electron';

/**
 * The only thing the page can reach of the desktop (security rule 8): ask for a port straight to the engine. The port
 * arrives as a `message` event of the window with `data.type === 'lockstep:port'`; nothing else ever passes through here.
 */
const CHANNEL = 'lockstep:port';

ipcRenderer.on(CHANNEL, (event) => {
  // The page is ours (`app://console`): its own origin is the only one that can receive this.
  window.postMessage({ type: CHANNEL }, window.location.origin, event.ports);
});

contextBridge.exposeInMainWorld(
  'lockstep',
  Object.freeze({
    connect(): void {
      ipcRenderer.send(CHANNEL);
    },
  }),
);

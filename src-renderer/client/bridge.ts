/**
 * What the desktop's preload exposes, if anything: `window.lockstep.connect()` asks the main process for a port straight to
 * the engine; the port arrives as a `message` event of this window with `data.type === 'lockstep:port'`.
 */
export interface DesktopBridge {
  connect(): void;
}

declare global {
  interface Window {
    readonly lockstep?: DesktopBridge;
  }
}

export const PORT_MESSAGE = 'lockstep:port';
const PORT_TIMEOUT_MS = 10_000;

/** Asks for a fresh port; rejects when none comes. */
export function requestPort(bridge: DesktopBridge): Promise<MessagePort> {
  return new Promise((resolve, reject) => {
    const onMessage = (event: MessageEvent<unknown>): void => {
      const data = event.data;
      const port = event.ports[0];
      if (event.source !== window || port === undefined) return;
      if (typeof data !== 'object' || data === null || !('type' in data) || data.type !== PORT_MESSAGE) return;
      settle();
      resolve(port);
    };
    const timer = setTimeout(() => {
      settle();
      reject(new Error('the engine handed over no port'));
    }, PORT_TIMEOUT_MS);
    const settle = (): void => {
      clearTimeout(timer);
      window.removeEventListener('message', onMessage);
    };
    window.addEventListener('message', onMessage);
    bridge.connect();
  });
}

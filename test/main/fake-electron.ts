/**
 * A recording fake of `electron` (security.md, layer A): the desktop's real entry and preload run against it under vitest.
 * It records what was asked of Electron, in order, and lets a test raise Electron's events.
 */
import { EventEmitter } from 'node:events';

type Handler = (...args: never[]) => unknown;

export interface Recorded {
  /** Names of calls in order: `app.enableSandbox`, `new BrowserWindow` ... */
  readonly calls: string[];
  readonly windows: FakeWindow[];
  readonly children: FakeChild[];
  readonly schemes: unknown[];
  readonly protocolHandlers: Map<string, (request: Request) => Promise<Response> | Response>;
  readonly ipc: Map<string, Handler>;
  readonly permission: { request?: Handler; check?: Handler; device?: Handler };
  readonly opened: string[];
  readonly exposed: Map<string, object>;
  readonly sent: unknown[][];
  readonly received: Map<string, Handler>;
  menu: unknown;
}

export const recorded: Recorded = {
  calls: [],
  windows: [],
  children: [],
  schemes: [],
  protocolHandlers: new Map(),
  ipc: new Map(),
  permission: {},
  opened: [],
  exposed: new Map(),
  sent: [],
  received: new Map(),
  menu: null,
};
const note = (call: string): void => void recorded.calls.push(call);

let makeReady: () => void = () => undefined;
const ready = new Promise<void>((resolve) => (makeReady = resolve));
export const settings = {
  noSandbox: false,
  isPackaged: false,
  gotLock: true,
  userData: '/nonexistent',
  appPath: '/app',
  makeReady: () => makeReady(),
};

class FakeApp extends EventEmitter {
  get isPackaged(): boolean {
    return settings.isPackaged;
  }
  // Said on the command line, and yet: only root in a checkout is obeyed.
  commandLine = { hasSwitch: (name: string): boolean => name === 'no-sandbox' && settings.noSandbox };
  enableSandbox = (): void => note('app.enableSandbox');
  requestSingleInstanceLock = (): boolean => {
    note('app.requestSingleInstanceLock');
    return settings.gotLock;
  };
  setAsDefaultProtocolClient = (scheme: string): void => note(`app.setAsDefaultProtocolClient ${scheme}`);
  whenReady = (): Promise<void> => {
    note('app.whenReady');
    return ready;
  };
  getAppPath = (): string => settings.appPath;
  getPath = (): string => settings.userData;
  getVersion = (): string => '0.1.0';
  quit = (): void => note('app.quit');
}
export const app = new FakeApp();

export class FakeContents extends EventEmitter {
  openHandler: ((details: { url: string }) => { action: string }) | null = null;
  reloads = 0;
  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.openHandler = handler;
  }
  reload(): void {
    this.reloads += 1;
  }
}

export class FakeWindow extends EventEmitter {
  readonly options: { webPreferences: Record<string, unknown> } & Record<string, unknown>;
  readonly webContents = new FakeContents();
  readonly loaded: string[] = [];
  constructor(options: FakeWindow['options']) {
    super();
    note('new BrowserWindow');
    this.options = options;
    recorded.windows.push(this);
    app.emit('web-contents-created', {}, this.webContents);
  }
  static getAllWindows = (): FakeWindow[] => recorded.windows;
  static getFocusedWindow = (): null => null;
  loadURL(url: string): Promise<void> {
    this.loaded.push(url);
    return Promise.resolve();
  }
  show = (): void => note('window.show');
  focus = (): void => note('window.focus');
  maximize = (): void => note('window.maximize');
  restore = (): void => note('window.restore');
  isMinimized = (): boolean => true;
  isMaximized = (): boolean => true;
  getNormalBounds = (): object => ({ x: 10, y: 20, width: 1000, height: 700 });
}
export { FakeWindow as BrowserWindow };

export class FakeChild extends EventEmitter {
  readonly entry: string;
  readonly messages: { message: { type: string }; ports: unknown[] }[] = [];
  killed = false;
  constructor(entry: string) {
    super();
    this.entry = entry;
    recorded.children.push(this);
  }
  postMessage(message: { type: string }, ports: unknown[] = []): void {
    this.messages.push({ message, ports });
  }
  kill(): void {
    this.killed = true;
  }
}
export const utilityProcess = {
  fork: (entry: string): FakeChild => {
    note('utilityProcess.fork');
    return new FakeChild(entry);
  },
};

export const protocol = {
  registerSchemesAsPrivileged: (schemes: unknown[]): void => {
    note('protocol.registerSchemesAsPrivileged');
    recorded.schemes.push(...schemes);
  },
  handle: (scheme: string, handler: (request: Request) => Promise<Response>): void =>
    void recorded.protocolHandlers.set(scheme, handler),
};
export const session = {
  defaultSession: {
    setPermissionRequestHandler: (handler: Handler): void => void (recorded.permission.request = handler),
    setPermissionCheckHandler: (handler: Handler): void => void (recorded.permission.check = handler),
    setDevicePermissionHandler: (handler: Handler): void => void (recorded.permission.device = handler),
  },
};
export const shell = {
  openExternal: (url: string): Promise<void> => {
    recorded.opened.push(url);
    return Promise.resolve();
  },
};
export const ipcMain = { on: (channel: string, handler: Handler): void => void recorded.ipc.set(channel, handler) };
export class MessageChannelMain {
  readonly port1 = { name: 'engine end' };
  readonly port2 = { name: 'window end' };
}
export const screen = { getAllDisplays: (): object[] => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] };
export const nativeTheme = { shouldUseDarkColors: true };
export const dialog = {
  showOpenDialog: (): Promise<object> => Promise.resolve({ canceled: false, filePaths: ['/chosen'] }),
};
export const Menu = {
  buildFromTemplate: (template: unknown): unknown => template,
  setApplicationMenu: (menu: unknown): void => void (recorded.menu = menu),
};

export const contextBridge = {
  exposeInMainWorld: (name: string, api: object): void => void recorded.exposed.set(name, api),
};
export const ipcRenderer = {
  on: (channel: string, handler: Handler): void => void recorded.received.set(channel, handler),
  send: (...args: unknown[]): void => void recorded.sent.push(args),
};

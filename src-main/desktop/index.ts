/**
 * The desktop host: Electron's main process. It owns the engine's life, its directory and the hand-over of ports, and
 * nothing else: windows speak straight to the engine process (decision 0001). The security rules 1-4, 6, 9-12, 19 and 21
 * of the design are kept here, each in the file of its name.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { app, BrowserWindow, dialog } from 'electron';
import { pageOfDeepLink } from './deep-link.ts';
import { denyPermissions, lockEverything } from './locks.ts';
import { setMenu } from './menu.ts';
import { handOverPorts } from './port-handover.ts';
import { registerScheme, serveConsole } from './protocol.ts';
import { EngineSupervisor } from './supervisor.ts';
import { goTo, openWindow } from './window.ts';

/** The folder of the application: package.json and out/ are in it, packaged or not. */
const root = app.getAppPath();
const preload = join(root, 'out', 'preload', 'index.cjs');

const labDirectory = (): string => process.env['LOCKSTEP_LAB'] ?? join(homedir(), 'Lockstep', 'demo');

function linkIn(argv: readonly string[]): string | null {
  for (const argument of argv) {
    const page = pageOfDeepLink(argument);
    if (page !== null) return page;
  }
  return null;
}

/** Brings a window to the front, on that page if one is named. */
function show(page: string | null): void {
  const window = BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows()[0];
  if (window === undefined) return void openWindow({ preload, page: page ?? '/' });
  if (window.isMinimized()) window.restore();
  window.focus();
  if (page !== null) goTo(window, page);
}

async function chooseLab(engine: EngineSupervisor): Promise<void> {
  const chosen = await dialog.showOpenDialog({ title: 'Open lab', properties: ['openDirectory', 'createDirectory'] });
  const directory = chosen.filePaths[0];
  if (!chosen.canceled && directory !== undefined) engine.open(directory);
}

function run(): void {
  const engine = new EngineSupervisor({
    entry: join(root, 'out', 'main', 'engine-process.js'),
    directory: labDirectory(),
    version: app.getVersion(),
    onStart: () => undefined,
    onCrash: (reason) => process.stderr.write(`${reason}; it is started again\n`),
  });

  app.on('second-instance', (_event, argv) => show(linkIn(argv)));
  app.on('open-url', (event, url) => {
    event.preventDefault();
    const page = pageOfDeepLink(url);
    if (page !== null) show(page);
  });
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  // Chromium's own handling of these would not wait for the engine.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => app.quit());
  let stopped = false;
  app.on('before-quit', (event) => {
    if (stopped) return;
    // The engine takes its last consistency points before anything ends.
    event.preventDefault();
    void engine.stop().then(() => {
      stopped = true;
      app.quit();
    });
  });

  if (app.isPackaged) app.setAsDefaultProtocolClient('lockstep');
  void app.whenReady().then(() => {
    denyPermissions();
    serveConsole(join(root, 'out', 'renderer'));
    handOverPorts((port) => engine.give(port));
    setMenu({
      openLab: () => void chooseLab(engine),
      newWindow: () => openWindow({ preload, page: '/' }),
      go: show,
      devTools: !app.isPackaged,
    });
    engine.start();
    openWindow({ preload, page: linkIn(process.argv) ?? '/' });
    app.on('activate', () => {
      if (BrowserWindow.getAllWindows().length === 0) openWindow({ preload, page: '/' });
    });
  });
}

/**
 * Chromium's sandbox does not run as root. A checkout tested as root on a throw-away machine may say `--no-sandbox`; nobody
 * else can: `enableSandbox` overrides the switch, and a packaged build always calls it.
 */
const rootInCheckout = !app.isPackaged && process.getuid?.() === 0 && app.commandLine.hasSwitch('no-sandbox');
if (!rootInCheckout) app.enableSandbox();
registerScheme();
lockEverything();
if (app.requestSingleInstanceLock()) run();
else app.quit();
